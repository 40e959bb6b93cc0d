"""The ground truth: every run and every tick of a fleet, visible or not, as plain rows to compare with.

It uses the simulator's runs and statuses, and no code of the rest of the product.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple

from pipelines.simulator import Fleet, Simulator
from pipelines.simulator.arrivals import Skip
from pipelines.simulator.run_json import list_times
from pipelines.simulator.run_lifecycle import MAX_LISTING_LAG_MS
from pipelines.simulator.runs import BASE_CENTS, Run, state_at
from pipelines.simulator.statuses import MEANINGS
from pipelines.simulator.time_units import MINUTE, from_ms, to_ms
from pipelines.simulator.timeline import Fire, Timeline

# No run appears longer before its tick.
MAX_EARLY_MS = MINUTE
_BASE, _NOTHING = Decimal(repr(BASE_CENTS)), Decimal(0)


class TruthRun(NamedTuple):
    """One run at the instant of the truth; the status is named as the list endpoint names it."""

    run_id: str
    task_id: str
    schedule_id: str
    account_id: str
    created_at: datetime
    status: str
    outcome: str
    is_final: bool
    started_at: datetime | None
    finished_at: datetime | None
    compute_cents: Decimal
    invocation_cents: Decimal
    duration_ms: int
    attempt_count: int
    is_test: bool
    is_visible_window: bool
    is_tagged: bool
    inserted_at: datetime
    listed_at: datetime


class TruthTick(NamedTuple):
    """One instant at which an enabled schedule had to fire, and what came of it.

    pending: its run had not appeared by the instant of the truth. `reason` says why a tick was skipped.
    """

    task_id: str
    tick_at: datetime
    run_id: str | None
    status: Literal["ran", "skipped", "pending"]
    reason: Skip | None
    inserted_at: datetime | None


class TruthTask(NamedTuple):
    """One task that had been created by the instant of the truth."""

    task_id: str
    account_id: str
    title: str
    created_at: datetime
    deleted_at: datetime | None
    is_deleted: bool
    schedule_id: str | None


@dataclass(frozen=True, slots=True)
class Truth:
    """All tasks, runs and ticks until an instant; a run that no list shows yet (they lag by 1 to 3 s) is left out."""

    until: datetime
    tasks: list[TruthTask]
    runs: list[TruthRun]
    ticks: list[TruthTick]


def truth_of(simulator: Simulator, until: datetime | None = None) -> Truth:
    """Return every run and tick that had become visible by `until` (None: by the simulator's instant)."""
    return work_out_truth(simulator.fleet, until or simulator.now)


def work_out_truth(fleet: Fleet, until: datetime) -> Truth:
    """Generate the truth of a whole fleet until an instant."""
    until_ms = to_ms(until)
    truth = Truth(until, [], [], [])
    with _no_collector():
        for line in fleet.timelines:
            if line.created_ms <= until_ms:
                truth.tasks.append(_task(line, until_ms))
                _add_fires(truth, line, until_ms)
    return truth


@contextmanager
def _no_collector() -> Iterator[None]:
    """Pause the cycle collector: half a million rows have no cycles, yet looking for some took a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _task(line: Timeline, until_ms: int) -> TruthTask:
    period = line.period_at(until_ms)
    return TruthTask(
        line.task.task_id,
        line.task.account_id,
        line.fields_at(until_ms)["title"],
        line.task.created_at,
        line.task.deleted_at,
        not line.exists_at(until_ms),
        None if period is None else line.periods[period].schedule_id,
    )


def _add_fires(truth: Truth, line: Timeline, until_ms: int) -> None:
    task_id, account_id = line.task.task_id, line.task.account_id
    window = {run.run_id for run in line.window(until_ms)}
    for fire in line.fires(0, until_ms + MAX_EARLY_MS):
        run = fire.run if fire.run and fire.run.listed_ms <= until_ms else None
        at = _instant(fire.tick_ms)
        if fire.is_tick and (run or fire.tick_ms + MAX_LISTING_LAG_MS <= until_ms):
            truth.ticks.append(_tick(task_id, at, fire, run))
        if run:
            truth.runs.append(_run(run, task_id, account_id, at, until_ms, run.run_id in window))


def _tick(task_id: str, at: datetime, fire: Fire, run: Run | None) -> TruthTick:
    if run:
        return TruthTick(task_id, at, run.run_id, "ran", None, from_ms(run.inserted_ms))
    return TruthTick(task_id, at, None, "skipped" if fire.skip else "pending", fire.skip, None)


def _run(run: Run, task_id: str, account_id: str, at: datetime, until_ms: int, is_visible: bool) -> TruthRun:
    state = state_at(run, until_ms)
    meaning = MEANINGS[state.status]
    started, finished = list_times(state)
    return TruthRun(
        run.run_id,
        task_id,
        run.schedule_id,
        account_id,
        at,
        meaning.listed,
        meaning.outcome,
        meaning.is_final,
        from_ms(started) if started else None,
        from_ms(finished) if finished else None,
        _cents(state.compute_cents),
        _BASE if state.base_cents else _NOTHING,
        state.duration_ms,
        state.attempt_count,
        run.is_test,
        is_visible,
        state.tagged,
        from_ms(run.inserted_ms),
        from_ms(run.listed_ms),
    )


def _cents(value: float) -> Decimal:
    """Return the exact decimal of the number as JSON writes it."""
    return Decimal(repr(value))


@lru_cache(maxsize=65_536)
def _instant(tick_ms: int) -> datetime:
    return from_ms(tick_ms)
