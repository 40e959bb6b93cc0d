"""Nights of the whole product, killed at random, with a receiver that fails one time in three: each incident is told once.

RECOUP_TEST_NIGHTS says how many nights (`make nights`: 90). What happens in them is story.py. The disk fills by its limit,
not by its bytes; full disks are tests/torture.
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
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest

from pipelines.errors import RecoupError
from pipelines.incidents.ledger import newest, open_ledger
from pipelines.incidents.outbox import deliver
from pipelines.incidents.sinks import sinks_of
from tests.incidents.story import ANOMALOUS, DAMAGED, DAY, ROUND, TRUTH, Story, expected, new_errors, of_round
from tests.support.polled_world import HOUR, START

NIGHTS = int(os.environ.get("RECOUP_TEST_NIGHTS", "10"))
RECEIVER = """
import json, random, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
dice = random.Random(7)
class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        fate = dice.random()
        if fate > 1 / 6:  # the sixth part is refused, another sixth is taken and yet answered with an error
            with open(sys.argv[1], "ab") as file:
                file.write(body + b"\\n")
        self.send_response(500 if fate < 1 / 3 else 200)
        self.end_headers()
    def log_message(self, *_): ...
server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def receiver(taken: Path) -> Iterator[str]:
    command = [sys.executable, "-c", RECEIVER, str(taken)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/hook"
        finally:
            process.kill()


def is_killed(work: Callable[[], None], after: float | None) -> bool:
    """Do work in a process of its own, and kill it after so many seconds; tell whether that came before its end.

    This process never opens DuckDB, whose threads a forked one would lack.
    """
    child = os.fork()
    if child == 0:
        try:
            with suppress(RecoupError):
                work()
            os._exit(0)
        finally:
            os._exit(1)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "a night ended in an error that is not our own"
    return os.WIFSIGNALED(status)


def waiting(story: Story) -> int:
    with open_ledger(story.world.settings.layout) as ledger:
        return int(ledger.execute("select count(*) from messages where delivered_at is null").fetchone()[0])


class Life:
    """Lives through the story; `kills` counts how often it was ended before its end."""

    def __init__(self, story: Story) -> None:
        self.story, self.dice = story, random.Random(3)
        self.kills, self.hours, self.usual_seconds = 0, 0, 3.0

    def until_done(self, work: Callable[[], None]) -> None:
        after = self.dice.uniform(0, self.usual_seconds) if self.dice.random() < 0.4 else None
        began = time.monotonic()
        while is_killed(work, after):
            self.kills += 1
            after, began = None, time.monotonic()
        self.usual_seconds = max(time.monotonic() - began, 0.5)

    def deliver_late(self) -> None:
        self.hours += 1
        settings, at = self.story.world.settings, START + (NIGHTS + 1) * DAY + self.hours * HOUR
        deliver(settings.layout, sinks_of(settings), lambda: at)

    def day(self, day: int) -> None:
        for at, step in self.story.steps(day):
            self.until_done(lambda at=at, step=step: self.story.run(day, at, step))  # type: ignore[misc]
        if of_round(day) in DAMAGED:
            self.until_done(self.story.repair)


def told_events(taken: Path) -> Counter[tuple[str, str, str]]:
    """Count what a receiver was told, by kind, title and event; a key that came again is the same message."""
    messages = {body["key"]: body for body in map(json.loads, taken.read_text().splitlines())}
    return Counter((body["kind"], body["title"], body["event"]) for body in messages.values())


def is_false(kind: str, title: str) -> bool:
    """Tell whether the story has no trouble of this kind and title; how often it has is compared apart."""
    in_story = (kind, title) in TRUTH or (kind == "anomaly" and title in ANOMALOUS)
    return not in_story and kind not in ("new_error", "budget", "check_failing")


def shown(life: Life, found: Counter[tuple[str, str]], told: int, taken: int) -> str:
    false = {what: times for what, times in found.items() if is_false(*what)}
    lines = (f"{kind:17} {title}: {times}" for (kind, title), times in sorted(found.items()))
    return (
        f"{NIGHTS} nights, {life.kills} kills, {found.total()} incidents, {told} messages (received {taken} times), "
        f"false: {false or 'none'}\n" + "\n".join(lines)
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_each_true_incident_is_told_once_and_no_outage_closes_one(tmp_path: Path) -> None:
    rounds, taken = -(-NIGHTS // ROUND), tmp_path / "taken.jsonl"
    with receiver(taken) as url:
        story = Story(tmp_path, rounds, url)
        life = Life(story)
        for day in range(1, NIGHTS + 1):
            life.day(day)
        while waiting(story):  # what the receiver refused last is due again an hour later
            life.deliver_late()
    incidents, told = newest(story.world.settings.layout, are_open_only=False, count=-1), told_events(taken)
    found = Counter((one["kind"], one["title"]) for one in incidents)
    print(shown(life, found, told.total(), len(taken.read_text().splitlines())))  # noqa: T201
    # In the ledger as it happened ...
    assert {what: found[what] for what in TRUTH} == expected(rounds)
    assert Counter(kind for kind, _ in found if kind == "new_error").total() == found_times(found, "new_error")
    assert {title.split(":")[0] for kind, title in found if kind == "new_error"} == new_errors(story.world.sim, NIGHTS)
    assert found_times(found, "budget") == rounds <= found_times(found, "check_failing")
    assert not [what for what in found if is_false(*what)]
    assert {one["kind"] for one in incidents if one["closed_at"] is None} <= {"new_error"}
    # ... and told as it is in the ledger.
    closed = [one for one in incidents if one["closed_at"] is not None]
    ends = Counter((one["kind"], one["title"], "closed") for one in closed)
    assert told == Counter((*what, "opened") for what in found.elements()) + ends
    assert not [one for one in closed if story.is_in_outage(datetime.fromisoformat(one["closed_at"]))]
    assert life.kills > NIGHTS / 10


def found_times(found: Counter[tuple[str, str]], kind: str) -> int:
    return sum(times for what, times in found.items() if what[0] == kind)
