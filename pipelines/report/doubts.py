"""What the last poll did not see, in one sentence above everything else; the page and the digest both say it.

What is good to know but makes no number doubtful stands at the end of the page.
"""

from collections.abc import Iterator

from pipelines.console import number_format
from pipelines.database.sql_text import Row
from pipelines.report.elements import account_labels, instant, title

NOTHING_NEW = {
    "failed": "The last poll failed; what follows is older than it should be.",
    "running": "The last poll did not end; what follows is older than it should be.",
}
# What is said of accounts whose answers are not believed; the other reasons show as tasks whose runs were not seen.
REASONS = {
    "row_cap_reached": "the list of tasks may be cut",
    "account_empty": "it was shown without its tasks",
    "unreadable_objects": "parts could not be read (core.quarantine)",
}


def doubts(last_poll: Row | None) -> list[str]:
    """Return the sentence, or nothing when all was seen or nothing was polled yet."""
    status = last_poll["status"] if last_poll else None
    if status in NOTHING_NEW:
        return [NOTHING_NEW[status]]
    if last_poll is None or status not in ("suspect", "partial"):
        return []
    said = "; ".join(_unseen(last_poll)) or "some answers are not to be believed"
    return [f"The last poll did not see all: {said}. What stands here of that is older than the rest."]


def _unseen(last_poll: Row) -> Iterator[str]:
    unanswered = _names(last_poll["unanswered_accounts"])
    if unanswered or last_poll["status"] == "partial":
        yield f"no whole answer from {unanswered or 'an account'}"
    number = last_poll["unseen_task_count"]
    if number:
        names = ", ".join(title(task) for task in last_poll["unseen_tasks"])
        more = (
            f" and {number - len(last_poll['unseen_tasks']):,} more" if number > len(last_poll["unseen_tasks"]) else ""
        )
        runs = f"the runs of {number_format.count(number, 'task')} ({names}{more})"
        yield f"{runs} are hidden since {instant(last_poll['unseen_since_at'])}"
    reasons = [REASONS[reason] for reason in last_poll["reasons"] if reason in REASONS]
    if reasons:
        yield f"of {_names(last_poll['doubted_accounts']) or 'an account'}, {' and '.join(reasons)}"


def _names(accounts: list[list[str | None]]) -> str:
    return ", ".join(account_labels([(account, name) for account, name in accounts]))
