-- When the marts were built, and from what. Read by pipelines/transform/days_to_check.py.
select
    builds.fingerprint,
    context.as_of_at
from core.day_builds as builds
cross join core.build_context as context
