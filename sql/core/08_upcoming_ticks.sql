create table if not exists core.upcoming_ticks (
    task_id varchar not null,
    tick_at timestamptz not null,
    announced_at timestamptz not null
);
