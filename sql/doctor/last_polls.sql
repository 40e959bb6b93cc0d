-- How did the last polls go? One row. Parameter: $since, from when on they are counted. Read by pipelines/cli/doctor/history.py.
select
    max(started_at) as last_at,
    max(started_at) filter (status in ('succeeded', 'suspect', 'partial')) as last_loaded_at,
    arg_max(status, (started_at, poll_id)) as last_status,
    arg_max(coalesce(error_message, array_to_string(suspect_reasons, ', ')), (started_at, poll_id)) as last_trouble,
    count(*) filter (started_at > $since and status in ('failed', 'running')) as failed_count,
    count(*) filter (started_at > $since and len(suspect_reasons) > 0) as suspect_count,
    arg_max(suspect_reasons, (started_at, poll_id)) filter (status in ('succeeded', 'suspect', 'partial')) as last_reasons,
    arg_max(suspect_account_ids, (started_at, poll_id))
        filter (status in ('succeeded', 'suspect', 'partial')) as last_suspect_account_ids,
    count(*) filter (started_at > $since and status = 'partial') as partial_count,
    count(*) filter (started_at > $since) as recent_count,
    count(*) filter (started_at > $since and recovery_note is not null) as unrecovered_count
from core.polls
