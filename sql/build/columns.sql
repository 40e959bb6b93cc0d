-- Which columns do core tables and marts have, in order? Read by pipelines/transform/built.py.
select schema_name, table_name, list(column_name order by column_index)
from duckdb_columns()
where database_name = current_database() and schema_name in ('core', 'marts')
group by all
