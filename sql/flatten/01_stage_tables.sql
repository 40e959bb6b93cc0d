-- Staging of one poll, outside the work file, so that no private value ever touches a page that is published.
create or replace table stage.tasks (
    response_number integer, position integer, task_hash varchar, observed_at timestamptz,
    task_id varchar, title varchar, schedule varchar, timezone varchar, account_id varchar, artist_account_id varchar,
    artist_name varchar, is_enabled_reported boolean, schedule_id varchar, model varchar, owner_email_hash varchar,
    owner_email varchar, prompt_hash varchar, prompt_length bigint, prompt varchar, last_run_reported_at timestamptz,
    next_run_reported_at timestamptz, created_at timestamptz, updated_at timestamptz, is_trigger_lookup_failed boolean,
    upcoming timestamptz[], is_window_told boolean, run_count integer, window_run_ids varchar[],
    window_oldest_run_at timestamptz, window_newest_run_at timestamptz, untold varchar[]
);

-- What could not be kept. Its ids were seen all the same: what was not read is neither gone nor complete.
create or replace table stage.rejects as
select * exclude (poll_id) from core.quarantine limit 0;

create or replace table stage.unchanged (
    response_number integer, position integer, task_hash varchar, observed_at timestamptz
);

create or replace table stage.runs as
select
    null::integer as response_number,
    null::integer as position,
    *,
    null::varchar[] as tags
from core.runs
limit 0;

create or replace table stage.attempts as
select
    null::integer as response_number,
    null::integer as position,
    *
from core.attempts
limit 0;

-- What later steps find, empty until a step has something to find (load/session.py leaves out those that have not).
create or replace temp table new_versions (is_opening boolean);

create or replace temp table departed (run_id varchar, last_seen_at timestamptz);

create or replace temp table absent (task_id varchar);

create or replace temp table deletable (task_id varchar);

create or replace temp table attributed (run_id varchar, task_id varchar);

create or replace temp table unattributed (run_id varchar);

create or replace temp table known_runs (run_id varchar);

create or replace temp table changed_runs (run_id varchar);
