-- From which local day to which are there any? Read by pipelines/transform/build_days.py, after marts.day_inputs was made.
select
    (inputs.from_at at time zone context.reporting_timezone)::date as first_date,
    (inputs.until_at at time zone context.reporting_timezone)::date as last_date
from marts.day_inputs as inputs
cross join core.build_context as context
where inputs.kind = 'fleet'
