-- Which of the runs that a listing named are new, so that their details are needed to know whose they are? Newest first.
-- Read by pipelines/ingest/recovery.py, after the listings are staged.
select run_id
from stage.runs
where found_by = 'listing'
    and run_id not in (select run_id from core.runs)
    and run_id not in (select run_id from stage.runs where found_by = 'window')
order by created_at desc
