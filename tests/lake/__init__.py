"""Publishing into a lake: DuckLake in a file and a folder."""
