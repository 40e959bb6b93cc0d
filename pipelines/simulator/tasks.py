"""What a simulated task is: its fields, its history of changes, and how its runs tend to end.

Declarations only. timeline.py works out what holds when; run_lifecycle.py what each run does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

ACCOUNT_ID = "848cd58d-700f-4b38-ab4c-d9f52a1b2c3d"
ARTIST_ID = "27e78ee6-9887-4e8a-95a9-5a36fab3d83a"
EVER = datetime(2026, 1, 1, tzinfo=UTC)

# How a run can go. In a mix of probabilities, `completed` gets what the others leave.
KINDS = (
    "completed",
    "retried",  # one or two attempts fail, the next one completes
    "waited",  # waits in the middle: time that is no compute
    "delayed",
    "pending_version",
    "waiting_for_deploy",
    "failed",  # all three attempts fail
    "interrupted",
    "crashed",
    "crashed_before_start",  # ends before the worker tags it
    "system_failure",
    "timed_out",
    "cancelled",
    "cancelled_in_queue",
    "expired",
)

# What some runs have beside that; `SimTask.extras` says how many.
EXTRAS = (
    "test",
    "development",  # ran in a developer's environment
    "batch",  # one of a batch, started by another run
    "children",  # started other runs
    "key",  # has an idempotency key
)

# Fields of a task that `changes` may set from an instant on.
CHANGEABLE = frozenset(
    {"title", "prompt", "cron", "timezone", "artist_account_id", "artist_name", "owner_email", "model"}
    | {"mix", "duration_ms"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """How far from their ticks the runs of a task are inserted; as it stands, at the tick. See arrivals.py.

    `spread_s`: each schedule has an offset of its own after every tick, between 0 and this. `early_s`: a run that is
    not late comes up to so much before that. `late_ratio` of the runs come late by `late_s` (least, most). `stalls`:
    periods [from, to) in which no run is inserted; at the end comes that of the oldest tick that waits.
    """

    spread_s: int = 0
    early_s: int = 0
    late_ratio: float = 0.0
    late_s: tuple[int, int] = (120, 600)
    stalls: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimRun:
    """One run that a test states; values that are not set are random. Without `inserted_at` it is inserted at its tick."""

    created_at: datetime
    inserted_at: datetime | None = None
    kind: str = "completed"
    duration_ms: int | None = None
    run_id: str | None = None
    is_test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SimTask:
    """One task over its whole life.

    `enabled` lists the periods [from, to) in which the schedule exists (None = from creation on; () = never). Each
    period has a schedule id of its own, and from the second on the zone is UTC until a change names another: upstream
    does not pass the zone on when a task is enabled again. `runs` states the runs instead of choosing them at random:
    then a tick without a stated run counts as skipped. `last_run` and `next_run` are dead columns of the real table, with
    whatever an older scheduler left in them. All instants have a time zone.
    """

    task_id: str
    title: str = "Daily check-in"
    prompt: str = "Check in with the artist's numbers and email a short summary."
    cron: str = "0 9 * * *"
    timezone: str = "UTC"
    account_id: str = ACCOUNT_ID
    artist_account_id: str = ARTIST_ID
    artist_name: str | None = "Del Water Gap"
    owner_email: str | None = "manager@indielabel.example"
    model: str | None = None
    created_at: datetime = EVER
    last_run: datetime | None = None
    next_run: datetime | None = None
    enabled: tuple[tuple[datetime, datetime | None], ...] | None = None
    enabled_is_null: bool = False
    deleted_at: datetime | None = None
    changes: tuple[tuple[datetime, Mapping[str, Any]], ...] = ()
    mix: Mapping[str, float] = field(default_factory=dict)
    extras: Mapping[str, float] = field(default_factory=dict)
    duration_ms: tuple[int, int] = (15_000, 45_000)
    slow_ratio: float = 0.0
    slow_ms: tuple[int, int] = (20 * 60_000, 50 * 60_000)
    skip_ratio: float = 0.0
    runs: tuple[SimRun, ...] | None = None
    lateness: Lateness | None = None

    def __post_init__(self) -> None:
        unknown = {name for _, change in self.changes for name in change} - CHANGEABLE
        unknown |= {*self.mix, *(run.kind for run in self.runs or ())} - set(KINDS) | {*self.extras} - set(EXTRAS)
        if unknown:
            raise ValueError(f"simulated task {self.task_id}: unknown {sorted(unknown)}; see tasks.py")
        if self.runs is not None and self.lateness is not None:
            raise ValueError(f"simulated task {self.task_id}: its runs are stated; state their inserted_at too")
