"""Publishing into a lake: DuckLake in a file and a folder, and in PostgreSQL and S3."""
