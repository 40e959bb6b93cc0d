"""Tasks of the documented shape, made from a seed: the same task and day always give the same JSON and the same sums.

Writing files does not belong here (generate.py).
"""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

# Windows end here; a delta moves some windows one day on.
FIRST_DAY = datetime(2026, 8, 10, tzinfo=UTC)
OBSERVED = datetime(2026, 8, 20, 23, 30, tzinfo=UTC)
WINDOW = 5
STATUSES = ("COMPLETED",) * 17 + ("FAILED", "CRASHED", "CANCELED")
LETTERS = "0123456789abcdefghijklmnopqrstuv"
WORDS = [
    "artist",
    "release",
    "streams",
    "growth",
    "playlist",
    "chart",
    "report",
    "weekly",
    "listener",
    "market",
    "audience",
    "campaign",
    "social",
    "trend",
    "signal",
    "booking",
    "venue",
    "catalog",
    "royalty",
    "editor",
    "mention",
    "follower",
    "single",
    "album",
    "remix",
    "studio",
    "session",
    "radio",
    "region",
]
STACK = (
    "TypeError: fetch failed\n    at run (file:///app/src/tasks/customerPromptTask.mjs:58:18)\n"
    "    at async executor (file:///app/node_modules/worker/dist/execute.js:412:21)"
)


@dataclass(slots=True)
class Truth:
    """What any correct load of the bodies must find."""

    counts: Counter[str] = field(default_factory=Counter)
    cents: Decimal = Decimal(0)
    duration_ms: int = 0

    def __add__(self, other: "Truth") -> "Truth":
        return Truth(self.counts + other.counts, self.cents + other.cents, self.duration_ms + other.duration_ms)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values; cents as text, since they are exact."""
        return {**self.counts, "cents": str(self.cents), "duration_ms": self.duration_ms}


def iso(instant: datetime) -> str:
    """Format as JavaScript does."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def make_task(seed: int, number: int, truth: Truth, *, days_on: int = 0, window: int = WINDOW) -> bytes:
    """Return the JSON of a task whose window ends `days_on` days later than the first, and add it to the truth."""
    dice = random.Random(f"{seed}/{number}")
    account, artist = number // 40, number // 5
    task_id = f"{number:08x}-bench-4444-8888-{seed:012x}"
    hour, minute = number % 24, number // 24 % 60
    schedule_id = "sched_" + _name(dice, 21)
    newest = FIRST_DAY + timedelta(days=days_on + 10, hours=hour, minutes=minute)
    ticks = [newest - timedelta(days=back) for back in range(window)]
    runs = [_run(seed, number, task_id, schedule_id, tick, account, truth) for tick in ticks]
    truth.counts["tasks"] += 1
    truth.counts["upcoming"] += 5
    task = {
        "id": task_id,
        "title": f"Daily Social Trends: {_words(dice, 3)}",
        "prompt": f"Analyse the last 24 hours. {_words(dice, 33)}.",
        "schedule": f"{minute} {hour} * * *",
        "account_id": f"{account:08x}-0000-4000-8000-000000000000",
        "artist_account_id": f"{artist:08x}-0000-4000-9000-000000000000",
        "enabled": True,
        "trigger_schedule_id": schedule_id,
        "recent_runs": runs,
        "upcoming": [iso(newest + timedelta(days=ahead)) for ahead in range(1, 6)],
        "owner_email": f"manager{account}@label.example",
        "model": "openai/gpt-5-mini" if number % 3 else None,
    }
    return json.dumps(task, separators=(",", ":")).encode()


def _run(
    seed: int, number: int, task_id: str, schedule_id: str, tick: datetime, account: int, truth: Truth
) -> dict[str, Any]:
    dice = random.Random(f"{seed}/{number}/{tick:%Y%m%d}")
    status = dice.choice(STATUSES)
    run_id = f"run_{int(tick.timestamp() * 1000):x}{_name(dice, 14)}01"
    attempts, ended = _attempts(dice, status, tick)
    cost = round(dice.random() / 7, 17)
    duration = int((ended - tick).total_seconds() * 1000)
    tags = [f"account:{account:08x}-0000-4000-8000-000000000000", f"artist:{number // 5:08x}"]
    truth.counts.update(runs=1, attempts=len(attempts), tags=len(tags))
    truth.cents += Decimal(repr(cost)) + Decimal("0.0025")
    truth.duration_ms += duration
    run: dict[str, Any] = {
        "id": run_id,
        "status": status,
        "taskIdentifier": "customer-prompt-task",
        "createdAt": iso(tick),
        "updatedAt": iso(ended),
        "version": "20260523.1",
        "isTest": False,
        "startedAt": iso(tick + timedelta(seconds=1)),
        "finishedAt": iso(ended),
        "idempotencyKey": _name(dice, 32),
        "ttl": "10m" if dice.random() < 0.5 else 600,
        "tags": tags,
        "metadata": {"progress": 1, "steps": ["fetch", "generate", "send"], "note": _words(dice, 12)},
        "costInCents": cost,
        "baseCostInCents": 0.0025,
        "durationMs": duration,
        "env": {"id": "cm2q8zr5k000dl50cx3f1h9ab", "name": "prod"},
        "depth": 0,
        "triggerFunction": "trigger",
        "payload": {"externalId": task_id, "timezone": "UTC", "scheduleId": schedule_id, "prompt": _words(dice, 12)},
        "attempts": attempts,
        "schedule": {"id": schedule_id},
        "relatedRuns": {},
    }
    if status == "COMPLETED":
        run["output"] = {"text": f"report sent: {_words(dice, 12)}", "messages": dice.randrange(9)}
    else:
        run["error"] = {"message": "fetch failed", "name": "TypeError", "stackTrace": STACK}
    return run


def _attempts(dice: random.Random, status: str, tick: datetime) -> tuple[list[dict[str, Any]], datetime]:
    failed_before = dice.choice((0, 0, 0, 0, 0, 0, 1, 1, 2))
    begun = tick + timedelta(seconds=1)
    attempts: list[dict[str, Any]] = []
    for turn in range(failed_before + 1):
        ended = begun + timedelta(milliseconds=dice.randrange(4_000, 60_000))
        is_last = turn == failed_before
        state = {"COMPLETED": "COMPLETED", "CANCELED": "CANCELED"}.get(status, "FAILED") if is_last else "FAILED"
        attempt: dict[str, Any] = {
            "id": "attempt_" + _name(dice, 21),
            "status": state,
            "createdAt": iso(begun),
            "updatedAt": iso(ended),
            "startedAt": iso(begun + timedelta(milliseconds=90)),
            "completedAt": iso(ended),
        }
        if state == "FAILED":
            attempt["error"] = {"message": "fetch failed", "name": "TypeError", "stackTrace": STACK}
        attempts.insert(0, attempt)
        begun = ended + timedelta(seconds=2)
    return attempts, ended


def _name(dice: random.Random, length: int) -> str:
    return "".join(dice.choices(LETTERS, k=length))


def _words(dice: random.Random, count: int) -> str:
    return " ".join(dice.choices(WORDS, k=count))
