-- Which runs had not ended when last seen, and which of them take longer than their task ever does?
-- Grain: one row per run that was in flight when last observed. Key: run_id. Longest first.
-- A run lived at least until it was last observed; what became of it since, nobody has seen.
with usual as (

    select
        facts.task_id,
        count(*) as usual_n,
        quantile_disc(epoch_ms(facts.finished_at) - epoch_ms(facts.created_at), 0.99) as usual_p99_ms
    from marts.runs_in_force as facts
    where facts.is_final
        and facts.finished_at is not null
        and facts.created_at > core.as_of() - to_hours(24 * 90)
    group by facts.task_id

)

select
    facts.run_id,
    facts.task_id,
    facts.title,
    facts.account_id,
    facts.status,
    facts.is_counted,
    facts.created_at,
    facts.started_at,
    facts.last_observed_at,
    epoch_ms(facts.last_observed_at) - epoch_ms(facts.created_at) as lived_ms,
    usual.usual_n,
    usual.usual_p99_ms,
    epoch_ms(facts.last_observed_at) - epoch_ms(facts.created_at)
    > core.overlong_after_ms(usual.usual_n, usual.usual_p99_ms) as is_overlong
from marts.runs_in_force as facts
left join usual
    on usual.task_id = facts.task_id
where facts.outcome = 'in_flight'
order by lived_ms desc, facts.run_id
