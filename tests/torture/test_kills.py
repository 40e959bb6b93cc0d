"""Every command killed at a random instant while readers watch: no torn copy, no stuck lock, no damaged archive.

Publishers alone, many times over, are in test_readers.py. RECOUP_TORTURE_KILLS sets the number of kills (200).
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.archive.backup import copy_warehouse
from pipelines.archive.store import Archive
from pipelines.archive.verify import verify
from pipelines.ingest.poll import poll
from pipelines.nightly import check_and_publish
from pipelines.paths import Layout
from pipelines.publish.parquet import export_parquet
from pipelines.settings import Settings
from pipelines.transform.checks import run_checks
from tests.support.bodies import NOON, body, run, task
from tests.support.warehouse_builder import models

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("RECOUP_TORTURE_KILLS", "200"))
PROGRAM = Path(sys.executable).parent / "recoup-warehouse"
AGREES = (
    "select (select max(poll_id) from core.polls) = (select last_poll_id from marts.warehouse_info) "
    "and (select count(*) from core.runs) = (select run_count from marts.warehouse_info)"
)


def commands(settings: Settings, number: int) -> list[list[str]]:
    at = (NOON + timedelta(minutes=number)).isoformat()
    saved = settings.layout.root.parent / f"saved-{number}.json"
    runs = [run(f"run_{number}_{count}", NOON - timedelta(hours=count)) for count in range(3)]
    saved.write_bytes(body([task(runs=runs)]))
    beside = settings.layout.root.parent
    return [
        ["poll", "--load", str(saved), "--at", at],
        ["build", "--at", at],
        ["publish"],
        ["rebuild"],
        ["backup", str(beside / "copy")],
        ["export", "--out", str(beside / "exported")],
    ]


def agrees(settings: Settings) -> bool:
    with duckdb.connect(str(settings.layout.published_file), read_only=True) as con:
        return con.execute(AGREES).fetchall() == [(True,)]


def test_any_command_may_be_killed_at_any_instant(tmp_path: Path) -> None:
    dice, killed, ended = random.Random(KILLS), Counter[str](), Counter[str]()
    settings = Settings.load(warehouse_dir=tmp_path / "w", privacy_key="k", lock_wait_seconds=0)
    environment = os.environ | {"RECOUP_WAREHOUSE_DIR": str(settings.layout.root), "RECOUP_PRIVACY_KEY": "k"}
    first = commands(settings, 0)[0][2]
    poll(settings, clock=lambda: NOON, load_files=[Path(first)])
    check_and_publish(settings, clock=lambda: NOON, models=models())
    began = time.monotonic()
    subprocess.run([PROGRAM, "build"], env=environment, stdout=subprocess.DEVNULL, check=True)
    took = time.monotonic() - began
    for number in range(1, KILLS + 1):
        able = commands(settings, number)
        command = able[number % len(able)]
        process = subprocess.Popen(
            [PROGRAM, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ends = time.monotonic() + dice.uniform(0.2, 1.2) * took
        while time.monotonic() < ends and process.poll() is None:
            assert agrees(settings)
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        (killed if process.wait() == -signal.SIGKILL else ended)[command[0]] += 1
        assert agrees(settings), command
    assert list(verify(Archive(settings.layout.archive))) == []
    copy = Layout(tmp_path / "copy")
    copy_warehouse(settings.layout, copy)
    assert list(verify(Archive(copy.archive))) == []
    assert Archive(copy.archive).poll_ids() == Archive(settings.layout.archive).poll_ids()
    export_parquet(settings.layout, tmp_path / "exported")
    check_and_publish(settings, clock=lambda: NOON, models=models())
    with duckdb.connect(str(settings.layout.published_file), read_only=True) as con:
        assert [result for result in run_checks(con, models()) if result.blocks] == []
    layout = settings.layout
    left = [path for path in layout.root.rglob("*") if path.suffix == ".tmp" or path.name.startswith(".staging")]
    assert left == [path for path in left if path.is_relative_to(layout.archive / "incoming")]
    sys.stderr.write(f"\n{KILLS} commands: killed {dict(killed)}, ended before {dict(ended)}\n")
