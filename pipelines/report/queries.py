"""What the report asks the published file, one query per part of the page, and the answers in one value.

How a metric is made belongs to sql/marts; how it looks belongs to charts.py and page.py.
"""

from dataclasses import dataclass
from typing import Any

import duckdb

Row = dict[str, Any]

DAYS_SHOWN = 90
WINDOW_DAYS = 30
WORST_SHOWN = 12
ERRORS_SHOWN = 20
MODELS_SHOWN = 12
ACCOUNTS_SHOWN = 12
HEAT_TASKS_SHOWN = 40

INFO = "select * from marts.warehouse_info"

# The days of fleet_daily end today, so its last 30 rows are the last 30 days, today included.
DAYS = """
select
    date, task_count, n, failed_count, failure_ratio, failure_ratio_low, failure_ratio_high,
    run_count, total_cents, wasted_cents, wasted_ratio, is_final,
    runs_missing_count, coverage_ratio, coverage_status, unpriced_run_count
from marts.fleet_daily
qualify row_number() over (order by date desc) <= $days
order by date
"""

TOTALS = """
with days as (
    select *
    from marts.fleet_daily
    qualify row_number() over (order by date desc) <= $days
)

select
    count(*) as day_count,
    coalesce(sum(n), 0)::bigint as n,
    coalesce(sum(failed_count), 0)::bigint as failed_count,
    sum(failed_count) / nullif(sum(n), 0) as failure_ratio,
    core.wilson_low(sum(failed_count)::bigint, sum(n)::bigint) as failure_ratio_low,
    core.wilson_high(sum(failed_count)::bigint, sum(n)::bigint) as failure_ratio_high,
    core.told_sum(total_cents) as total_cents,
    core.told_sum(wasted_cents) as wasted_cents,
    core.told_sum(wasted_cents) / nullif(core.told_sum(total_cents), 0) as wasted_ratio,
    coalesce(sum(run_count), 0)::bigint as run_count,
    coalesce(sum(unpriced_run_count), 0)::bigint as unpriced_run_count,
    coalesce(sum(runs_missing_count), 0)::bigint as runs_missing_count,
    coalesce(bool_and(is_final), true) as is_final
from days
"""

# {by} is one of two columns named below.
SPEND_BY = """
with days as (
    select *
    from marts.spend_daily
    where date > (select max(date) from marts.fleet_daily) - $days::integer
)

select
    {by} as name,
    sum(run_count)::bigint as run_count,
    core.told_sum(total_cents) as total_cents,
    core.told_sum(wasted_cents) as wasted_cents,
    core.told_sum(wasted_cents) / nullif(core.told_sum(total_cents), 0) as wasted_ratio,
    sum(unpriced_run_count)::bigint as unpriced_run_count
from days
where run_count > 0
group by {by}
order by total_cents desc nulls last, name nulls last
"""

WORST = """
select task_id, title, n, failed_count, failure_ratio, failure_ratio_low, failure_ratio_high, runs_missing_count
from marts.failure_rates
where window_days = $days and failed_count > 0
order by failure_rank
limit $limit
"""

# Tasks that are gone stay in the list, at its end.
HEALTH = """
select *
from marts.task_health
order by deleted_at is not null, failure_ratio_low_30d desc nulls last, n_30d desc, task_id
"""

ERRORS = "select * from marts.error_groups order by error_rank limit $limit"
ERROR_COUNT = "select count(*) as group_count from marts.error_groups"

