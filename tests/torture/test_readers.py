"""Readers of every kind while copies are published under them, and publishers are killed at random points.

No reader may fail or see two copies in one query, none that reconnects may go back in time; each new connection must
see what was published last; the disk must not fill. Hazards one by one are in tests/publish/test_publish_hazards.py.
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

from pipelines.paths import Layout
from pipelines.publish.snapshots import snapshot_numbers
from tests.torture.programs import CHANGE, COUNTS, HELD, KEPT, POOLED, PUBLISHER, READER, RECONNECT

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PUBLISHES = int(os.environ.get("RECOUP_TORTURE_PUBLISHES", "200"))
KILL_EVERY = 12


class Publisher:
    """Publishes on demand in a process of its own, which may be killed and is then replaced."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-c", PUBLISHER, str(self._layout.root), CHANGE]
        self._process = subprocess.Popen(command, text=True, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def publish(self) -> int:
        self._ask()
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
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
        assert self._process.stdin is not None
        self._process.stdin.write("publish\n")
        self._process.stdin.flush()


class Reader:
    """A reading process; `finish` tells it to stop and returns what it saw."""

    def __init__(self, python: Path | str, connect: str, kind: str, layout: Layout) -> None:
        code = READER.format(connect=connect)
        command = [str(python), "-c", code, str(layout.published_file), COUNTS]
        self.kind = kind
        self._process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

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
