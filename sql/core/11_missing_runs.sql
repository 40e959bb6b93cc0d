create table if not exists core.missing_runs (
    task_id varchar not null,
    tick_at timestamptz not null,
    tick_date date,
    gap_id varchar not null,
    recovered_run_id varchar
);
