"""Recoup warehouse: polls the Recoup API, keeps every run ever seen, models it in DuckDB, publishes it."""
