"""What the judge asks a warehouse beside which the truth lies, in SQL: figures, and counts that must be zero.

How the truth gets there, and what follows from the answers, is in judge.py.
"""

LOAD_TRUTH = """
create or replace temp table truth_runs as
from read_csv('{runs}', header = false, columns = {{
    run_id: 'VARCHAR', task_id: 'VARCHAR', created_at: 'TIMESTAMPTZ', started_at: 'TIMESTAMPTZ', outcome: 'VARCHAR',
    compute_cents: 'DECIMAL(38,20)', invocation_cents: 'DECIMAL(38,20)', listed_at: 'TIMESTAMPTZ'
}});
create or replace temp table truth_ticks as
from read_csv('{ticks}', header = false, columns = {{
    task_id: 'VARCHAR', tick_at: 'TIMESTAMPTZ', status: 'VARCHAR', reason: 'VARCHAR'
}});
"""

# The warehouse answers for the runs of a task from its first observed run on, until a minute before the last good look
# at it (lists lag), or until it was seen to be gone; of these, for the runs that a list had shown by then.
SCOPE = """
create or replace temp table scope as
select
    task_id,
    observed_from_at as from_at,
    coalesce(deleted_at, observed_until_at - interval 60 seconds) as until_at,
    coalesce(deleted_at, observed_until_at) as looked_at
from core.tasks
where observed_from_at is not null;

create or replace temp table existed as
select t.*
from truth_runs as t
inner join scope as s
    on s.task_id = t.task_id
    and t.created_at >= s.from_at
    and t.created_at < s.until_at
    and t.listed_at <= s.looked_at;

create or replace temp table counted_missing as
select m.task_id, m.tick_at, g.cause
from core.missing_runs as m
inner join core.coverage_gaps as g
    on g.gap_id = m.gap_id
where m.recovered_run_id is null;

create or replace temp table surplus as
select m.*, coalesce(t.status, 'no tick') as status, t.reason
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
    "skipped_counted_missing": "select count(*) from surplus where status = 'skipped'",
    "stalled_counted_missing": "select count(*) from surplus where reason in ('stall', 'replaced')",
    "pending_counted_missing": "select count(*) from surplus where status = 'pending'",
    "surplus_reconfigured_count": "select count(*) from surplus where status = 'no tick'",
    "day_count": "select count(*) from days",
    "exact_day_count": "select count(*) from days where existed = observed + missing",
    "surplus_day_count": "select count(*) from days where surplus > 0 and existed = observed + missing - surplus",
    "judged_tick_count": "select count(*) from marts.schedule_adherence where status <> 'unobservable'",
    "unobservable_tick_count": "select count(*) from marts.schedule_adherence where status = 'unobservable'",
    "missed_tick_count": "select count(*) from marts.schedule_adherence where status = 'missed'",
    # Not a fault: a run may come so late that nobody waits for it, and the verdict changes when it does.
    "missed_pending_count": """
        select count(*)
        from marts.schedule_adherence as a
        inner join truth_ticks as t on t.task_id = a.task_id and t.tick_at = a.tick_at
        where a.status = 'missed' and t.status = 'pending'""",
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
            and (t.started_at is null or t.started_at > a.tick_at + getvariable('on_time_at_most'))""",
    "late_that_was_not": """
        from marts.schedule_adherence as a
        left join truth_runs as t on t.run_id = a.run_id and t.task_id = a.task_id
        where a.status = 'late' and (t.run_id is null or t.started_at <= a.tick_at + getvariable('on_time_at_least'))""",
    "complete_days_with_a_hole": """
        from marts.coverage_daily as c
        inner join days as d on d.task_id = c.task_id and d.date = c.date
        where c.coverage_status = 'complete' and d.existed <> d.observed""",
}
