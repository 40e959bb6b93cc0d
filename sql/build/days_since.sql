-- The days that were built since another build; no row when all may be others: built by other SQL, in full, or not later. Read by
-- pipelines/transform/days_to_check.py.
select coalesce(list(days.date) filter (days.built_at > $as_of_at), []) as days
from core.day_builds as builds
cross join core.build_context as context
left join core.built_days as days
    on true
where builds.fingerprint = $fingerprint
    and builds.full_built_at <= $as_of_at
    and context.as_of_at > $as_of_at
-- Of no row the list is empty, and then nothing would be looked at.
having count(*) > 0
