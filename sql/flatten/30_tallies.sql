-- What this poll brought, as columns of core.polls.
create or replace temp table tallies as
select
    count(*) as task_count,
    count(*) filter (where not is_changed) as unchanged_task_count,
    coalesce(sum(run_count) filter (where not is_unknown), 0)::bigint as run_count,
    count(*) filter (where is_unknown) as suspect_task_count,
    (select count(*) from new_versions where not is_opening) as changed_task_count,
    (select count(*) from deletable) as deleted_task_count,
    (select count(*) from absent where task_id not in (select task_id from deletable)) as deletions_withheld_count,
    (select count(*) from changed_runs where run_id in (select run_id from known_runs)) as changed_run_count,
    (
        select count(*)
        from core.runs
        where first_poll_id = getvariable('poll_id')
            and found_by != 'window'
    ) as recovered_run_count
from observed;
