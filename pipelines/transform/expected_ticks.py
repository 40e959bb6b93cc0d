"""Fills core.expected_ticks and core.schedule_gaps: when tasks had to run and will have to, by cron and configuration.

Whether they did belongs to sql/marts/schedule_adherence.sql; cron itself to cron.py.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from pipelines.database.connection import Connection, insert_rows
from pipelines.schedule import cron

# Ticks are asked for in pieces, since cron.py refuses to count too many at once.
PIECE = timedelta(days=90)

# A task's ticks start where its observation does: what its schedule was before, nobody knows. The configuration in
# force now reaches to the end of the next month in the reporting zone, for forecasts.
SEGMENTS = """
create or replace temp table tick_segments as
with limits as (

    select (date_trunc('month', $as_of::timestamptz at time zone $zone) + interval 2 months) at time zone $zone
        as horizon_at

)

select
    v.task_id,
    v.version_number,
    v.schedule,
    coalesce(v.timezone, 'UTC') as timezone,
    case
        when v.version_number = 1 then t.observed_from_at
        else greatest(v.valid_from, t.observed_from_at)
    end as from_at,
    least(v.valid_to, limits.horizon_at) as until_at
from core.task_versions as v
inner join core.tasks as t
    on t.task_id = v.task_id
cross join limits
where v.is_enabled
    and v.schedule_id is not null
    and v.schedule is not null
    and t.observed_from_at is not null
"""

# Ticks of a version that has ended since, or is another one after a rebuild.
DROP_STALE = """
delete from core.expected_ticks as e
where not exists (
    select 1
    from tick_segments as s
    where s.task_id = e.task_id
        and s.version_number = e.version_number
        and s.schedule = e.schedule
        and s.timezone = e.timezone
        and e.tick_at >= s.from_at
        and e.tick_at < s.until_at
)
"""

# Each build goes on where the one before stopped.
RESUME = """
update tick_segments as s
set from_at = k.last_tick_at + interval 1 microsecond
from (
    select task_id, version_number, max(tick_at) as last_tick_at
    from core.expected_ticks
    group by all
) as k
where k.task_id = s.task_id
    and k.version_number = s.version_number
"""

SCHEDULES = """
select schedule, timezone, min(from_at), max(until_at)
from tick_segments
where from_at < until_at
group by all
order by all
"""

TICKS = """
create or replace temp table schedule_ticks (schedule varchar, timezone varchar, tick_at timestamptz)
"""

ADD_TICKS = """
insert into schedule_ticks
select $schedule, $timezone, to_timestamp(unnest(from_json($seconds::json, '["BIGINT"]')))
"""

APPEND = """
insert into core.expected_ticks
select s.task_id, t.tick_at, s.schedule, s.timezone, s.version_number, t.tick_at > $as_of
from tick_segments as s
inner join schedule_ticks as t
    on t.schedule = s.schedule
    and t.timezone = s.timezone
    and t.tick_at >= s.from_at
    and t.tick_at < s.until_at
order by s.task_id, t.tick_at
"""

TURN_PAST = """
update core.expected_ticks
set is_future = tick_at > $as_of
where is_future <> (tick_at > $as_of)
"""

CURRENT_SCHEDULES = """
select distinct schedule, coalesce(timezone, 'UTC')
from core.tasks
where deleted_at is null
    and schedule is not null
order by all
"""


def fill_expected(con: Connection, *, as_of: datetime, reporting_timezone: str) -> None:
    """Bring core.expected_ticks and core.schedule_gaps up to `as_of`. The caller owns the transaction."""
    con.execute(SEGMENTS, {"as_of": as_of, "zone": reporting_timezone})
    con.execute(DROP_STALE)
    con.execute(RESUME)
    con.execute(TICKS)
    for schedule, timezone, from_at, until_at in con.execute(SCHEDULES).fetchall():
        for seconds in _pieces(schedule, timezone, from_at, until_at):
            parameters = {"schedule": schedule, "timezone": timezone, "seconds": seconds}
            con.execute(ADD_TICKS, parameters)
    con.execute(APPEND, {"as_of": as_of})
    con.execute(TURN_PAST, {"as_of": as_of})
    _fill_gaps(con, as_of)
    con.execute("drop table schedule_ticks; drop table tick_segments")


def _pieces(schedule: str, timezone: str, from_at: datetime, until_at: datetime) -> Iterator[str]:
    """Yield the ticks of [from, until) as JSON lists of epoch seconds; none of a schedule that cannot be read."""
    if not cron.is_valid(schedule, timezone):
        return
    while from_at < until_at:
        end = min(from_at + PIECE, until_at)
        # The lower bound of cron.ticks is exclusive, that of a version is not.
        found = cron.ticks(schedule, timezone, from_at - timedelta.resolution, end)
        if found:
            yield msgspec.json.encode([int(tick.timestamp()) for tick in found]).decode()
        from_at = end


def _fill_gaps(con: Connection, as_of: datetime) -> None:
    con.execute("delete from core.schedule_gaps")
    rows = []
    for schedule, timezone in con.execute(CURRENT_SCHEDULES).fetchall():
        is_readable = cron.is_valid(schedule, timezone)
        gap = cron.smallest_gap(schedule, timezone, as_of) if is_readable else None
        gap_ms = None if gap is None else gap // timedelta(milliseconds=1)
        place = {"schedule": schedule, "timezone": timezone}
        rows.append(place | {"is_readable": is_readable, "smallest_gap_ms": gap_ms})
    insert_rows(con, "core.schedule_gaps", rows)
