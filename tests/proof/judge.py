"""The verdict: what the warehouse says of a simulated world against that world's ground truth.

No polling here, and no SQL (questions.py). Every count that must be zero is named in `Verdict.faults`.
"""

import csv
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from pipelines.simulator.runs import state_at
from pipelines.simulator.time_units import to_ms
from pipelines.transform.build import build
from pipelines.transform.checks import run_checks
from pipelines.transform.load_models import Model, load_models
from tests.proof.questions import LOAD_TRUTH, MUST_BE_ZERO, NUMBERS, SCOPE
from tests.proof.world import World
from tests.support.ground_truth import Truth, truth_of
from tests.support.late_source import JUDGED


@dataclass(frozen=True, slots=True)
class Verdict:
    """Figures, and counts that must be zero."""

    numbers: dict[str, Any]
    faults: dict[str, int]
    failed_checks: tuple[str, ...]

    @property
    def is_proved(self) -> bool:
        """True when nothing that must be zero is not."""
        return not any(self.faults.values()) and not self.failed_checks


def judge(world: World, until: datetime, *, has_checks: bool = True) -> Verdict:
    """Build the marts (without checks: those that are compared), lay the truth beside them, and compare."""
    models = _models()
    only = None if has_checks else {("marts", name) for name in JUDGED}
    build(world.con, models=models, as_of=until, reporting_timezone="UTC", only=only)
    blocking = [check.name for check in run_checks(world.con, models) if check.blocks] if has_checks else []
    _load_truth(world, truth_of(world.simulator, until))
    world.con.execute(SCOPE)
    _allow_offsets(world)
    numbers = {name: _one(world, query) for name, query in NUMBERS.items()}
    faults = {name: int(_one(world, f"select count(*) {query}")) for name, query in MUST_BE_ZERO.items()}
    faults["wrong_cents_of_unfinished"] = _wrong_unfinished(world)
    return Verdict(numbers, faults, tuple(blocking))


@cache
def _models() -> tuple[Model, ...]:
    return load_models()


def rows(world: World, name: str, limit: int = 10) -> list[tuple[Any, ...]]:
    """Show some rows of a count that should be zero."""
    if name not in MUST_BE_ZERO:
        return []
    return world.con.execute(f"select * {MUST_BE_ZERO[name]} limit {limit}").fetchall()


def _one(world: World, query: str) -> Any:
    row = world.con.execute(query).fetchone()
    return row[0] if row else None


def _load_truth(world: World, truth: Truth) -> None:
    runs, ticks = world.folder / "truth_runs.csv", world.folder / "truth_ticks.csv"
    with runs.open("w", newline="") as file:
        csv.writer(file).writerows(
            (
                r.run_id,
                r.task_id,
                r.created_at,
                r.started_at,
                r.outcome,
                r.compute_cents,
                r.invocation_cents,
                r.listed_at,
            )
            for r in truth.runs
        )
    with ticks.open("w", newline="") as file:
        csv.writer(file).writerows((t.task_id, t.tick_at, t.status, t.reason) for t in truth.ticks)
    world.con.execute(LOAD_TRUTH.format(runs=runs, ticks=ticks))
    runs.unlink()
    ticks.unlink()


def _allow_offsets(world: World) -> None:
    """State how late a run may start and be on time: two minutes, and where a schedule has an offset, that too.

    How the product finds the offset is its own rule; a run that starts within a minute is never late.
    """
    most_s = 120 + max((task.lateness.spread_s for task in world.fleet.tasks if task.lateness), default=0)
    world.con.execute(
        f"set variable on_time_at_least = interval 60 seconds; set variable on_time_at_most = interval {most_s} seconds"
    )


def _wrong_unfinished(world: World) -> int:
    """Runs last seen while they ran carry the cost of that instant."""
    unfinished = world.con.execute(
        "select run_id, updated_at, compute_cents::varchar, invocation_cents::varchar from core.runs where not is_final"
    ).fetchall()
    wrong = 0
    for run_id, updated_at, compute, invocation in unfinished:
        updated_ms = to_ms(updated_at)
        found = world.fleet.find(run_id, updated_ms)
        state = state_at(found[1], updated_ms) if found else None
        wrong += state is None or (float(compute), float(invocation)) != (state.compute_cents, state.base_cents)
    return wrong
