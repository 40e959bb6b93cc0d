create table if not exists core.accounts (
    account_id varchar not null,
    account_name varchar not null
);
