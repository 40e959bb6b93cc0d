-- The versions that 11_find_versions.sql found; what was in force ends.
update core.task_versions as v
set
    valid_to = coalesce(v.valid_to, n.observed_at),
    is_current = false
from new_versions as n
where v.task_id = n.task_id
    and v.is_current;

insert into core.task_versions by name
select
    task_id,
    version_number,
    observed_at as valid_from,
    null::timestamptz as valid_to,
    true as is_current,
    case when is_opening then [] else changed_columns end as changed_columns,
    title,
    schedule,
    timezone,
    schedule_id,
    model,
    is_enabled,
    account_id,
    artist_account_id,
    owner_email_hash,
    prompt_hash,
    prompt_length
from new_versions;
