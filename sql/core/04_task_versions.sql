create table if not exists core.task_versions (
    task_id varchar not null,
    version_number integer not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    is_current boolean not null,
    changed_columns varchar[] not null,
    title varchar,
    schedule varchar,
    timezone varchar,
    schedule_id varchar,
    model varchar,
    is_enabled boolean not null,
    account_id varchar,
    artist_account_id varchar,
    owner_email_hash varchar,
    prompt_hash varchar,
    prompt_length bigint
);
