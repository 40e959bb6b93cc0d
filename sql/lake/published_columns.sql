-- Every column of every table and view of the published copy, in the order of the columns.
-- Read by pipelines/lake/relations.py.
select
    columns.schema_name,
    columns.table_name,
    columns.column_name,
    columns.data_type,
    columns.comment
from duckdb_columns() as columns
where columns.database_name = current_database()
    and columns.schema_name in ('core', 'marts')
    and not columns.internal
order by columns.schema_name, columns.table_name, columns.column_index;
