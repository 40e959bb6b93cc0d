-- The columns of what shards handed over, which are attached, in order. Read by pipelines/lake/gather.py.
select
    database_name,
    table_name,
    column_name,
    data_type
from duckdb_columns()
where schema_name = 'core'
order by database_name, table_name, column_index;
