-- The ledger of incidents, its outbox and the results of checks: a small SQLite file beside the warehouse, so that no
-- rebuild forgets them and no writer of the warehouse holds up a message. Opened by pipelines/incidents/ledger.py.
create table if not exists incidents (
    incident_id text primary key,
    kind text not null,
    subject text not null,
    title text not null,
    state text not null,
    opened_at text not null,
    last_seen_at text not null,
    closed_at text,
    cause text not null,
    measure real not null,
    most_measured real not null,
    seen_count integer not null,
    completeness text not null,
    rows_query text not null
);
-- Two open incidents of one thing cannot be.
create unique index if not exists one_open_incident on incidents (kind, subject) where closed_at is null;
create table if not exists messages (
    message_key text primary key,
    incident_id text not null,
    event text not null,
    sink text not null,
    body text not null,
    created_at text not null,
    attempt_count integer not null default 0,
    next_try_at text not null,
    delivered_at text,
    last_error text
);
create table if not exists check_results (
    checked_at text not null,
    relation text not null,
    name text not null,
    severity text not null,
    failing_count integer not null,
    snapshot_number integer,
    primary key (checked_at, relation, name)
);
create table if not exists facts (name text primary key, value text not null);
-- What each publish was compared with, and the numbers that it told otherwise (pipelines/restatements).
create table if not exists publishes (
    publish_number integer primary key,
    published_at text not null,
    snapshot_number integer not null,
    as_of_at text not null,
    reporting_timezone text not null,
    program text not null,
    sql_digest text not null,
    closed_until text not null,
    compared_with integer
);
create table if not exists restatements (
    publish_number integer not null,
    published_at text not null,
    date text not null,
    task_id text,
    measure text not null,
    before_value text not null,
    after_value text not null,
    cause text not null,
    change_value text not null,
    item_count integer not null
);
