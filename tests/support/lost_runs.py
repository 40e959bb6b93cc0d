"""Three months of a fleet whose truth is known, of which runs are lost as the API loses them. No assertions here.

A poll sees the last five runs of a task, of the last seven days; some polls fail, some days have none. The runs endpoint
finds some of the others later, but none that never started.
"""

from collections.abc import Sequence

import duckdb

from pipelines.transform.model import Model
from tests.support.core_rows import AS_OF, insert_first_versions, insert_rows
from tests.support.model_examples import below

Connection = duckdb.DuckDBPyConnection

# Fates are drawn from hashes, so that the same number gives the same world in every version of DuckDB's own generator.
TRUTH = """
create temp table truth as
with fleet as (
    select 'task_' || number as task_id, number, [15, 60, 60, 60, 60, 240, 240, 1440][1 + number % 8] as minutes,
        0.01 + 0.15 * pow(draw('base', number, 0), 2) as calm, 1 + 6 * draw('night', number, 0) as night
    from range($tasks) as tasks(number)
), ticks as (
    select fleet.*,
        unnest(range($until - to_days($days) + to_minutes(7 * number % minutes), $until, to_minutes(minutes))) as due_at
    from fleet
), chances as (
    select *, least(0.9, calm * case when extract(hour from due_at at time zone 'UTC') < 6 then night else 1 end) as chance
    from ticks
)
select *, row_number() over () as id,
    case
        when draw('expired', number, epoch(due_at)) < 0.03 then 'expired'
        when draw('failed', number, epoch(due_at)) < chance then 'failed'
        else 'succeeded'
    end as outcome,
    outcome = 'expired' or (outcome = 'failed' and draw('started', number, epoch(due_at)) < 0.4) as never_started
from chances
"""
POLLS = """
create temp table looks as
select look_at from range($until - to_days($days), $until + interval 1 minute, to_minutes($minutes)) as polls(look_at)
where draw('down', 0, epoch(look_at)) > 0.1 and draw('away', 0, epoch(date_trunc('day', look_at))) > 0.06
    or look_at = $until
"""
SEEN = """
create temp table fates as
with followed as (select *, lead(due_at, 5) over (partition by task_id order by due_at) as pushed_out_at from truth),
looked as (
    select followed.*, looks.look_at
    from followed asof left join looks on looks.look_at >= followed.due_at
)
select *,
    coalesce(look_at < coalesce(pushed_out_at, 'infinity') and look_at < due_at + interval 7 day, false) as is_seen,
    not is_seen and not never_started and draw('found', number, epoch(due_at)) < $found as is_found
from looked
"""


def live(con: Connection, *, seed: int, tasks: int, days: int, minutes: int, found: float) -> None:
    """Fill core with what polls every so many minutes keep of the fleet; the truth stays beside it, in `fates`."""
    con.execute(
        f"create or replace temp macro draw(kind, task, instant) as "
        f"(hash(kind || '/{seed}/' || task || '/' || instant::bigint) % 1000003) / 1000003"
    )
    until = {"until": AS_OF}
    for statement, more in (
        (TRUTH, {"tasks": tasks, "days": days}),
        (POLLS, {"days": days, "minutes": minutes}),
        (SEEN, {"found": found}),
    ):
        known = {name: value for name, value in (until | more).items() if f"${name}" in statement}
        con.execute(statement.replace("$until", "$until::timestamptz"), known)
    insert_rows(con, "build_context", [{}])
    insert_rows(con, "tasks", [{"task_id": "template", "created_at": "2020-01-01T00:00:00Z", "schedule": "0 * * * *"}])
    insert_rows(con, "runs", [{"run_id": "template", "task_id": "template"}])
    con.execute(
        "insert into core.tasks by name select tasks.* replace (ids.task_id as task_id) "
        "from core.tasks as tasks cross join (select distinct task_id from truth) as ids"
    )
    con.execute(
        "insert into core.runs by name select runs.* replace ('run_' || id as run_id, fates.task_id as task_id, "
        "due_at as created_at, fates.outcome as outcome, if(is_seen, 'window', 'listing') as found_by) "
        "from core.runs as runs cross join fates where is_seen or is_found"
    )
    con.execute(
        "insert into core.missing_runs (task_id, tick_at, gap_id) "
        "select task_id, due_at, 'gap' from fates where not is_seen and not is_found"
    )
    con.execute("delete from core.runs where run_id = 'template'; delete from core.tasks where task_id = 'template'")
    insert_first_versions(con)


def build_below(con: Connection, models: Sequence[Model], relation: str) -> None:
    """Build one mart and all that it is made of."""
    model = next(each for each in models if each.relation == relation)
    for needed in below(models, model):
        con.execute(f"create or replace {needed.materialized} {needed.relation} as {needed.sql}")
