"""Readers of every kind while copies are published under them, and publishers are killed at random points.

No reader may fail or see two copies in one query, none that reconnects may go back in time; each new connection must
see what was published last; the disk must not fill. Hazards one by one are in tests/test_publish.py.
RECOUP_TORTURE_PUBLISHES sets the number of publishes (200).
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.layout import Layout
from pipelines.snapshots import snapshot_numbers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PUBLISHES = int(os.environ.get("RECOUP_TORTURE_PUBLISHES", "200"))
KILL_EVERY = 12
KEPT = 3
ROWS = 60_000

# Three tables that agree in every copy, and in no mixture of two copies.
COUNTS = (
    "select (select run_count from marts.warehouse_info), (select count(*) from core.runs),"
    " (select max(turn) from marts.run_facts)"
)

CHANGE = f"""
    create schema if not exists core;
    create schema if not exists marts;
    create table if not exists core.runs (run_id bigint);
    insert into core.runs
    select range from range(case when (select count(*) from core.runs) = 0 then {ROWS} else 1 end);
    create or replace table marts.run_facts as select run_id, (select count(*) from core.runs) as turn from core.runs;
    create or replace table marts.warehouse_info as select count(*) as run_count from core.runs;
"""

PUBLISHER = f"""
import sys
from pathlib import Path
from pipelines.clock import utc_now
from pipelines.layout import Layout
from pipelines.publish import publish
from pipelines.warehouse import Warehouse

layout = Layout(Path(sys.argv[1]))
for line in sys.stdin:
    with Warehouse(layout).write() as con:
        con.execute("begin")
        con.execute(sys.argv[2])
        con.execute("commit")
    snapshot = publish(layout, kept={KEPT}, clock=utc_now)
    print(snapshot.row_counts["core.runs"], flush=True)
"""

# A reader reads until its standard input ends, once more after that, and tells what it saw.
READER = """
import json, sys, threading

file, query = sys.argv[1:]
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
{connect}
reads, torn, backwards, newest, errors = 0, 0, 0, 0, []
print("ready", flush=True)
is_last = False
while not is_last:
    is_last = done.is_set()
    try:
        counts = ask()
    except Exception as error:
        errors.append(repr(error)[:300])
        continue
    reads += 1
    torn += len(set(counts)) != 1
    backwards += counts[0] < newest
    newest = max(newest, counts[0])
print(json.dumps(dict(reads=reads, torn=torn, backwards=backwards, newest=newest, errors=errors[:3])))
"""

RECONNECT = """
import duckdb

def ask():
    with duckdb.connect(file, read_only=True) as con:
        return con.execute(query).fetchone()
"""

HELD = """
import duckdb
con = duckdb.connect(file, read_only=True)

def ask():
    return con.execute(query).fetchone()
"""

# A pool as a web application has it: four threads share connections that are kept for two seconds. They are of
# different ages, so answers may go back in time, which is why docs/bi/sqlalchemy.md wants no pool; torn they never are.
POOLED = """
import time
from concurrent.futures import ThreadPoolExecutor
import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

options = {"connect_args": {"read_only": True}, "poolclass": QueuePool, "pool_size": 3, "pool_recycle": 2}
engine = sa.create_engine("duckdb:///" + file, **options)
threads = ThreadPoolExecutor(4)

def one(_):
    with engine.connect() as connection:
        return tuple(connection.execute(sa.text(query)).one())

def ask():
    answers = list(threads.map(one, range(4)))
    assert all(len(set(answer)) == 1 for answer in answers), answers
    return max(answers)
"""


class Publisher:
    """Publishes on demand in a process of its own, which may be killed and is then replaced."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-c", PUBLISHER, str(self._layout.root), CHANGE]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, text=True, cwd=ROOT, **pipes)

    def publish(self) -> int:
        self._ask()
        told = self._process.stdout.readline()  # type: ignore[union-attr]
        assert told, "the publisher failed"
        return int(told)

    def die_within(self, seconds: float) -> None:
        self._ask()
        time.sleep(seconds)
        self.close()
        self._start()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self) -> None:
        self._process.stdin.write("publish\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]


class Reader:
    """A reading process; `finish` tells it to stop and returns what it saw."""

    def __init__(self, python: Path | str, connect: str, kind: str, layout: Layout) -> None:
        code = READER.format(connect=connect)
        command = [str(python), "-c", code, str(layout.published_file), COUNTS]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.kind = kind
        self._process = subprocess.Popen(command, text=True, **pipes)

    def wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", self.kind

    def finish(self) -> dict[str, Any]:
        told, _ = self._process.communicate(timeout=120)
        assert self._process.returncode == 0, self.kind
        return dict(json.loads(told))


@contextmanager
def publishing(layout: Layout) -> Iterator[Publisher]:
    publisher = Publisher(layout)
    try:
        yield publisher
    finally:
        publisher.close()


def start_readers(layout: Layout) -> list[Reader]:
    clients = ROOT / ".venv-bi/bin/python"
    if not clients.exists():
        pytest.fail(f"{clients.parents[1]} is missing; run `make torture`")
    readers = [Reader(sys.executable, RECONNECT, f"reconnecting {number}", layout) for number in range(3)]
    readers += [Reader(sys.executable, HELD, "held", layout), Reader(clients, POOLED, "pooled", layout)]
    for reader in readers:
        reader.wait_until_ready()
    return readers


def bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # pruned while we looked
            continue
    return total


def seen_by_a_new_connection(layout: Layout) -> Sequence[int]:
    with duckdb.connect(str(layout.published_file), read_only=True) as con:
        [counts] = con.execute(COUNTS).fetchall()
    return tuple(counts)


def test_readers_never_fail_tear_or_go_back(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "warehouse")
    dice = random.Random(PUBLISHES)
    with ExitStack() as stack:
        publisher = stack.enter_context(publishing(layout))
        started = time.monotonic()
        first = publisher.publish()
        took = time.monotonic() - started
        readers = start_readers(layout)
        largest, published, killed = 0, first, 0
        for number in range(1, PUBLISHES):
            if number % KILL_EVERY == 0:
                publisher.die_within(dice.uniform(0, took))
                killed += 1
                assert len(set(seen_by_a_new_connection(layout))) == 1
            before, started = published, time.monotonic()
            published = publisher.publish()
            took = time.monotonic() - started
            assert published > before
            assert seen_by_a_new_connection(layout) == (published,) * 3
            largest = max(largest, bytes_below(layout.snapshots))
            assert len(snapshot_numbers(layout)) <= 2 * KEPT
        told = {reader.kind: reader.finish() for reader in readers}
    for kind, saw in told.items():
        assert (saw["errors"], saw["torn"]) == ([], 0), (kind, saw)
        assert saw["backwards"] == 0 or kind == "pooled", (kind, saw)
        assert saw["reads"] > 20, (kind, saw)
    assert all(saw["newest"] == published for kind, saw in told.items() if kind.startswith("reconnecting"))
    assert told["held"]["newest"] == first
    assert told["pooled"]["newest"] > first
    assert killed == (PUBLISHES - 1) // KILL_EVERY
    # At most twice as many copies as are kept, and one in the making.
    size = layout.published_file.stat().st_size
    assert largest <= (2 * KEPT + 1) * (size + 100_000)
    assert [entry.name for entry in layout.snapshots.iterdir() if not entry.name.isdecimal()] == []
    sys.stderr.write(f"\n{PUBLISHES} publishes, {killed} killed: " + json.dumps(told) + "\n")
