create table if not exists core.missing_runs (
    task_id varchar not null,
    tick_at timestamptz not null,
    gap_id varchar not null,
    recovered_run_id varchar
);
