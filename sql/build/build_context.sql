-- Writes what all marts take as now, and where the rows come from.
-- Parameters: $as_of, $reporting_timezone, $version of this program. Run by pipelines/transform/build.py.
insert into core.build_context by name
select
    $as_of::timestamptz as as_of_at,
    $reporting_timezone::varchar as reporting_timezone,
    $version::varchar as warehouse_version,
    coalesce((
        select source from core.polls order by started_at desc, poll_id desc limit 1
    ), 'none') as source
