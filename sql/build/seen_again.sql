-- Writes when runs were last seen. A load skips tasks whose bytes have not changed, so that their runs were seen again
-- is written here, once a build. The window was last answered at observed_until_at; during an outage the task is seen,
-- its runs are not. Of a deleted task too: a rebuild builds once, when it is gone. Run by pipelines/transform/build.py.
update core.runs as runs
set last_observed_at = seen.observed_until_at
from (
    select unnest(window_run_ids) as run_id, observed_until_at
    from core.tasks
    where observed_until_at is not null
) as seen
where runs.run_id = seen.run_id and runs.last_observed_at < seen.observed_until_at
