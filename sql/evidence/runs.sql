-- Used by pipelines/evidence/cell.py. The runs of the rows of run_facts that a cell is made of.
select
    facts.run_id,
    facts.status,
    facts.outcome,
    facts.is_counted,
    facts.is_final,
    facts.total_cents,
    facts.created_at,
    runs.updated_at,
    runs.last_observed_at,
    split_part(runs.first_poll_id, '@', 2) as shard
from marts.run_facts as facts
join core.runs as runs using (run_id)
where {conditions}
order by facts.created_at, facts.run_id
