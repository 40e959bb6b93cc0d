"""One poll from the archive into core, in one transaction. Fetching belongs to ingest/poll.py, SQL to sql/flatten.

Live polls and rebuilds come through here alike, so that core is a pure function of the archive in poll order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.archive.poll_record import PollRecord, PollStart, Stored, lost_poll
from pipelines.archive.store import Archive
from pipelines.database.connection import Connection, roll_back
from pipelines.database.sql_text import statement
from pipelines.errors import ArchiveDamaged, BadSettings
from pipelines.load.apart import NO_MEMORY
from pipelines.load.batches import Staged
from pipelines.load.coverage_gaps import record_gaps
from pipelines.load.hash_key import Privacy
from pipelines.load.poll_rows import PollSummary, poll_summary, stage_rejects, write_poll
from pipelines.load.sql_steps import beside, has_rows, run_flatten, set_variables
from pipelines.load.stage import Stager
from pipelines.load.suspect_polls import Suspicion, judge_answers
from pipelines.recoup.believable import Believable
from pipelines.recoup.endpoints import Kind
from pipelines.settings import Settings

IsAlive = Callable[[str], bool]


def nobody(_poll_id: str) -> bool:
    """Say of every poll that nobody writes it any more."""
    return False


class LoadSession:
    """Loads one poll: stage what was fetched (tasks, then details), then `commit` all of it or none of it."""

    def __init__(self, con: Connection, archive: Archive, privacy: Privacy, scratch: Path, start: PollStart) -> None:
        self._con = con
        self._start = start
        self._key_id = privacy.key_id()
        inner, outer = privacy.hmac_pads()
        self._variables = {
            "hmac_inner": inner,
            "hmac_outer": outer,
            "privacy_keep": list(privacy.kept_columns),
            "poll_id": start.poll_id,
            "observed_at": start.started_at,
        } | _believable(start.started_at)
        self._prepare(con)
        run_flatten(con, "01_stage_tables")
        self._staged_count = 0
        self._stager = Stager(con, lambda: self._prepare(beside(con)), archive, scratch, privacy.change_seed())

    @property
    def found(self) -> Staged:
        """What staging met beside rows: counts, rejects, unknown keys."""
        return self._stager.found

    def stage_new(self, record: PollRecord) -> None:
        """Stage what a poll has archived since the last call: tasks, then the rest, which is read in the light of them.

        `found` tells which answers are unreadable.
        """
        new = record.responses[self._staged_count :]
        self._staged_count += len(new)
        self._stage([stored for stored in new if stored.kind is Kind.TASKS])
        self._stage([stored for stored in new if stored.kind is not Kind.TASKS])

    def _stage(self, responses: Sequence[Stored]) -> None:
        if not responses:
            return
        self._stager.stage(responses)
        if self._has("stage.tasks where len(untold) > 0"):
            run_flatten(self._con, "07_keep_untold")

    def preview(self, query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Merge the staged tasks, ask `query` of their gaps and of the staged runs, and take the merge back."""
        stage_rejects(self._con, self.found)
        self._con.execute("begin")
        try:
            self._merge_tasks()
            return self._con.execute(query, parameters).fetchall()
        finally:
            self._con.execute("rollback")

    def commit(self, record: PollRecord) -> PollSummary:
        """Merge the staged poll and write the rows about it, in one transaction; return its row of core.polls.

        Raises BadSettings when all of RECOUP_MEMORY_LIMIT is not enough; the poll stays in the archive to be loaded.
        """
        try:
            return self._commit(record)
        except duckdb.OutOfMemoryException as error:
            if not self._stager.memory.give_back():
                raise BadSettings(NO_MEMORY) from error
        finally:
            self._stager.memory.give_back()
        try:
            return self._commit(record)  # once more, with all of the memory
        except duckdb.OutOfMemoryException as error:
            raise BadSettings(NO_MEMORY) from error

    def _commit(self, record: PollRecord) -> PollSummary:
        stage_rejects(self._con, self.found)
        self._con.execute("begin")
        try:
            told = poll_summary(record, self.found)
            rejects = len(self.found.rejects)
            summary = self._merge(replace(told, hash_key_id=self._key_id, quarantined_count=rejects))
            write_poll(self._con, record, summary, self.found)
            self._con.execute("commit")
        except BaseException:
            roll_back(self._con)
            raise
        return summary

    def _merge(self, summary: PollSummary) -> PollSummary:
        run_flatten(self._con, "09_sizes_before")
        suspicion, missing = self._merge_tasks()
        if self._has("stage.runs"):
            self._merge_runs()
        if self._has("core.missing_runs where recovered_run_id is null"):
            self._pair_recovered()
        return replace(
            summary,
            status="suspect" if suspicion.reasons and summary.status == "succeeded" else summary.status,
            suspect_reasons=suspicion.reasons,
            suspect_account_ids=suspicion.account_ids,
            missing_run_count=missing,
            **dict(self._con.execute(statement("flatten", "30_tallies")).fetchall()),
        )

    def _merge_tasks(self) -> tuple[Suspicion, int]:
        """Merge tasks with their versions, deletions and gaps; return why the poll is suspect and the runs missed."""
        run_flatten(self._con, "10_observe_tasks")
        if self._has("stage.tasks"):
            run_flatten(self._con, "11_find_versions")
            if self._has("new_versions"):
                run_flatten(self._con, "11_write_versions")
            run_flatten(self._con, "11_upsert_tasks")
        if self._has("stage.unchanged"):
            run_flatten(self._con, "12_touch_unchanged_tasks")
        suspicion = judge_answers(self._con, self._start, self.found)
        if self._has("core.coverage_gaps where is_provisional"):
            run_flatten(self._con, "14_settle_rejected")
        missing = record_gaps(self._con)
        run_flatten(self._con, "16_task_observations")
        if self._has("stage.rejects where level = 'run'"):
            run_flatten(self._con, "17_count_rejected")
            missing += self._count("rejected_runs")
        return suspicion, missing

    def _merge_runs(self) -> None:
        """Merge staged runs with their tags and attempts."""
        if self._has("stage.runs where task_id is null") or self._has("core.listed_runs"):
            run_flatten(self._con, "19_attribute_listed")
        run_flatten(self._con, "20_insert_new_runs")
        if self._has("upserted_ids"):
            run_flatten(self._con, "21_upsert_runs")
            if self._has("changed_runs"):
                run_flatten(self._con, "21_write_changed_runs")
        if self._has("stage.attempts"):
            run_flatten(self._con, "22_insert_new_attempts")
            if self._has("upserted_attempt_ids"):
                run_flatten(self._con, "22_upsert_attempts")
        if self._has("departed"):
            run_flatten(self._con, "23_last_seen")

    def _pair_recovered(self) -> None:
        """Let runs that came late take the places of ticks that counted as missing."""
        run_flatten(self._con, "24_pair_recovered")
        if self._has("paired"):
            run_flatten(self._con, "24_write_recovered")

    def _has(self, rows: str) -> bool:
        return has_rows(self._con, rows)

    def _count(self, table: str) -> int:
        found = self._con.execute(f"select count(*) from {table}").fetchone()  # noqa: S608 - own names
        return int(found[0]) if found else 0

    def _prepare(self, con: Connection) -> Connection:
        """Give a session what the SQL of a load expects of it."""
        set_variables(con, **self._variables)
        run_flatten(con, "00_session")
        return con


