"""How long runs take and how often they need a second attempt, as a table of words."""

from pipelines.console.number_format import duration
from pipelines.database.sql_text import Row
from pipelines.report.elements import NOT_OBSERVED, Listing, Table, share, task_link, task_names
from pipelines.report.queries import LISTED, Answers
from pipelines.report.sections import window


def pace(answers: Answers) -> Listing:
    """Durations and retries by task, the slowest first."""
    names = task_names(answers.pace)
    table = Table(
        (
            "Task",
            "Runs",
            "Half take less than",
            "95 % take less than",
            "95 % wait less than",
            "Attempts per run",
            "Retried",
        ),
        [
            (
                task_link(row["task_id"], names[row["task_id"]]),
                f"{row['billed_n']:,}",
                duration(row["billed_p50_ms"]),
                duration(row["billed_p95_ms"]),
                duration(row["queue_p95_ms"]),
                _attempts(row),
                _retried(row),
            )
            for row in answers.pace
        ],
        frozenset({1, 2, 3, 4}),
    )
    return Listing(
        "pace",
        f"How long runs take, and retries, {window(answers)}",
        "Billed time of runs that succeeded or failed, and their wait for a start. Attempts are known of runs whose "
        f"details were fetched, failed ones first. The {LISTED} slowest; more in marts.run_durations, marts.retry_stats.",
        table,
        "No run has ended yet.",
    )


def _attempts(row: Row) -> str:
    if not row["observed_count"]:
        return NOT_OBSERVED
    return f"{row['attempts_per_run']:.1f} (of {row['observed_count']:,} of {row['n']:,} known)"


def _retried(row: Row) -> str:
    if not row["observed_count"]:
        return NOT_OBSERVED
    if not row["retried_count"]:
        return "none"
    saved = share(row["recovered_by_retry_count"] / row["retried_count"])
    return f"{row['retried_count']:,}, {saved} of them saved by it"
