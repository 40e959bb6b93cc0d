-- Writes on which day runs were created and missing ticks were due, in the reporting time zone: only the pipeline can be
-- sure to have DuckDB's extension for time zones, and what people open must be readable without it. After the first
-- build only new and changed rows have no day, until somebody sets another zone (core.dated_in). To reckon all would
-- cost as much as the daily tables of a night. Run by pipelines/transform/build.py.
update core.runs as runs
set created_date = (runs.created_at at time zone context.reporting_timezone)::date
from core.build_context as context
where runs.created_date is null
    or (
        core.dated_in() is distinct from context.reporting_timezone
        and runs.created_date <> (runs.created_at at time zone context.reporting_timezone)::date
    );

update core.missing_runs as missing
set tick_date = (missing.tick_at at time zone context.reporting_timezone)::date
from core.build_context as context
where missing.tick_date is null
    or (
        core.dated_in() is distinct from context.reporting_timezone
        and missing.tick_date <> (missing.tick_at at time zone context.reporting_timezone)::date
    )
