create table if not exists core.run_tags (
    run_id varchar not null,
    tag varchar not null
);
