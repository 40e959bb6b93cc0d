"""When a poll is not to be believed: an outage upstream looks like emptiness, with status 200.

A suspect poll is loaded, but marks nothing deleted and claims no zero runs. Verdicts per task are SQL's.
"""

from pipelines.archive.store import PollStart
from pipelines.database.connection import Connection
from pipelines.load.batches import Staged

# A schedule deleted upstream looks like an outage for ever; after so long it no longer taints the whole poll.
UNKNOWN = """
select
    count(*) filter (where t.unknown_since_at > o.observed_at - core.window_length()),
    count(*) filter (where o.is_unknown),
    count(*)
from observed as o
inner join core.tasks as t
    on t.task_id = o.task_id
"""

# An account that had tasks and answers none: scope checks fail closed, silently.
EMPTIED = """
select count(*)
from core.tasks
where deleted_at is null
    and task_id not in (select task_id from observed)
    and case when len(?::varchar[]) > 0 then list_contains(?::varchar[], account_id) else true end
"""


def suspect_reasons(con: Connection, start: PollStart, found: Staged) -> list[str]:
    """Return why this poll is suspect; empty when it is not. Runs after the tasks were merged."""
    fresh, unknown, seen = con.execute(UNKNOWN).fetchone() or (0, 0, 0)
    reasons = []
    if fresh:
        reasons.append("lookup_failed_or_empty")
    if fresh and unknown >= 3 and unknown * 5 >= seen:
        reasons.append("many_tasks_empty")
    if any(reject.level == "task" and reject.task_id is None for _, reject in found.rejects):
        reasons.append("unreadable_objects")
    if found.full_responses:
        reasons.append("row_cap_reached")
    if found.empty_responses and start.is_full_scope:
        emptied = con.execute(EMPTIED, [start.account_ids, start.account_ids]).fetchone()
        if emptied and emptied[0]:
            reasons.append("account_empty")
    return reasons
