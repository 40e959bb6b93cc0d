-- Which marts does this database have, and is each a view or a table? Read by pipelines/transform/build.py.
select view_name, 'view' from duckdb_views()
where schema_name = 'marts' and database_name = current_database()
union all
select table_name, 'table' from duckdb_tables()
where schema_name = 'marts' and database_name = current_database()
