-- What do tables and views say of themselves? One row per table or view. Read by pipelines/transform/comments.py.
select schema_name, table_name, 'table', comment from duckdb_tables() where database_name = current_database()
union all
select schema_name, view_name, 'view', comment from duckdb_views() where database_name = current_database()
