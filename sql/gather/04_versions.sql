-- The versions of a task that moved are those that the looks of all shards saw, in the order of the looks: as if one poller
-- had looked, each ends when another shard sees the next. What a shard says of the time without a look does not count.
delete from core.task_versions;

insert into core.task_versions by name
select * exclude (shard)
from told_task_versions
anti join moved_tasks using (task_id);

insert into core.task_versions by name
with seen as (

    select
        versions.*,
        looks.observed_at
    from (
        select task_id, shard, observed_at
        from told_task_observations
        semi join moved_tasks using (task_id)
    ) as looks
    asof join told_task_versions as versions
        on versions.task_id = looks.task_id
        and versions.shard = looks.shard
        and versions.valid_from <= looks.observed_at

),

compared as (

    select
        * replace (
            coalesce(timezone, lag(timezone) over in_time) as timezone,
            coalesce(owner_email_hash, lag(owner_email_hash) over in_time) as owner_email_hash
        ),
        lag(shard) over in_time as shard_before,
        lag({
            'version_number': version_number,
            'title': title,
            'prompt_hash': prompt_hash,
            'schedule': schedule,
            'timezone': timezone,
            'schedule_id': schedule_id,
            'model': model,
            'is_enabled': is_enabled,
            'account_id': account_id,
            'artist_account_id': artist_account_id,
            'owner_email_hash': owner_email_hash
        }) over in_time as before
    from seen
    window in_time as (partition by task_id order by observed_at, shard)

),

differing as (

    select
        *,
        coalesce(shard_before != shard, false) as is_handed_on,
        list_filter(
            [
                case when title is distinct from before.title then 'title' end,
                case when prompt_hash is distinct from before.prompt_hash then 'prompt' end,
                case when schedule is distinct from before.schedule then 'schedule' end,
                case when timezone is distinct from before.timezone then 'timezone' end,
                case when schedule_id is distinct from before.schedule_id then 'schedule_id' end,
                case when model is distinct from before.model then 'model' end,
                case when is_enabled is distinct from before.is_enabled then 'is_enabled' end,
                case when account_id is distinct from before.account_id then 'account_id' end,
                case when artist_account_id is distinct from before.artist_account_id then 'artist_account_id' end,
                case when owner_email_hash is distinct from before.owner_email_hash then 'owner_email' end
            ],
            lambda name: name is not null
        ) as differences
    from compared

),

-- A whole account that another shard polls now is no change: the same version goes on.
kept as (

    select *
    from differing
    where shard_before is null
        or (is_handed_on and len(differences) > 0)
        or (not is_handed_on and version_number != before.version_number)

)

select
    kept.* exclude (observed_at, shard, shard_before, before, is_handed_on, differences) replace (
        row_number() over in_order as version_number,
        kept.observed_at as valid_from,
        case
            when lead(kept.is_handed_on) over in_order then lead(kept.observed_at) over in_order
            when lead(kept.task_id) over in_order is not null
                then coalesce(kept.valid_to, lead(kept.observed_at) over in_order)
            else tasks.deleted_at
        end as valid_to,
        lead(kept.task_id) over in_order is null as is_current,
        case when kept.is_handed_on then kept.differences else kept.changed_columns end as changed_columns
    )
from kept
inner join core.tasks as tasks
    on tasks.task_id = kept.task_id
window in_order as (partition by kept.task_id order by kept.observed_at, kept.shard);
