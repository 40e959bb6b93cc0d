-- What a poll counted over all accounts: not told in the file of one, and null there.
-- Read by pipelines/publish/account_copy.py.
select column_name
from duckdb_columns()
where database_name = current_database()
    and schema_name = 'core'
    and table_name = 'polls'
    and not is_nullable
    and data_type in ('INTEGER', 'BIGINT', 'JSON')
