-- Which tables are published? Parameter: $schemas. Read by pipelines/publish/publisher.py, which counts their rows.
select schema_name, table_name from duckdb_tables()
where database_name = current_database() and list_contains($schemas, schema_name)
order by all
