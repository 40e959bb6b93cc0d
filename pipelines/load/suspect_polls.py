"""Which answers of a poll are not to be believed: an outage upstream looks like emptiness, with status 200.

Doubt is per account: it deletes nothing there and claims no zero runs. Verdicts per task are SQL's.
"""

from dataclasses import asdict, dataclass, replace

import msgspec

from pipelines.archive.poll_record import PollStart
from pipelines.database.connection import Connection
from pipelines.database.sql_text import first_row, statement
from pipelines.load.batches import Staged, TaskAnswer
from pipelines.load.sql_steps import has_rows, run_flatten, set_variables

# The API's database answers at most this many rows, silently: exactly so many tasks may be a cut list.
ROW_CAP = 1000
# An outage of the look-up behind an account's list ends within hours. An account without tasks for two days, and in
# more than one poll, has none; doubted for ever, its tasks would never end.
EMPTY_DAYS = 2


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Why a poll is suspect, and of which accounts; both empty when it is not."""

    reasons: list[str]
    account_ids: list[str]


def judge_answers(con: Connection, start: PollStart, found: Staged) -> Suspicion:
    """Judge the answers account by account, and mark the tasks deleted that are gone. Runs after the tasks were merged."""
    if _is_nothing_lacking(con, found):
        return Suspicion([], [])
    set_variables(
        con,
        task_answers=msgspec.json.encode([asdict(answer) for answer in _with_owners(con, found)]).decode(),
        is_full_scope=start.is_full_scope,
        accept_deletions=start.accept_deletions,
        row_cap=ROW_CAP,
        empty_days=EMPTY_DAYS,
    )
    run_flatten(con, "13_judge_answers")
    signs = first_row(con.execute(statement("flatten", "13_suspicion")))
    account_ids = signs.pop("account_ids")
    if start.is_full_scope:
        run_flatten(con, "13_find_absent_tasks")
        if has_rows(con, "lacking"):
            run_flatten(con, "14_mark_deleted")
    return Suspicion([reason for reason, is_seen in signs.items() if is_seen], account_ids)


def _is_nothing_lacking(con: Connection, found: Staged) -> bool:
    """Tell whether no answer is empty or as long as a cut one, and every known task is seen and readable."""
    if any(answer.object_count in (0, ROW_CAP) for answer in found.answers):
        return False
    return con.execute(statement("flatten", "13_nothing_lacks")).fetchone() == (True,)


def _with_owners(con: Connection, found: Staged) -> list[TaskAnswer]:
    """Return the answers; an empty one that named no account once for each account that it may speak for."""
    nameless = next((answer for answer in found.answers if answer.account_id is None and not answer.object_count), None)
    if nameless is None:
        return found.answers
    owners = con.execute(statement("flatten", "13_own_accounts")).fetchall()
    return [*found.answers, *(replace(nameless, account_id=owner) for (owner,) in owners)]
