-- Which errors end runs, how often, whom do they hit, and which are new?
-- Grain: one row per fingerprint: name and normalised message, or the status where neither was told. Worst first.
-- Counted failed runs. The list endpoint tells no errors, so a run's error is known once its details were fetched.
with failures as (

    select
        run_id,
        error_name,
        error_message,
        status,
        task_id,
        account_id,
        created_at,
        wasted_cents
    from marts.runs_in_force
    where is_counted
        and outcome = 'failed'

),

texts as (

    select distinct
        error_name,
        error_message,
        status
    from failures

),

fingerprints as (

    select
        *,
        core.normalised_message(error_message) as normalised_message,
        core.error_fingerprint(error_name, error_message, status) as fingerprint
    from texts

),

groups as (

    select
        fingerprints.fingerprint,
        any_value(failures.error_name) as error_name,
        any_value(fingerprints.normalised_message) as normalised_message,
        count(*) filter (failures.error_name is not null or failures.error_message is not null) > 0 as is_error_observed,
        list_sort(list(distinct failures.status)) as statuses,
        left(arg_max(failures.error_message, (failures.created_at, failures.run_id)), 2000) as sample_message,
        arg_max(failures.run_id, (failures.created_at, failures.run_id)) as sample_run_id,
        count(*) as run_count,
        count(distinct failures.task_id) as task_count,
        count(distinct failures.account_id) as account_count,
        list_sort(list(distinct failures.task_id))[:20] as task_ids,
        list_sort(list(distinct tasks.title))[:20] as task_titles,
        list_sort(list(distinct failures.account_id))[:20] as account_ids,
        min(failures.created_at) as first_seen_at,
        max(failures.created_at) as last_seen_at,
        core.sum_known_cents(failures.wasted_cents) as wasted_cents,
        count(*) filter (failures.created_at > core.as_of() - interval 168 hours) as run_count_7d,
        count(*) filter (failures.created_at > core.as_of() - interval 720 hours) as run_count_30d
    from failures
    inner join fingerprints
        on fingerprints.error_name is not distinct from failures.error_name
        and fingerprints.error_message is not distinct from failures.error_message
        and fingerprints.status = failures.status
    left join core.tasks as tasks
        on tasks.task_id = failures.task_id
    group by fingerprints.fingerprint

),

fleet as (

    select
        count(*) filter (outcome in ('succeeded', 'failed')) as n_30d
    from marts.runs_in_force
    where is_counted
        and created_at > core.as_of() - interval 720 hours

)

select
    row_number() over (
        order by
            core.wilson_low(groups.run_count_30d, fleet.n_30d) desc nulls last,
            -- sqlfluff takes the name for a frame clause.
            groups.run_count desc, -- noqa: PRS
            groups.fingerprint
    ) as error_rank,
    groups.fingerprint,
    core.fingerprint_version() as fingerprint_version,
    groups.error_name,
    groups.normalised_message,
    groups.is_error_observed,
    groups.statuses,
    groups.sample_message,
    groups.sample_run_id,

    ---------- how often, and whom
    groups.run_count,
    groups.run_count_7d,
    groups.run_count_30d,
    fleet.n_30d,
    groups.run_count_30d / nullif(fleet.n_30d, 0) as share_ratio_30d,
    core.wilson_low(groups.run_count_30d, fleet.n_30d) as share_ratio_low_30d,
    core.wilson_high(groups.run_count_30d, fleet.n_30d) as share_ratio_high_30d,
    groups.task_count,
    groups.account_count,
    groups.task_ids,
    groups.task_titles,
    groups.account_ids,
    groups.wasted_cents,
    core.usd(groups.wasted_cents) as wasted_usd,

    ---------- when
    groups.first_seen_at,
    groups.last_seen_at,
    case
        when info.first_run_at > core.as_of() - interval 168 hours then null
        else groups.first_seen_at > core.as_of() - interval 168 hours
    end as is_new_this_week,

    ---------- completeness
    info.runs_missing_count,
    info.coverage_ratio,
    info.coverage_status
from groups
cross join fleet
cross join marts.warehouse_info as info
order by error_rank
