create table if not exists core.restatements (
    publish_number bigint not null,
    published_at timestamptz not null,
    date date not null,
    task_id varchar,
    measure varchar not null,
    before_value decimal(38, 20) not null,
    after_value decimal(38, 20) not null,
    cause varchar not null,
    change_value decimal(38, 20) not null,
    item_count bigint not null
);
