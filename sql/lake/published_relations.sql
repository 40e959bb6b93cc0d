-- Tables and views of the published copy, with their comments; views with their SQL.
-- Read by pipelines/lake/relations.py.
select
    schema_name,
    table_name as name,
    'table' as kind,
    comment,
    null as sql
from duckdb_tables()
where database_name = current_database() and schema_name in ('core', 'marts')
union all
select
    schema_name,
    view_name,
    'view',
    comment,
    sql
from duckdb_views()
where database_name = current_database() and schema_name in ('core', 'marts')
order by all;
