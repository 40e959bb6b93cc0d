-- Is every known task in this poll, each with a window that was answered and could be read? Then there is nothing to judge,
-- as in most polls: planning the judgement would be a tenth of a small poll. Read by pipelines/load/suspect_polls.py.
select
    not exists (select 1 from stage.rejects where level = 'task')
    and not exists (select 1 from observed where is_unknown)
    and not exists (select 1 from core.tasks where deleted_at is null and last_poll_id <> getvariable('poll_id'))
