-- Fields that an answer did not tell (absent, or not readable) keep what was known of the task.
update stage.tasks as s
set
    title = case when list_contains(s.untold, 'title') then p.title else s.title end,
    prompt_hash = case when list_contains(s.untold, 'prompt') then p.prompt_hash else s.prompt_hash end,
    prompt_length = case when list_contains(s.untold, 'prompt') then p.prompt_length else s.prompt_length end,
    prompt = case when list_contains(s.untold, 'prompt') then p.prompt else s.prompt end,
    schedule = case when list_contains(s.untold, 'schedule') then p.schedule else s.schedule end,
    account_id = case when list_contains(s.untold, 'account_id') then p.account_id else s.account_id end,
    artist_account_id = case
        when list_contains(s.untold, 'artist_account_id') then p.artist_account_id
        else s.artist_account_id
    end,
    is_enabled_reported = case
        when list_contains(s.untold, 'enabled') then p.is_enabled_reported
        else s.is_enabled_reported
    end,
    schedule_id = case when list_contains(s.untold, 'trigger_schedule_id') then p.schedule_id else s.schedule_id end,
    model = case when list_contains(s.untold, 'model') then p.model else s.model end
from core.tasks as p
where p.task_id = s.task_id
    and len(s.untold) > 0;
