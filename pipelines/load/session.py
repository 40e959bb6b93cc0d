"""One poll from the archive into core, in one transaction. Fetching belongs to poll.py, SQL to sql/flatten.

Live polls and rebuilds come through here alike, so that core is a pure function of the archive in poll order.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import duckdb

from pipelines.archive.store import Archive, PollRecord, PollStart, Stored
from pipelines.database.connection import Connection, roll_back
from pipelines.errors import BadSettings
from pipelines.load.batches import NO_MEMORY, Staged
from pipelines.load.coverage_gaps import record_gaps
from pipelines.load.poll_rows import poll_row, write_ledger
from pipelines.load.sql_steps import run_flatten
from pipelines.load.stage import Stager
from pipelines.load.suspect_polls import suspect_reasons
from pipelines.recoup import redaction
from pipelines.settings import Settings


class LoadSession:
    """Loads one poll: stage what was fetched (tasks, then details), then `commit` all of it or none of it."""

    def __init__(self, con: Connection, archive: Archive, settings: Settings, start: PollStart) -> None:
        self._con = con
        self._start = start
        key = redaction.hash_key(settings.privacy_key, settings.layout.privacy_key_file)
        inner, outer = redaction.hmac_pads(key)
        kept = [column.value for column in settings.privacy_keep]
        self._variables = {"hmac_inner": inner, "hmac_outer": outer, "privacy_keep": kept, "poll_id": start.poll_id}
        self._prepare(con)
        run_flatten(con, "01_stage_tables")
        seed = redaction.hash_seed(key)
        self._stager = Stager(con, lambda: self._prepare(con.cursor()), archive, settings.layout, seed)

    @property
    def found(self) -> Staged:
        """What staging met beside rows: counts, rejects, unknown keys."""
        return self._stager.found

    def stage(self, responses: Iterable[Stored]) -> None:
        """Read responses into the stage as they are archived. Raises BadPayload when one is not what is documented."""
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
        """Merge the staged poll and write its ledger rows, in one transaction; return its row of core.polls.

        Raises BadSettings when all of RECOUP_MEMORY_LIMIT is not enough; the poll stays in the archive to be loaded.
        """
        try:
            return self._commit(record)
        except duckdb.OutOfMemoryException as error:
            if not self._stager.give_memory():
                raise BadSettings(NO_MEMORY) from error
            return self.commit(record)
        finally:
            self._stager.give_memory()

    def _commit(self, record: PollRecord) -> dict[str, Any]:
        self._con.execute("begin")
        try:
            counts = self._merge()
            row = poll_row(record, self.found, counts)
            write_ledger(self._con, record, row, self.found)
            self._con.execute("commit")
        except BaseException:
            roll_back(self._con)
            raise
        return row

    def _merge(self) -> dict[str, Any]:
        tasks_before, runs_before = self._sizes()
        reasons, missing = self._merge_tasks()
        if self._has("stage.runs"):
            self._merge_runs()
        if self._has("core.missing_runs where recovered_run_id is null"):
            run_flatten(self._con, "17_heal")
        tasks_after, runs_after = self._sizes()
        return {
            "suspect_reasons": reasons,
            "missing_run_count": missing,
            "new_task_count": tasks_after - tasks_before,
            "new_run_count": runs_after - runs_before,
            **self._tallies(),
        }

    def _merge_tasks(self) -> tuple[list[str], int]:
        """Merge tasks with their versions, deletions and gaps; return why the poll is suspect and the runs missed."""
        run_flatten(self._con, "10_observe_tasks")
        if self._has("stage.tasks"):
            run_flatten(self._con, "11_merge_tasks")
        if self._has("stage.unchanged"):
            run_flatten(self._con, "11_see_again")
        reasons = suspect_reasons(self._con, self._start, self.found)
        if self._start.is_full_scope and not reasons:
            self._delete_absent()
        missing = record_gaps(self._con, self._start.poll_id)
        run_flatten(self._con, "15_observations")
        return reasons, missing

    def _delete_absent(self) -> None:
        _set(self._con, accept_deletions=self._start.accept_deletions, polled_accounts=self._start.account_ids)
        run_flatten(self._con, "14_find_absent")
        if self._has("absent"):
            run_flatten(self._con, "14_deletions")

    def _merge_runs(self) -> None:
        """Merge staged runs with their tags and attempts."""
        run_flatten(self._con, "12_add_runs")
        if self._has("folded_ids"):
            run_flatten(self._con, "13_fold_runs")
        if self._has("folded_attempt_ids"):
            run_flatten(self._con, "13_fold_attempts")
        if self._has("departed"):
            run_flatten(self._con, "16_depart")

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
                (select count(*) from changed_runs where run_id in (select run_id from known_runs))
                    as changed_run_count,
                (select count(*) from core.runs where first_poll_id = getvariable('poll_id') and found_by <> 'window')
                    as recovered_run_count
            from observed
            """
        )
        names = [column[0] for column in cursor.description or ()]
        return dict(zip(names, cursor.fetchone() or (), strict=True))

    def _sizes(self) -> tuple[int, int]:
        query = "select (select count(*) from core.tasks), (select count(*) from core.runs)"
        return self._con.execute(query).fetchone() or (0, 0)

    def _has(self, rows: str) -> bool:
        """Tell whether a table has rows: planning SQL that finds nothing to do is most of a small poll's time."""
        return self._con.execute(f"select 1 from {rows} limit 1").fetchone() is not None  # noqa: S608 - own names

    def _prepare(self, con: Connection) -> Connection:
        """Give a session what the SQL of a load expects of it."""
        _set(con, **self._variables, observed_at=self._start.started_at)
        run_flatten(con, "00_session")
        return con


def _set(con: Connection, **values: Any) -> None:
    """Set session variables, as literals: Python parameters are slow (warehouse.insert_rows says why)."""
    con.execute("; ".join(f"set variable {name} = {_literal(value)}" for name, value in values.items()))


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]::varchar[]"
    if isinstance(value, bytes):
        return f"unhex('{value.hex()}')"
    if isinstance(value, datetime):
        return f"timestamptz '{value.isoformat()}'"
    if isinstance(value, bool):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


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