# The tasks with the worst record come first; a week of one missed tick must not outrank a month of fifty.
ADHERENCE = """
with days as (
    select *
    from marts.schedule_adherence_daily
    where date > (select max(date) from marts.fleet_daily) - $days::integer
),

tasks as (
    select
        task_id,
        sum(on_time_count)::bigint as task_on_time_count,
        sum(on_time_count + late_count + missed_count)::bigint as task_n,
        sum(late_count)::bigint as task_late_count,
        sum(missed_count)::bigint as task_missed_count,
        sum(unobservable_count)::bigint as task_unobservable_count,
        core.wilson_low(
            sum(late_count + missed_count)::bigint, sum(on_time_count + late_count + missed_count)::bigint
        ) as not_on_time_low,
        sum(on_time_count) / nullif(sum(on_time_count + late_count + missed_count), 0) as task_adherence_ratio,
        core.wilson_low(
            sum(on_time_count)::bigint, sum(on_time_count + late_count + missed_count)::bigint
        ) as task_adherence_low,
        core.wilson_high(
            sum(on_time_count)::bigint, sum(on_time_count + late_count + missed_count)::bigint
        ) as task_adherence_high,
        row_number() over (order by not_on_time_low desc nulls last, task_n desc, task_id) as task_rank
    from days
    group by task_id
)

select
    days.date, days.task_id, days.title, days.expected_count, days.on_time_count, days.late_count,
    days.missed_count, days.unobservable_count, days.adherence_ratio, tasks.* exclude (task_id)
from days
inner join tasks
    on tasks.task_id = days.task_id
order by tasks.task_rank, days.date
"""

CAUSES = """
with ticks as (
    select gap_id, count(*) as slipped, count(recovered_run_id) as recovered
    from core.missing_runs
    group by gap_id
)

select
    gaps.cause,
    count(*) as gap_count,
    count(*) filter (gaps.runs_missing_count is null) as unknown_gap_count,
    coalesce(sum(ticks.slipped), 0)::bigint as slipped_count,
    coalesce(sum(ticks.recovered), 0)::bigint as recovered_count,
    coalesce(sum(ticks.slipped - ticks.recovered), 0)::bigint as missing_count,
    min(gaps.from_at) as first_at,
    max(gaps.to_at) as last_at
from core.coverage_gaps as gaps
left join ticks
    on ticks.gap_id = gaps.gap_id
group by gaps.cause
order by missing_count desc, slipped_count desc, gaps.cause
"""

POLLING = """
select count(*) as task_count, count(*) filter (is_polled_too_rarely) as too_rarely_count
from marts.poll_advice
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything the page is made of."""

    info: Row
    days: list[Row]
    totals: Row
    models: list[Row]
    accounts: list[Row]
    worst: list[Row]
    health: list[Row]
    errors: list[Row]
    error_count: int
    adherence: list[Row]
    causes: list[Row]
    polling: Row


def ask(con: duckdb.DuckDBPyConnection) -> Answers:
    """Ask everything once."""
    return Answers(
        info=_rows(con, INFO)[0],
        days=fleet_days(con),
        totals=_rows(con, TOTALS, days=WINDOW_DAYS)[0],
        models=spend_by(con, "model"),
        accounts=spend_by(con, "account_id"),
        worst=worst_tasks(con),
        health=_rows(con, HEALTH),
        errors=_rows(con, ERRORS, limit=ERRORS_SHOWN),
        error_count=_rows(con, ERROR_COUNT)[0]["group_count"],
        adherence=_rows(con, ADHERENCE, days=WINDOW_DAYS),
        causes=_rows(con, CAUSES),
        polling=_rows(con, POLLING)[0],
    )


def fleet_days(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """The fleet's last days, oldest first."""
    return _rows(con, DAYS, days=DAYS_SHOWN)


def worst_tasks(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """The tasks that surely fail most."""
    return _rows(con, WORST, days=WINDOW_DAYS, limit=WORST_SHOWN)


def spend_by(con: duckdb.DuckDBPyConnection, column: str) -> list[Row]:
    """Spend per value of a column of marts.spend_daily, most first."""
    return _rows(con, SPEND_BY.format(by=column), days=WINDOW_DAYS)


def _rows(con: duckdb.DuckDBPyConnection, query: str, **parameters: Any) -> list[Row]:
    cursor = con.execute(query, parameters or None)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
