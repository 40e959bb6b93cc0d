create table if not exists core.task_observations (
    poll_id varchar not null,
    task_id varchar not null,
    observed_at timestamptz not null,
    schedule_id varchar,
    is_enabled boolean not null,
    run_count integer not null,
    oldest_run_at timestamptz,
    newest_run_at timestamptz,
    is_saturated boolean not null,
    is_overlapping boolean,
    verdict varchar not null
);
