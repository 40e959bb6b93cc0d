-- What lies outside the schemas that are published? One row per object.
-- Everything but the schemas themselves lies in a schema, so foreign objects are those of foreign schemas.
-- Parameter: $schemas, the published ones. Read by pipelines/publish/publisher.py.
with objects (database_name, internal, kind, schema_name, name) as (
    select database_name, internal, 'schema', schema_name, null from duckdb_schemas()
    union all
    select database_name, internal, 'table', schema_name, table_name from duckdb_tables()
    union all
    select database_name, internal, 'view', schema_name, view_name from duckdb_views()
    union all
    select database_name, internal, 'macro', schema_name, function_name from duckdb_functions()
    union all
    select database_name, false, 'sequence', schema_name, sequence_name from duckdb_sequences()
)

select kind || ' ' || concat_ws('.', schema_name, name) as object
from objects
where database_name = current_database() and not internal and not list_contains($schemas, schema_name)
order by object
