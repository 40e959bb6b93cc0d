-- What did the last poll not see, and of whom? One row, or none before the first poll. Accounts as [id, name] pairs.
-- Read by pipelines/report/queries.py.
with last_poll as (
    select * from core.polls
    order by started_at desc, poll_id desc
    limit 1
),

doubted as (
    select
        last_poll.poll_id,
        list([ids.account_id, accounts.account_name] order by ids.account_id) as accounts
    from last_poll
    cross join unnest(last_poll.suspect_account_ids) as ids (account_id)
    left join core.accounts as accounts on accounts.account_id = ids.account_id
    group by last_poll.poll_id
),

unanswered as (
    select
        last_poll.poll_id,
        list([ids.account_id, accounts.account_name] order by ids.account_id) as accounts
    from last_poll
    cross join unnest(last_poll.unanswered_account_ids) as ids (account_id)
    left join core.accounts as accounts on accounts.account_id = ids.account_id
    group by last_poll.poll_id
),

unseen as (
    select
        count(*) as task_count,
        min(unknown_since_at) as since_at,
        list({'task_id': task_id, 'title': title} order by unknown_since_at, task_id)[1:2] as tasks
    from core.tasks
    where unknown_since_at is not null
        and deleted_at is null
)

select
    last_poll.status,
    last_poll.suspect_reasons as reasons,
    coalesce(doubted.accounts, []) as doubted_accounts,
    coalesce(unanswered.accounts, []) as unanswered_accounts,
    unseen.task_count as unseen_task_count,
    unseen.since_at as unseen_since_at,
    unseen.tasks as unseen_tasks
from last_poll
cross join unseen
left join doubted on doubted.poll_id = last_poll.poll_id
left join unanswered on unanswered.poll_id = last_poll.poll_id
