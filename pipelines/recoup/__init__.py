"""All that knows the Recoup API: client, contract, gate, privacy. Nothing here knows DuckDB's core tables."""
