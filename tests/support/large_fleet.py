"""A large fleet: every cadence, four zones whose clocks change, and tasks that come, change, pause and go.

For the proof over months. What a fleet does with its tasks is in pipelines/simulator/.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pipelines.simulator import Fleet, SimTask, seeded_random

ZONES = ("America/New_York", "Europe/Berlin", "Australia/Sydney", "America/Santiago")
# (share of 200 tasks, name, crons)
CADENCES: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (19, "5-minute", ("*/5 * * * *",)),
    (22, "15-minute", ("*/15 * * * *", "7-59/15 * * * *")),
    (24, "hourly", ("0 * * * *", "20 * * * *")),
    (22, "6-hourly", ("0 */6 * * *", "30 1-23/6 * * *")),
    (70, "daily", ("0 9 * * *", "30 2 * * *", "0 0 * * *", "30 1 * * *", "0 10 * * *")),
    (28, "weekly", ("0 9 * * 1", "0 10 * * 4", "30 2 * * 0")),
    (15, "monthly", ("0 9 1 * *", "0 9 15 * *")),
)
_ACCOUNTS = 4
_MIXES: tuple[dict[str, float], ...] = (
    {"retried": 0.03, "failed": 0.02},
    {"retried": 0.05, "failed": 0.25, "crashed": 0.03, "timed_out": 0.02},
    {"expired": 0.03, "cancelled": 0.02, "cancelled_in_queue": 0.02, "interrupted": 0.02},
    {"waited": 0.05, "delayed": 0.02, "system_failure": 0.01, "crashed_before_start": 0.02},
    {"pending_version": 0.01, "waiting_for_deploy": 0.01, "timed_out": 0.03},
    {},
)


def large_fleet(seed: int, start: datetime, days: int, tasks: int = 200) -> Fleet:
    """Return a fleet whose tasks change within `days` after `start`."""
    return Fleet(large_tasks(seed, start, days, tasks), seed=seed, start=start)


def large_tasks(seed: int, start: datetime, days: int, count: int) -> Iterator[SimTask]:
    """Yield `count` tasks whose changes fall within `days` after `start`."""
    total = sum(share for share, _, _ in CADENCES)
    for number in range(count):
        place = number * total // count if count < total else number % total
        name, crons = _cadence(place)
        yield _task(seed, start, days, number, name, crons)


def _cadence(place: int) -> tuple[str, tuple[str, ...]]:
    for share, name, crons in CADENCES:
        if place < share:
            return name, crons
        place -= share
    raise LookupError(place)


def _task(seed: int, start: datetime, days: int, number: int, name: str, crons: tuple[str, ...]) -> SimTask:
    chance = seeded_random.Dice(seed, f"large {number}")
    account = chance.below(_ACCOUNTS)
    created = start - timedelta(days=chance.between(1, 300), seconds=chance.below(86_400) + 0.25)
    options = _life(chance, start, days, created, number, crons)
    if name in ("5-minute", "15-minute") and number % 4 == 0:
        # Runs longer than five ticks: they leave the window before they end.
        options |= {"slow_ratio": 0.01, "slow_ms": (30 * 60_000, 90 * 60_000)}
    return SimTask(
        task_id=seeded_random.uuid(seed, f"large task {number}"),
        title=f"{name.capitalize()} report {number}",
        account_id=seeded_random.uuid(seed, f"large account {account}"),
        artist_account_id=seeded_random.uuid(seed, f"large artist {chance.below(20)}"),
        artist_name=None,
        owner_email=f"team{account}@fleet.example",
        timezone=ZONES[number % len(ZONES)],
        cron=crons[0],
        mix=chance.pick(_MIXES),
        skip_ratio=chance.pick((0.0, 0.0, 0.005, 0.02)),
        **options,
    )


def _life(
    chance: seeded_random.Dice, start: datetime, days: int, created: datetime, number: int, crons: tuple[str, ...]
) -> dict[str, Any]:
    """Return what happens to a task; one in two has an event or more."""

    def moment(from_ratio: float, to_ratio: float) -> datetime:
        low, high = (int(days * 86_400 * ratio) for ratio in (from_ratio, to_ratio))
        # Not on a full minute, so that no tick falls on the instant of a change.
        second = chance.between(low, high) // 60 * 60 + 17
        return start + timedelta(seconds=second)

    event = number % 10
    if event == 3:
        zone = ZONES[(number + 1) % len(ZONES)]
        return {"created_at": created, "changes": ((moment(0.2, 0.8), {"cron": crons[-1], "timezone": zone}),)}
    if event == 5:
        return {"created_at": created, "enabled": ((created, moment(0.3, 0.9)),)}
    if event == 6:
        pause, resume = moment(0.1, 0.4), moment(0.45, 0.8)
        return {"created_at": created, "enabled": ((created, pause), (resume, None))}
    if event == 7:
        return {"created_at": created, "deleted_at": moment(0.2, 0.95)}
    if event == 8:
        return {"created_at": moment(0.05, 0.7)}
    if event == 9:
        change = {"model": "moonshotai/kimi-k3", "prompt": "A new prompt.", "mix": {"failed": 0.1}}
        return {"created_at": created, "changes": ((moment(0.2, 0.8), change),)}
    return {"created_at": created}
