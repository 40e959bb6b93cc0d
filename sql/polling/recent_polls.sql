-- How did the last polls go? One row per poll, newest first; a poll that met an outage counts as failed.
-- Saved bodies say nothing about the source. One task whose schedule is gone makes every poll suspect for days,
-- so only signs that concern many tasks count as an outage.
-- Read by pipelines/schedule/poll_interval.py.
select
    started_at,
    status in ('failed', 'running')
        or list_has_any(suspect_reasons, ['many_tasks_empty', 'account_empty']) as is_outage
from core.polls
where source <> 'file'
order by started_at desc, poll_id desc
limit 50
