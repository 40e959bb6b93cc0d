-- Whose tasks are gone when an answer that named no account is empty? Those that the last such answer showed.
-- Read by pipelines/load/suspect_polls.py.
select distinct account_id
from core.tasks
where account_id is not null
    and last_poll_id = (
        select max(t.last_poll_id)
        from core.tasks as t
        inner join core.responses as r
            on r.poll_id = t.last_poll_id
        where r.kind = 'tasks'
            and r.http_status = 200
            and (r.request = '/api/tasks' or starts_with(r.request, 'file:'))
    )
