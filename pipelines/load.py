"""One poll from the archive into core, in one transaction. Fetching belongs to poll.py, SQL to sql/flatten.

Live polls and rebuilds come through here alike, so that core is a pure function of the archive in poll order.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pipelines.archive import Archive, PollRecord, PollStart, Stored
from pipelines.coverage import record_gaps
from pipelines.ledger import poll_row, write_ledger
from pipelines.recoup import privacy
from pipelines.settings import Settings
from pipelines.sqlfiles import run_flatten
from pipelines.staging import Staged, Stager
from pipelines.suspicion import suspect_reasons
from pipelines.warehouse import Connection

COUNTED = ("tasks", "runs")


class LoadSession:
    """Loads one poll: stage what was fetched (tasks, then details), then `commit` all of it or none of it."""

    def __init__(self, con: Connection, archive: Archive, settings: Settings, start: PollStart) -> None:
        self._con = con
        self._start = start
        key = privacy.hash_key(settings.privacy_key, settings.layout.privacy_key_file)
        inner, outer = privacy.hmac_pads(key)
        self._set("hmac_inner", inner)
        self._set("hmac_outer", outer)
        self._set("privacy_keep", [column.value for column in settings.privacy_keep])
        self._set("poll_id", start.poll_id)
        self._set("observed_at", start.started_at)
        run_flatten(con, "00_session")
        run_flatten(con, "01_stage_tables")
        live = con.execute("select source_hash from core.tasks where deleted_at is null").fetchall()
        known = {row[0] for row in live}
        self._stager = Stager(con, archive, settings.layout.scratch, known, privacy.hash_seed(key))

    @property
    def found(self) -> Staged:
        """What staging met beside rows: counts, rejects, unknown keys."""
        return self._stager.found

    def stage(self, responses: Sequence[Stored]) -> None:
        """Read archived responses into the stage. Raises BadPayload when one is not what the API documents."""
        self._stager.stage(responses)

    def query(self, query: str) -> list[tuple[Any, ...]]:
        """Ask something of core and of what is staged."""
        return self._con.execute(query).fetchall()

    def preview(self, query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Merge the staged tasks, ask `query` of their gaps and of the staged runs, and take the merge back."""
        self._con.execute("begin")
        try:
            self._merge_tasks()
            return self._con.execute(query, parameters).fetchall()
        finally:
            self._con.execute("rollback")

    def commit(self, record: PollRecord) -> dict[str, Any]:
        """Merge the staged poll and write its ledger rows, in one transaction; return its row of core.polls."""
        self._con.execute("begin")
        try:
            counts = self._merge()
            row = poll_row(record, self.found, counts)
            write_ledger(self._con, record, row, self.found)
            self._con.execute("commit")
        except BaseException:
            self._con.execute("rollback")
            raise
        return row

    def _merge(self) -> dict[str, Any]:
        before = self._sizes()
        reasons, missing = self._merge_tasks()
        changed_runs = self._merge_runs(has_gaps=missing > 0)
        after = self._sizes()
        return {
            "suspect_reasons": reasons,
            "missing_run_count": missing,
            "new_task_count": after["tasks"] - before["tasks"],
            "new_run_count": after["runs"] - before["runs"],
            "changed_run_count": changed_runs,
            **self._tallies(),
        }

    def _merge_tasks(self) -> tuple[list[str], int]:
        """Merge tasks with their versions, deletions and gaps; return why the poll is suspect and the runs missed."""
        run_flatten(self._con, "10_observe_tasks")
        run_flatten(self._con, "11_merge_tasks")
        reasons = suspect_reasons(self._con, self._start, self.found)
        self._set("may_delete", self._start.is_full_scope and not reasons)
        self._set("accept_deletions", self._start.accept_deletions)
        self._set("polled_accounts", self._start.account_ids)
        run_flatten(self._con, "14_deletions")
        missing = record_gaps(self._con, self._start.poll_id)
        run_flatten(self._con, "15_observations")
        return reasons, missing

    def _merge_runs(self, *, has_gaps: bool) -> int:
        """Merge staged runs, attempts and tags, heal gaps; return how many known runs were written again."""
        staged = self._con.execute("select 1 from stage.runs limit 1").fetchone() is not None
        changed = 0
        if staged:
            run_flatten(self._con, "12_merge_runs")
            run_flatten(self._con, "13_merge_attempts_and_tags")
            changed = self._con.execute("select count(*) from known_runs").fetchone()[0]  # type: ignore[index]
        run_flatten(self._con, "16_depart")
        if staged or has_gaps:
            run_flatten(self._con, "17_heal")
        return changed

    def _tallies(self) -> dict[str, int]:
        cursor = self._con.execute(
            """
            select
                count(*) as task_count,
                count(*) filter (where not is_changed) as unchanged_task_count,
                coalesce(sum(run_count) filter (where not is_unknown), 0)::bigint as run_count,
                count(*) filter (where is_unknown) as suspect_task_count,
                (select count(*) from new_versions where not is_opening) as changed_task_count,
                (select count(*) from deletable) as deleted_task_count,
                (select count(*) from absent where task_id not in (select task_id from deletable))
                    as deletions_withheld_count,
                (select count(*) from core.runs where first_poll_id = getvariable('poll_id') and found_by <> 'window')
                    as recovered_run_count
            from observed
            """
        )
        names = [column[0] for column in cursor.description or ()]
        return dict(zip(names, cursor.fetchone() or (), strict=True))

    def _sizes(self) -> Counter[str]:
        return Counter(
            {name: self._con.execute(f"select count(*) from core.{name}").fetchone()[0] for name in COUNTED}  # type: ignore[index]  # noqa: S608
        )

    def _set(self, name: str, value: Any) -> None:
        self._con.execute(f"set variable {name} = ?", [value])


def load_record(con: Connection, archive: Archive, settings: Settings, record: PollRecord) -> dict[str, Any]:
    """Load a poll as its ledger tells it. A failed or interrupted poll leaves only its ledger rows."""
    if record.end is None or not record.end.is_ok:
        row = poll_row(record, Staged(), {})
        con.execute("begin")
        write_ledger(con, record, row, Staged())
        con.execute("commit")
        return row
    session = LoadSession(con, archive, settings, record.start)
    session.stage([stored for stored in record.responses if stored.kind == "tasks"])
    session.stage([stored for stored in record.responses if stored.kind != "tasks"])
    return session.commit(record)
