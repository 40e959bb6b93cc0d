-- severity: warn
-- asset: core.polls
-- A failing row is the last loaded poll when some accounts did not answer it: their newest runs are not in here, and
-- nothing was marked deleted there. Look at unanswered_account_ids and error_message.
select
    poll_id,
    started_at,
    unanswered_account_ids
from core.polls
where status = 'partial'
    and poll_id in (
        select max(poll_id)
        from core.polls
        where status in ('succeeded', 'suspect', 'partial')
        group by core.shard_of(poll_id)
    )
