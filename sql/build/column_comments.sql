-- What do columns say of themselves? One row per column. Read by pipelines/transform/comments.py.
select schema_name, table_name, column_name, comment
from duckdb_columns() where database_name = current_database()
