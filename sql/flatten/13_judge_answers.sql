-- Whose lists of tasks did this poll read, and which of them are not to be believed? One row per account.
-- Parameters: task_answers, a JSON list of {number, account_id, object_count}; is_full_scope, accept_deletions;
-- row_cap, empty_days (load/suspect_polls.py says why).
--
-- Every id that this poll showed. What is not in here is absent: nothing else decides it.
create or replace temp table present as
select task_id
from observed

union

-- Also what could not be kept: it was seen, whatever became of the rest.
select task_id
from stage.rejects
where task_id is not null;

create or replace temp table answered as
with answers as (

    select unnest(
        from_json(
            getvariable('task_answers')::json,
            '[{"number": "INTEGER", "account_id": "VARCHAR", "object_count": "BIGINT"}]'
        ),
        recursive := true
    )

),

claims as (

    select number, account_id, object_count
    from answers
    where account_id is not null

    union all

    -- Nobody was named: the answer speaks for the accounts of the tasks in it.
    select a.number, t.account_id, a.object_count
    from answers as a
    inner join observed as o
        on o.response_number = a.number
    inner join core.tasks as t
        on t.task_id = o.task_id
    where a.account_id is null
        and t.account_id is not null

),

accounts as (

    select
        account_id,
        max(object_count) as object_count,
        -- An object whose id nobody can read may be any task: the list says nothing of the tasks that it does not name.
        bool_or(number in (select response_number from stage.rejects where level = 'task' and task_id is null))
            as is_incomplete
    from claims
    group by account_id

),

known as (

    select
        account_id,
        max(last_seen_at) as last_shown_at,
        min(absent_since_at) as absent_since_at
    from core.tasks
    where deleted_at is null
    group by account_id

),

unread as (

    -- A schedule deleted upstream looks like an outage for ever; after so long it no longer taints its account.
    select distinct t.account_id
    from observed as o
    inner join core.tasks as t
        on t.task_id = o.task_id
    where o.is_unknown
        and t.unknown_since_at > o.observed_at - core.window_length()

),

judged as (

    select
        a.account_id,
        a.object_count = getvariable('row_cap') as is_row_capped,
        a.is_incomplete,
        -- Scope checks upstream fail closed, with an empty list. A person's word ends the doubt, or time: long enough
        -- without any task, and not in this poll alone.
        getvariable('is_full_scope')
        and a.object_count = 0
        and k.account_id is not null
        and not getvariable('accept_deletions')
        and not coalesce(
            k.last_shown_at <= getvariable('observed_at') - to_days(getvariable('empty_days'))
            and k.absent_since_at < getvariable('observed_at'),
            false
        ) as is_emptied,
        u.account_id is not null as is_lookup_failed
    from accounts as a
    left join known as k
        on k.account_id = a.account_id
    left join unread as u
        on u.account_id = a.account_id

)

select
    *,
    getvariable('is_full_scope')
    and not is_row_capped
    and not is_incomplete
    and not is_emptied
    and (not is_lookup_failed or getvariable('accept_deletions')) as may_delete
from judged;
