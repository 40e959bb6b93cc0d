-- What do we tell otherwise than a week ago, of days that had ended then, and why? One row per measure and cause.
-- A warehouse younger than a week is compared with its first publish. Read by pipelines/report/queries.py.
with then_published as (

    select *
    from core.publishes
    order by
        published_at > (select as_of_at - to_days(7) from core.build_context),
        case when published_at <= (select as_of_at - to_days(7) from core.build_context) then -publish_number end,
        publish_number
    limit 1

),

changed as (

    select
        restatements.measure,
        restatements.cause,
        sum(restatements.change_value) as change_value,
        sum(restatements.item_count) as item_count,
        count(distinct restatements.date) as day_count,
        min(restatements.date) as first_date,
        max(restatements.date) as last_date
    from core.restatements as restatements
    inner join then_published
        on restatements.publish_number > then_published.publish_number
        and restatements.date < then_published.closed_until
    group by all

)

select
    changed.*,
    then_published.published_at
from changed
cross join then_published
order by
    changed.cause = 'unexplained' desc,
    array_position(['failed', 'runs', 'missing', 'cents'], changed.measure),
    abs(changed.change_value) desc,
    changed.cause
