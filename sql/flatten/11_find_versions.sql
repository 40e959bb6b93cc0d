-- Tasks that changed, beside what core.tasks still says, and which of them open a new version (SCD2).
create or replace temp table incoming as
select
    s.* exclude (timezone, owner_email_hash, owner_email),
    -- Null is ambiguous upstream: no schedule, or its read failed; no owner, or the look-up failed. What was known stays.
    coalesce(s.timezone, p.timezone) as timezone,
    coalesce(s.owner_email_hash, p.owner_email_hash) as owner_email_hash,
    coalesce(s.owner_email, p.owner_email) as owner_email,
    coalesce(s.is_enabled_reported, true) as is_enabled,
    o.is_unknown
from stage.tasks as s
inner join observed as o
    on o.task_id = s.task_id
    and o.response_number = s.response_number
    and o.position = s.position
left join core.tasks as p
    on p.task_id = s.task_id;

create or replace temp table new_versions as
with compared as (

    select
        i.*,
        coalesce(v.version_number, 0) + 1 as version_number,
        v.task_id is null or v.valid_to is not null as is_opening,
        case
            when v.task_id is not null
                then list_filter(
                    [
                        case when i.title is distinct from v.title then 'title' end,
                        case when i.prompt_hash is distinct from v.prompt_hash then 'prompt' end,
                        case when i.schedule is distinct from v.schedule then 'schedule' end,
                        case when i.timezone is distinct from v.timezone then 'timezone' end,
                        case when i.schedule_id is distinct from v.schedule_id then 'schedule_id' end,
                        case when i.model is distinct from v.model then 'model' end,
                        case when i.is_enabled is distinct from v.is_enabled then 'is_enabled' end,
                        case when i.account_id is distinct from v.account_id then 'account_id' end,
                        case when i.artist_account_id is distinct from v.artist_account_id then 'artist_account_id' end,
                        case when i.owner_email_hash is distinct from v.owner_email_hash then 'owner_email' end
                    ],
                    lambda name: name is not null
                )
        end as changed
    from incoming as i
    left join core.task_versions as v
        on v.task_id = i.task_id
        and v.is_current

)

select * exclude (changed), coalesce(changed, []) as changed_columns
from compared
where is_opening
    or len(changed) > 0;
