-- Writes the row of the publish that is being made. Run by pipelines/restatements/compare.py.
-- Parameters: published_at, snapshot_number, program, sql_digest, compared_with.
insert into core.publishes by name
select
    coalesce(last.publish_number, 0) + 1 as publish_number,
    $published_at::timestamptz as published_at,
    $snapshot_number as snapshot_number,
    context.as_of_at,
    context.reporting_timezone,
    $program as program,
    $sql_digest as sql_digest,
    -- Another zone may set the date back; a day that had ended stays so.
    greatest((context.as_of_at at time zone context.reporting_timezone)::date, last.closed_until) as closed_until,
    $compared_with as compared_with
from core.build_context as context
left join (
    select
        max(publish_number) as publish_number,
        max(closed_until) as closed_until
    from core.publishes
) as last
    on true
