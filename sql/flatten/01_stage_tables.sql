-- Staging of one poll, outside the work file, so that no private value ever touches a page that is published.
create or replace table stage.tasks (
    response_number integer, position integer, task_hash varchar, observed_at timestamptz,
    task_id varchar, title varchar, schedule varchar, timezone varchar, account_id varchar, artist_account_id varchar,
    artist_name varchar, is_enabled_reported boolean, schedule_id varchar, model varchar, owner_email_hash varchar,
    owner_email varchar, prompt_hash varchar, prompt_length bigint, prompt varchar, last_run_reported_at timestamptz,
    next_run_reported_at timestamptz, created_at timestamptz, updated_at timestamptz, is_trigger_lookup_failed boolean,
    upcoming timestamptz[], run_count integer, window_run_ids varchar[], window_oldest_run_at timestamptz,
    window_newest_run_at timestamptz
);

create or replace table stage.unchanged (
    response_number integer, position integer, task_hash varchar, observed_at timestamptz
);

create or replace table stage.runs as
select
    null::integer as response_number,
    null::integer as position,
    null::timestamptz as observed_at,
    *
from core.runs
limit 0;

create or replace table stage.tags (run_id varchar, tags varchar[], updated_at timestamptz, response_number integer, position integer);

create or replace table stage.attempts as
select
    null::integer as response_number,
    null::integer as position,
    null::timestamptz as observed_at,
    *
from core.attempts
limit 0;

-- Runs that this poll writes; empty until the merge.
create or replace temp table changed_runs (run_id varchar);
