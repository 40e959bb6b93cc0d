-- Which runs do not end? Measure: how long a run lived until it was last seen, in multiples of what is too long for its task.
-- Runs that ended in the meantime say so: their incident closes.
select
    run_id as subject,
    coalesce(title, run_id) as title,
    (lived_ms / nullif(core.overlong_after_ms(usual_n, usual_p99_ms), 0))::double as measure,
    'run ' || run_id || ' was ' || status || ' for ' || core.duration_text(lived_ms) || ' when last seen; '
    || coalesce('99 % of its task''s end within ' || core.duration_text(usual_p99_ms), 'its task''s usual time is not known yet')
        as cause,
    'last seen ' || strftime(last_observed_at, '%Y-%m-%d %H:%M UTC') as completeness,
    'select * from marts.live_runs where run_id = ''' || replace(run_id, '''', '''''') || '''' as rows_query
from marts.live_runs
where is_counted

union all

select
    facts.run_id,
    coalesce(facts.title, facts.run_id),
    0,
    'the run ended: ' || facts.outcome,
    'known',
    'select * from marts.run_facts where run_id = ''' || replace(facts.run_id, '''', '''''') || ''''
from marts.run_facts as facts
where list_contains($open_subjects, facts.run_id)
    and facts.is_final