def _believable(at: datetime) -> dict[str, object]:
    bounds = Believable.at(at)
    return {
        "earliest_run": bounds.earliest_run,
        "latest_run": bounds.latest_run,
        "earliest_stamp": bounds.earliest,
        "latest_stamp": bounds.latest,
    }


@dataclass(frozen=True, slots=True)
class Loader:
    """What loading polls takes: a connection to the work file, the archive, the privacy settings, a scratch folder."""

    con: Connection
    archive: Archive
    privacy: Privacy
    scratch: Path

    @classmethod
    def of(cls, con: Connection, settings: Settings) -> "Loader":
        """Return the loader of a warehouse. Raises BadSettings when its rows were hashed by another key."""
        layout, privacy = settings.layout, Privacy.of(settings)
        privacy.refuse_other_key(con)
        return cls(con, Archive(layout.archive), privacy, layout.scratch)

    def session(self, start: PollStart) -> LoadSession:
        """Begin to load a poll whose answers are still arriving."""
        return LoadSession(self.con, self.archive, self.privacy, self.scratch, start)

    def load_archived(self, poll_id: str, is_alive: IsAlive, lost: ArchiveDamaged | None = None) -> None:
        """Load a poll from the archive, unless it is still being written.

        A damaged one becomes a failed poll, and so does one that is known to be `lost`.
        """
        try:
            if lost:
                raise lost
            record = self.archive.poll(poll_id)
            if record is not None and (record.end is not None or not is_alive(poll_id)):
                self.load(record)
        except ArchiveDamaged as error:
            self.load(lost_poll(poll_id, error))

    def load(self, record: PollRecord) -> PollSummary:
        """Load a poll as its ledger tells it. A failed or interrupted poll leaves only the rows about it."""
        if record.end is None or not record.end.is_ok:
            summary = poll_summary(record)
            self.con.execute("begin")
            write_poll(self.con, record, summary, Staged())
            self.con.execute("commit")
            return summary
        session = self.session(record.start)
        session.stage_new(record)
        return session.commit(record)
