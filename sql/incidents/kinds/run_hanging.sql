-- Which runs do not end? Measure: how long a run lived until it was last seen, in multiples of what is too long for its
-- task; nobody can tell of one that is seen no more. Runs that ended in the meantime say so: their incident closes.
select
    live.run_id as subject,
    live.task_id,
    coalesce(live.title, live.run_id) as title,
    case
        when live.last_observed_at > context.as_of_at - core.stale_after()
            then live.lived_ms / nullif(core.overlong_after_ms(live.usual_n, live.usual_p99_ms), 0)
    end::double as measure,
    'run ' || live.run_id || ' was ' || live.status || ' for ' || core.duration_text(live.lived_ms) || ' when last seen; '
    || coalesce('99 % of its task''s end within ' || core.duration_text(live.usual_p99_ms), 'its task''s usual time is not known yet')
        as cause,
    'last seen ' || strftime(live.last_observed_at, '%Y-%m-%d %H:%M UTC') as completeness,
    'select * from marts.live_runs where run_id = ''' || replace(live.run_id, '''', '''''') || '''' as rows_query
from marts.live_runs as live
cross join core.build_context as context
where live.is_counted

union all

select
    facts.run_id,
    facts.task_id,
    coalesce(facts.title, facts.run_id),
    0,
    'the run ended: ' || facts.outcome,
    'known',
    'select * from marts.run_facts where run_id = ''' || replace(facts.run_id, '''', '''''') || ''''
from marts.run_facts as facts
where list_contains($open_subjects, facts.run_id)
    and facts.is_final
