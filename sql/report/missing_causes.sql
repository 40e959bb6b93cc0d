-- Why did runs slip through, how many, and how many were recovered? One row per cause. Read by pipelines/report/queries.py.
with ticks as (
    select gap_id, count(*) as slipped, count(recovered_run_id) as recovered
    from core.missing_runs
    group by gap_id
)

select
    gaps.cause,
    count(*) as gap_count,
    count(*) filter (gaps.runs_missing_count is null) as unknown_gap_count,
    coalesce(sum(ticks.slipped), 0)::bigint as slipped_count,
    coalesce(sum(ticks.recovered), 0)::bigint as recovered_count,
    coalesce(sum(ticks.slipped - ticks.recovered), 0)::bigint as missing_count,
    min(gaps.from_at) as first_at,
    max(gaps.to_at) as last_at
from core.coverage_gaps as gaps
left join ticks
    on ticks.gap_id = gaps.gap_id
group by gaps.cause
order by missing_count desc, slipped_count desc, gaps.cause
