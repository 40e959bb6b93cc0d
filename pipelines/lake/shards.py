"""What a shard hands over: the tables that polls fill, with nothing that a build makes of them.

Writing them belongs to update.py.
"""

HANDED_OVER = frozenset(
    f"core.{table}"
    for table in (
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
)
