-- How completely is each day of each task known?
-- Grain: one row per task and local day, from its first known day to now (or to its deletion), days without runs too.
-- Caveat: the current day is unknown until a poll has seen it end.
select
    facts.date,
    facts.task_id,
    tasks.title,
    facts.observed_run_count,
    facts.runs_missing_count,
    facts.coverage_ratio,
    facts.coverage_status,
    facts.is_observed_whole,
    facts.day_starts_at,
    facts.day_ends_at
from marts.coverage_facts as facts
left join core.tasks as tasks
    on tasks.task_id = facts.task_id
