-- Which messages are to be sent now? Those for a sink that the settings name no more wait for it, and hold up no others.
-- That an incident is over is told after what opened it, never before: a receiver would take it for open for ever.
select *
from messages as due
where due.delivered_at is null
    and due.next_try_at <= :now
    and due.sink in (select value from json_each(:sinks))
    and not exists (
        select 1
        from messages as before
        where before.incident_id = due.incident_id
            and before.sink = due.sink
            and before.event = 'opened'
            and before.delivered_at is null
            and before.next_try_at > :now
            and due.event = 'closed'
    )
order by due.created_at, due.event desc, due.rowid
limit :most
