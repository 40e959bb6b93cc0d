"""From the archive into core: staging, merging, coverage and rebuild. Nothing here fetches; SQL is in sql/flatten/."""
