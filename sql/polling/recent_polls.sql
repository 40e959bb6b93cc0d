-- How did the last polls go? One row per poll, newest first; a poll that met an outage counts as failed.
-- Saved bodies say nothing about the source. One task whose schedule is gone makes every poll suspect for days, and one
-- account without tasks or without an answer says nothing about the others: only what concerns many tasks is an outage.
-- Read by pipelines/schedule/poll_interval.py.
select
    started_at,
    status in ('failed', 'running')
        or list_contains(suspect_reasons, 'many_tasks_empty') as is_outage
from core.polls
where source <> 'file'
order by started_at desc, poll_id desc
limit 50
