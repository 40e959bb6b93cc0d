"""Nights with killed processes, a receiver that fails one time in three, and outages: each true incident is told once.

RECOUP_TEST_NIGHTS says how many nights; each thirty hold one failing stretch with an outage in it and one silent stretch.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipelines.incidents.ledger import open_ledger, open_subjects, record, transaction
from pipelines.incidents.limits import read_limits
from pipelines.incidents.observe import Observation, observe
from pipelines.incidents.outbox import deliver
from pipelines.incidents.sinks import sinks_of
from pipelines.settings import Settings
from tests.support.warehouse_builder import WarehouseBuilder, built, utc

NIGHTS = int(os.environ.get("RECOUP_TEST_NIGHTS", "30"))
FIRST = utc("2026-03-01T02:00:00")
DAY = timedelta(days=1)
KINDS = ("task_failing", "task_silent")
RECEIVER = """
import json, random, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
dice = random.Random(7)
class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        fails = dice.random() < 1 / 3
        if not fails:
            with open(sys.argv[1], "ab") as file:
                file.write(body + b"\\n")
        self.send_response(500 if fails else 200)
        self.end_headers()
    def log_message(self, *_): ...
server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
"""


def truth(task: str, night: int, dice: random.Random) -> str | None:
    """Return how a task's run of a night ends; None when it does not come."""
    day = night % 30
    if task == "failing" and 5 <= day <= 10:
        return "failed"
    if task == "silent" and 14 <= day <= 18:
        return None
    if task == "flaky" and dice.random() < 0.1:
        return "failed"
    return "succeeded"


def is_outage(night: int) -> bool:
    return night % 30 in (8, 9, 16)


@contextmanager
def receiver(taken: Path) -> Iterator[str]:
    command = [sys.executable, "-c", RECEIVER, str(taken)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/hook"
        finally:
            process.kill()


def in_a_process_that_may_be_killed(work: Callable[[], None], kill_after: float | None) -> bool:
    """Do work in a process of its own, killed after so many seconds; tell whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == 0


def note(settings: Settings, seen: list[Observation], now: datetime) -> None:
    sinks = sinks_of(settings)
    with open_ledger(settings.layout) as ledger, transaction(ledger):
        record(ledger, seen, kinds=KINDS, limits=read_limits(None), sinks=list(sinks), now=now)
    for hour in range(3):
        deliver(settings.layout, sinks, lambda at=now + timedelta(hours=hour): at)  # type: ignore[misc]


def live(house: WarehouseBuilder, night: int, waiting: list[tuple[str, str, str]], dice: random.Random) -> datetime:
    """Let a day pass: runs come, and are seen unless the source is out."""
    now = FIRST + night * DAY
    for task in ("failing", "silent", "flaky", "steady"):
        outcome = truth(task, night, dice)
        if outcome:
            waiting.append((f"{task}-{night}", task, outcome))
    if is_outage(night):
        house.con.execute("update core.tasks set last_verdict = 'unknown'")
        return now
    for run_id, task, outcome in waiting:
        created = FIRST + int(run_id.split("-")[1]) * DAY - timedelta(hours=2)
        house.run(run_id, task, created_at=created.isoformat(), outcome=outcome, finished_at=created.isoformat())
    waiting.clear()
    house.con.execute(
        "update core.tasks set last_verdict = 'known', observed_until_at = ?::timestamptz", [now.isoformat()]
    )
    return now


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_each_true_incident_is_told_once_and_no_outage_closes_one(tmp_path: Path) -> None:
    dice, waiting, kills = random.Random(3), list[tuple[str, str, str]](), 0
    house, due = WarehouseBuilder(), {"schedule": "0 0 * * *", "schedule_id": "s", "timezone": "UTC"}
    for task in ("failing", "silent", "flaky", "steady"):
        house.task(task, observed_from_at=(FIRST - DAY).isoformat(), **due)
    taken = tmp_path / "taken.jsonl"
    with receiver(taken) as url:
        settings = Settings.load(warehouse_dir=tmp_path / "warehouse", incident_sinks=url)
        for night in range(NIGHTS):
            now = live(house, night, waiting, dice)
            built(house, "task_health", "schedule_adherence", as_of=now)
            with open_ledger(settings.layout) as ledger:
                before = open_subjects(ledger)
            seen = observe(house.con, KINDS, before)
            while not in_a_process_that_may_be_killed(
                lambda seen=seen, now=now: note(settings, seen, now),  # type: ignore[misc]
                dice.uniform(0.0, 0.15) if dice.random() < 0.5 else None,
            ):
                kills += 1
            with open_ledger(settings.layout) as ledger:
                after = open_subjects(ledger)
            if is_outage(night):
                assert after == before
        # Quiet nights, in which what is still due gets out.
        for extra in range(3):
            note(settings, [], FIRST + (NIGHTS + extra) * DAY)
    told = {body["key"]: body for body in map(json.loads, taken.read_text().splitlines())}
    counts = Counter((body["kind"], body["subject"], body["event"]) for body in told.values())
    months = NIGHTS // 30
    for kind, subject in (("task_failing", "failing"), ("task_silent", "silent")):
        assert (counts[kind, subject, "opened"], counts[kind, subject, "closed"]) == (months, months)
    false = {key: count for key, count in counts.items() if key[1] not in ("failing", "silent")}
    false |= {key: count for key, count in counts.items() if key in (("task_silent", "failing", "opened"),)}
    print(f"{NIGHTS} nights, {kills} kills, {len(told)} messages, false: {false or 'none'}")  # noqa: T201
    assert ("task_failing", "steady", "opened") not in counts
    with open_ledger(settings.layout) as ledger:
        assert [tuple(r) for r in ledger.execute("select count(*) from messages where delivered_at is null")] == [(0,)]
