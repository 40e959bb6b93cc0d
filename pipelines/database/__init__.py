"""DuckDB itself: connections, the core schema, quoting. What a row means belongs to load/ and transform/."""
