-- Which tables and views are published? Parameter: $schemas. Read by pipelines/publish/publisher.py; `doctor --deep` reads them whole.
select schema_name, table_name as name from duckdb_tables()
where database_name = current_database() and list_contains($schemas, schema_name)
union all
select schema_name, view_name from duckdb_views()
where database_name = current_database() and list_contains($schemas, schema_name)
order by all
