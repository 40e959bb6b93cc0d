-- Which numbers of ended days differ from those of the attached copy `published`? Only days that were built since can.
-- Run by pipelines/restatements/compare.py. A day counts as not built again when both builds tell the same of it, and the
-- copy's last build is later: two builds of one instant would look alike.
create or replace temp table candidate_days as
with before as (

    select *
    from published.core.publishes
    order by publish_number desc
    limit 1

),

-- Without a row, or with another, nothing vouches for days that were not built.
vouched as (

    select now.date
    from core.built_days as now
    inner join published.core.built_days as earlier
        on earlier.date = now.date
        and earlier.built_at = now.built_at
    cross join before
    where now.built_at < before.as_of_at
        and exists (
            select 1
            from core.day_builds as build
            inner join published.core.day_builds as build_then
                on build_then.fingerprint = build.fingerprint
                and build_then.full_built_at = build.full_built_at
        )

),

known as (

    select date from core.built_days
    union
    select date from published.core.built_days
    union
    select date from marts.task_day_facts where not exists (select 1 from core.built_days)
    union
    select date from published.marts.task_day_facts where not exists (select 1 from core.built_days)

)

select known.date
from known
cross join before
where known.date < before.closed_until
    and known.date not in (select date from vouched);

-- Most of them tell what they told: days are compared by a digest of their rows before they are compared by task.
create or replace temp table differing_days as
with digests_then as (

    select
        date,
        sum(hash(task_id, run_count, failed_count, total_cents, runs_missing_count)) as digest
    from published.marts.task_day_facts
    where date in (select date from candidate_days)
    group by date

),

digests_now as (

    select
        date,
        sum(hash(task_id, run_count, failed_count, total_cents, runs_missing_count)) as digest
    from marts.task_day_facts
    where date in (select date from candidate_days)
    group by date

)

select coalesce(earlier.date, now.date) as date
from digests_then as earlier
full join digests_now as now
    on now.date = earlier.date
where now.digest is distinct from earlier.digest;

create or replace temp table restated_days as
with earlier as (

    select
        date,
        task_id,
        sum(run_count)::decimal(38, 20) as runs,
        sum(failed_count)::decimal(38, 20) as failed,
        sum(total_cents)::decimal(38, 20) as cents,
        sum(runs_missing_count)::decimal(38, 20) as missing
    from published.marts.task_day_facts
    where date in (select date from differing_days)
    group by date, task_id

),

now as (

    select
        date,
        task_id,
        sum(run_count)::decimal(38, 20) as runs,
        sum(failed_count)::decimal(38, 20) as failed,
        sum(total_cents)::decimal(38, 20) as cents,
        sum(runs_missing_count)::decimal(38, 20) as missing
    from marts.task_day_facts
    where date in (select date from differing_days)
    group by date, task_id

),

numbers as (

    select
        coalesce(earlier.date, now.date) as date,
        coalesce(earlier.task_id, now.task_id) as task_id,
        unnest([
            {'measure': 'runs', 'before_value': earlier.runs, 'after_value': now.runs},
            {'measure': 'failed', 'before_value': earlier.failed, 'after_value': now.failed},
            {'measure': 'cents', 'before_value': earlier.cents, 'after_value': now.cents},
            {'measure': 'missing', 'before_value': earlier.missing, 'after_value': now.missing}
        ], recursive := true)
    from earlier
    full join now
        on now.date = earlier.date
        and now.task_id is not distinct from earlier.task_id
    where (earlier.runs, earlier.failed, earlier.cents, earlier.missing)
        is distinct from (now.runs, now.failed, now.cents, now.missing)

)

select
    * replace (coalesce(before_value, 0) as before_value, coalesce(after_value, 0) as after_value)
from numbers
where coalesce(before_value, 0) != coalesce(after_value, 0)
