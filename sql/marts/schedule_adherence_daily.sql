-- How reliably do tasks run when they are due?
-- Grain: one row per local day and task on which a tick was due. Key: date, task_id.
-- Unobservable ticks count neither for nor against a task; the completeness columns say how much of the day was seen.
select
    adherence.date,
    adherence.task_id,
    any_value(tasks.title) as title,
    any_value(tasks.account_id) as account_id,
    any_value(tasks.artist_account_id) as artist_account_id,
    count(*) as expected_count,
    count(*) filter (adherence.status = 'on_time') as on_time_count,
    count(*) filter (adherence.status = 'late') as late_count,
    count(*) filter (adherence.status = 'missed') as missed_count,
    count(*) filter (adherence.status = 'unobservable') as unobservable_count,
    count(*) filter (adherence.status = 'on_time')
        / nullif(count(*) filter (adherence.status != 'unobservable'), 0) as adherence_ratio,
    max(adherence.lateness_seconds) as largest_lateness_seconds,
    any_value(coalesce(coverage.runs_missing_count, 0)) as runs_missing_count,
    any_value(coverage.coverage_ratio) as coverage_ratio,
    any_value(coalesce(coverage.coverage_status, 'unknown')) as coverage_status
from marts.schedule_adherence as adherence
left join core.tasks as tasks
    on tasks.task_id = adherence.task_id
left join marts.coverage_facts as coverage
    on coverage.date = adherence.date
    and coverage.task_id = adherence.task_id
group by adherence.date, adherence.task_id
