-- Runs of the last 7 days over all tasks of the published copy: seen, and come and gone unseen.
select
    sum(observed_run_count) as observed,
    sum(runs_missing_count) as missing,
    sum(observed_run_count) / nullif(sum(observed_run_count + runs_missing_count), 0) as ratio
from marts.window_coverage
where window_days = 7
