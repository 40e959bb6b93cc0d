"""What shards hand over: the tables that polls fill, with nothing that a build makes of them.

Writing them belongs to update.py, gathering them to gather.py.
"""

# The id of a poll in a warehouse that gathers ends in the shard's name: two shards may poll at the same instant.
MARK = "@"
TABLES = (
    "attempts",
    "coverage_gaps",
    "listed_runs",
    "missing_runs",
    "polls",
    "quarantine",
    "responses",
    "run_tags",
    "runs",
    "schema_changes",
    "task_observations",
    "task_versions",
    "tasks",
    "upcoming_ticks",
)
HANDED_OVER = frozenset(f"core.{table}" for table in TABLES)
