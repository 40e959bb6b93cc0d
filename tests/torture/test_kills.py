"""Every command killed at a random instant while readers watch: nothing torn, stuck, damaged or left running.

Publishers alone, many times over, are in test_readers.py. RECOUP_TORTURE_KILLS sets the number of kills (200).
"""

import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.archive.store import Archive
from pipelines.archive.verify import verify
from pipelines.cli.main import cli
from pipelines.clock import utc_now
from pipelines.paths import Layout
from pipelines.simulator import serve
from pipelines.transform.checks import run_checks
from tests.support.simulator_helpers import one_task
from tests.support.warehouse_builder import models
from tests.torture.every_command import LASTING, MINUTES, Yard

KILLS = int(os.environ.get("RECOUP_TORTURE_KILLS", "200"))
# Killed three times as often as the others, since they write the most.
WRITERS = {"poll", "build", "publish", "nightly", "rebuild", "backup", "restore", "export", "demo"}
LONGEST_SECONDS = 5.0
END_SECONDS = 30
# Dagster lets a run that is under way come to its end, which may be a poll that is tried three times.
RUN_SECONDS = 300
# Of the Dagster that `dev` started, and that is told to end while it starts, since `dev` was killed.
DAGSTER_TOLD_TO_END = re.compile(
    rb"Traceback \(most recent call last\):\n(?: .*\n)+dagster\._core\.errors\.DagsterExecutionInterruptedError\n"
)
# `doctor` says with 1 that something is wrong, here the clock of the simulated API.
GOOD_CODES = {"doctor": {0, 1}}
SEEN = (
    "select (select last_poll_id from marts.warehouse_info), (select run_count from marts.warehouse_info), "
    "(select max(poll_id) from core.polls), (select count(*) from core.runs), "
    "(select count(*) from duckdb_tables() where schema_name = 'marts')"
)

# Without what a build fills in: the restored file is not built.
COLUMNS = "columns(lambda name: name not in ('created_date', 'last_observed_at'))"


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    simulator = one_task(cron=f"*/{MINUTES} * * * *")
    with serve(simulator) as origin:
        yield Yard(tmp_path, origin, simulator, utc_now() - timedelta(minutes=MINUTES * (KILLS + 2)))


class Watch:
    """A reader that opens the published copy again and again; what it sees never shrinks."""

    def __init__(self, layout: Layout) -> None:
        self._file = layout.published_file
        self._before = ("", 0, 0)

    def look(self) -> None:
        with duckdb.connect(str(self._file), read_only=True) as con:
            told_poll, told_runs, *seen = con.execute(SEEN).fetchall()[0]
        assert [told_poll, told_runs] == seen[:2]
        assert all(now >= then for now, then in zip(seen, self._before, strict=True)), (self._before, seen)
        self._before = tuple(seen)


def test_every_command_of_the_program_is_killed(tmp_path: Path) -> None:
    assert set(Yard(tmp_path, "", one_task(), utc_now()).commands(0)) == set(cli.commands)


@pytest.mark.slow
def test_any_command_may_be_killed_at_any_instant(yard: Yard) -> None:
    dice, killed, ended = random.Random(KILLS), Counter[str](), Counter[str]()
    took = dict.fromkeys(cli.commands, does(yard, 0, "nightly"))
    does(yard, 0, "backup")
    watch = Watch(yard.layout)
    weights = [3 if name in WRITERS else 1 for name in cli.commands]
    for number in range(1, KILLS + 1):
        [name] = dice.choices(list(cli.commands), weights)
        limit = LONGEST_SECONDS if name in LASTING else min(1.1 * took[name], LONGEST_SECONDS)
        seconds = _kill(yard, number, name, dice.uniform(0.2, limit), watch)
        if seconds is None:
            killed[name] += 1
        else:
            ended[name] += 1
            took[name] = seconds
        yard.settle()
    sys.stderr.write(f"\n{KILLS} commands: killed {dict(killed)}, ended before {dict(ended)}\n")
    _is_sound(yard)


def does(yard: Yard, number: int, name: str) -> float:
    """Let a command run to its end, which must be good; return the seconds that it took."""
    began = time.monotonic()
    process = yard.start(name, yard.commands(number)[name])
    _, told = process.communicate()
    assert process.returncode == 0, (name, told)
    return time.monotonic() - began


def _kill(yard: Yard, number: int, name: str, after: float, watch: Watch) -> float | None:
    """Kill a command while a reader watches; None, or how long it took when it was quicker."""
    began = time.monotonic()
    process = yard.start(name, yard.commands(number)[name])
    while time.monotonic() < began + after and process.poll() is None:
        watch.look()
        time.sleep(0.03)
    seconds = time.monotonic() - began
    process.send_signal(signal.SIGKILL)
    code = process.wait()
    assert _outlive(process.pid, RUN_SECONDS if name in LASTING else END_SECONDS) == [], (number, name)
    _, told = process.communicate()
    assert code in {-signal.SIGKILL, *GOOD_CODES.get(name, {0})}, (number, name, code, told)
    assert b"Traceback" not in DAGSTER_TOLD_TO_END.sub(b"", told), (number, name, told)
    watch.look()
    _are_whole(yard)
    return None if code == -signal.SIGKILL else seconds


def _outlive(group: int, seconds: float) -> list[str]:
    """Return who of a killed command's own processes still runs after so many seconds, and end them."""
    ends = time.monotonic() + seconds
    while (alive := list(_alive(group))) and time.monotonic() < ends:
        time.sleep(0.2)
    if alive:
        os.killpg(group, signal.SIGKILL)
    return alive


def _alive(group: int) -> Iterator[str]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().rpartition(")")
            state, _, its_group, *_ = rest.split()
            if int(its_group) == group and state != "Z":
                yield name


def _are_whole(yard: Yard) -> None:
    """What is exported is of one snapshot."""
    if yard.exported.exists():
        tables = [f"'{yard.exported}/{name}/**/*.parquet'" for name in ("core/runs", "marts/warehouse_info")]
        query = f"select (select count(*) from {tables[0]}) = (select run_count from {tables[1]})"
        assert duckdb.connect().execute(query).fetchall() == [(True,)]


def _is_sound(yard: Yard) -> None:
    """After all kills: archive and backup are whole, nothing is left lying about, and each command does its work."""
    layout, copy = yard.layout, Layout(yard.copy)
    does(yard, KILLS + 1, "nightly")
    left = [path for path in layout.root.rglob("*") if path.suffix == ".tmp" or path.name.startswith(".staging")]
    assert left == [path for path in left if path.is_relative_to(layout.archive / "incoming")]
    yard.settle()
    for name in ("backup", "export", "restore", "rebuild", "publish"):
        does(yard, KILLS + 1, name)
    _are_whole(yard)
    for folder in (layout.archive, copy.archive, yard.restored.archive, yard.simulated.archive):
        if folder.exists():
            assert verify(Archive(folder)).damages == []
    assert Archive(copy.archive).poll_ids() == Archive(layout.archive).poll_ids()
    with duckdb.connect(str(layout.published_file), read_only=True) as con:
        assert [result for result in run_checks(con, models()) if result.blocks] == []
        con.execute(f"attach '{yard.restored.work_file}' as restored (read_only)")
        for table in ("runs", "tasks", "attempts", "polls"):
            here, there = (f"select {COLUMNS} from {place}core.{table}" for place in ("", "restored."))
            assert con.execute(f"({here} except all {there}) union all ({there} except all {here})").fetchall() == []
