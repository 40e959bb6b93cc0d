"""What a poll brought and what needs a look, in sentences for the command line and for Dagster's log.

Printing and logging belong to them; numbers come from the poll's row of core.polls.
"""

from collections.abc import Sequence

from pipelines.console.number_format import count
from pipelines.load.poll_rows import PollSummary

ACCEPT = "recoup-warehouse poll --accept-deletions"
SUSPECT_WORDS = {
    "lookup_failed_or_empty": "tasks with a schedule came without an answer about their runs",
    "many_tasks_empty": "that holds for a fifth of the tasks: the source has an outage",
    "account_empty": (
        "an account that had tasks shows none; unless it shows some again, they count as deleted after two days. "
        f"If they are gone, say so: {ACCEPT}; if not, see that the key may still read the account"
    ),
    "unreadable_objects": "a list held objects whose id nobody can read, so it ends no task (see core.quarantine)",
    "row_cap_reached": "exactly 1,000 tasks came, so the list may be cut; poll by RECOUP_ARTIST_ACCOUNT_IDS",
}


def headline(summary: PollSummary) -> str:
    """Say in one line what a poll brought."""
    return (
        f"poll {summary.status}: {count(summary.task_count, 'task')} ({summary.new_task_count:,} new), "
        f"{count(summary.run_count, 'run')} in view ({summary.new_run_count:,} new), "
        f"{count(summary.missing_run_count, 'run')} lost since the last poll"
    )


def warnings(summary: PollSummary) -> list[str]:
    """Say what is odd about what came, and what to do; accounts without any answer are PartialPoll's to tell."""
    told = [f"suspect: {reason}: {SUSPECT_WORDS[reason]}" for reason in summary.suspect_reasons]
    if summary.suspect_account_ids:
        told.append(f"nothing is marked deleted in {_accounts(summary.suspect_account_ids)}")
    if summary.deletions_withheld_count:
        told.append(
            f"{count(summary.deletions_withheld_count, 'task')} vanished at once and are not marked deleted; "
            f"if that is right: {ACCEPT}"
        )
    if summary.quarantined_count:
        told.append(f"{count(summary.quarantined_count, 'reject')} in core.quarantine, with the reason")
    if not summary.task_count and not summary.suspect_reasons:
        told.append(f"no task came: {_why_nothing(summary)}")
    return told


def _why_nothing(summary: PollSummary) -> str:
    if summary.source == "file":
        return "the saved answers hold none"
    if not summary.is_full_scope:
        return (
            "RECOUP_TASK_IDS and RECOUP_ARTIST_ACCOUNT_IDS name none of the accounts that were asked. Check these ids; "
            "for tasks of another account name it in RECOUP_ACCOUNT_IDS"
        )
    return (
        "the accounts that were asked have none. RECOUP_ACCOUNT_IDS names them; while it is empty, only the key's own "
        "account is asked, also with a key that may read others"
    )


def _accounts(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return f"{'account' if len(ids) == 1 else 'accounts'} {', '.join(ids[:3])}{more}"
