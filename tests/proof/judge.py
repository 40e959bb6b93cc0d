"""The verdict: what the warehouse says of a simulated world against that world's ground truth.

No polling here. Every count that must be zero is a field of `Verdict` that `faults` names.
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
from tests.proof.world import World
from tests.support.ground_truth import Truth, truth_of

LOAD_TRUTH = """
create or replace temp table truth_runs as
from read_csv('{runs}', header = false, columns = {{
    run_id: 'VARCHAR', task_id: 'VARCHAR', created_at: 'TIMESTAMPTZ', started_at: 'TIMESTAMPTZ', outcome: 'VARCHAR',
    compute_cents: 'DECIMAL(38,20)', invocation_cents: 'DECIMAL(38,20)'
}});
create or replace temp table truth_ticks as
from read_csv('{ticks}', header = false, columns = {{
    task_id: 'VARCHAR', tick_at: 'TIMESTAMPTZ', run_id: 'VARCHAR'
}});
"""

# The warehouse answers for a task from its first observed run on, until a minute before the last good look at it
# (lists lag), or until it was seen to be gone.
SCOPE = """
create or replace temp table scope as
select
    task_id,
    observed_from_at as from_at,
    coalesce(deleted_at, observed_until_at - interval 60 seconds) as until_at
from core.tasks
where observed_from_at is not null;

create or replace temp table existed as
select t.*
from truth_runs as t
inner join scope as s
    on s.task_id = t.task_id
    and t.created_at >= s.from_at
    and t.created_at < s.until_at;

create or replace temp table counted_missing as
select m.task_id, m.tick_at, g.cause
from core.missing_runs as m
inner join core.coverage_gaps as g
    on g.gap_id = m.gap_id
where m.recovered_run_id is null;

create or replace temp table surplus as
select m.*, t.tick_at is not null as is_skipped_tick
from counted_missing as m
left join truth_ticks as t
    on t.task_id = m.task_id
    and t.tick_at = m.tick_at
anti join truth_runs as r
    on r.task_id = m.task_id
    and r.created_at = m.tick_at;

create or replace temp table days as
with counts as (

    select task_id, created_at::date as date, 1 as existed, 0 as observed, 0 as missing, 0 as surplus from existed
    union all
    select r.task_id, r.created_at::date, 0, 1, 0, 0
    from core.runs as r
    inner join existed as e on e.run_id = r.run_id
    union all
    select task_id, tick_at::date, 0, 0, 1, 0 from counted_missing
    union all
    select task_id, tick_at::date, 0, 0, 0, 1 from surplus

)

select
    task_id,
    date,
    sum(existed) as existed,
    sum(observed) as observed,
    sum(missing) as missing,
    sum(surplus) as surplus
from counts
group by all;
"""

COMPARED = ("missing_run_facts", "coverage_daily", "tick_runs", "schedule_adherence")

NUMBERS = {
    "task_count": "select count(*) from core.tasks",
    "existed_count": "select count(*) from existed",
    "observed_count": "select count(*) from core.runs where run_id in (select run_id from existed)",
    "recovered_count": "select count(*) from core.runs where found_by <> 'window'",
    "missing_count": "select count(*) from counted_missing",
    **{
        f"missing_{cause}_count": f"select count(*) from counted_missing where cause = '{cause}'"
        for cause in ("window_overflow", "seven_day_cut", "schedule_replaced", "source_outage", "not_polled")
    },
    "surplus_skipped_count": "select count(*) from surplus where is_skipped_tick",
    "surplus_reconfigured_count": "select count(*) from surplus where not is_skipped_tick",
    "day_count": "select count(*) from days",
    "exact_day_count": "select count(*) from days where existed = observed + missing",
    "surplus_day_count": "select count(*) from days where surplus > 0 and existed = observed + missing - surplus",
    "judged_tick_count": "select count(*) from marts.schedule_adherence where status <> 'unobservable'",
    "unobservable_tick_count": "select count(*) from marts.schedule_adherence where status = 'unobservable'",
    "missed_tick_count": "select count(*) from marts.schedule_adherence where status = 'missed'",
    "late_tick_count": "select count(*) from marts.schedule_adherence where status = 'late'",
    "cents": "select coalesce(sum(total_cents), 0) from core.runs",
}

MUST_BE_ZERO = {
    "lost_unseen": """
        from existed as e
        anti join core.runs as r on r.run_id = e.run_id
        anti join counted_missing as m on m.task_id = e.task_id and m.tick_at = e.created_at""",
    "counted_twice": """
        from core.runs as r
        inner join counted_missing as m on m.task_id = r.task_id and m.tick_at = r.created_at""",
    "invented": "from core.runs as r anti join truth_runs as t on t.run_id = r.run_id and t.task_id = r.task_id",
    "days_that_do_not_add_up": "from days where existed <> observed + missing - surplus",
    "wrong_cents": """
        from core.runs as r
        inner join truth_runs as t on t.run_id = r.run_id
        where r.is_final
            and (r.compute_cents <> t.compute_cents or r.invocation_cents <> t.invocation_cents
                or r.total_cents <> t.compute_cents + t.invocation_cents or r.outcome <> t.outcome)""",
    "missed_that_ran": """
        from marts.schedule_adherence as a
        inner join truth_runs as t on t.task_id = a.task_id and t.created_at = a.tick_at
        where a.status = 'missed'""",
    "missed_that_was_not_due": """
        from marts.schedule_adherence as a
        anti join truth_ticks as t on t.task_id = a.task_id and t.tick_at = a.tick_at
        where a.status = 'missed'""",
    "on_time_that_did_not_run": """
        from marts.schedule_adherence as a
        left join truth_runs as t on t.run_id = a.run_id and t.task_id = a.task_id and t.created_at = a.tick_at
        where a.status = 'on_time'
            and (t.started_at is null or t.started_at > a.tick_at + interval 60 seconds)""",
    "late_that_was_not": """
        from marts.schedule_adherence as a
        left join truth_runs as t on t.run_id = a.run_id and t.task_id = a.task_id
        where a.status = 'late' and (t.run_id is null or t.started_at <= a.tick_at + interval 60 seconds)""",
    "complete_days_with_a_hole": """
        from marts.coverage_daily as c
        inner join days as d on d.task_id = c.task_id and d.date = c.date
        where c.coverage_status = 'complete' and d.existed <> d.observed""",
}


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
    only = None if has_checks else {("marts", name) for name in COMPARED}
    build(world.con, models=models, as_of=until, reporting_timezone="UTC", only=only)
    blocking = [check.name for check in run_checks(world.con, models) if check.blocks] if has_checks else []
    _load_truth(world, truth_of(world.simulator, until))
    world.con.execute(SCOPE)
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
            (r.run_id, r.task_id, r.created_at, r.started_at, r.outcome, r.compute_cents, r.invocation_cents)
            for r in truth.runs
        )
    with ticks.open("w", newline="") as file:
        csv.writer(file).writerows((t.task_id, t.tick_at, t.run_id) for t in truth.ticks)
    world.con.execute(LOAD_TRUTH.format(runs=runs, ticks=ticks))
    runs.unlink()
    ticks.unlink()


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
