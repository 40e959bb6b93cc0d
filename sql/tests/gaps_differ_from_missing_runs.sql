-- severity: error
-- asset: core.coverage_gaps
-- A failing row is a hole whose counts of missing and recovered runs are not those of its rows in core.missing_runs.
select
    gaps.gap_id,
    any_value(gaps.runs_missing_count) as gap_count,
    count(missing.tick_at) as row_count
from core.coverage_gaps as gaps
left join core.missing_runs as missing
    on missing.gap_id = gaps.gap_id
group by gaps.gap_id
having count(missing.tick_at) != coalesce(any_value(gaps.runs_missing_count), 0)
    or count(missing.recovered_run_id) != any_value(gaps.recovered_count)
