"""Staging much: parts side by side give what parts in turn give, in little memory; one huge object costs itself alone."""

from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.archive.poll_record import PollRecord
from pipelines.database import connection
from pipelines.errors import BadSettings
from pipelines.load import apart, batches, stage
from pipelines.load import memory as memory_module
from pipelines.load import session as load_session
from pipelines.load.session import LoadSession
from pipelines.load.sql_steps import run_flatten
from pipelines.recoup.careful import Reject
from tests.support.bodies import NOON, LoadHarness, body, run, task

HUGE_MEGABYTES = 24


def bodies(count: int) -> list[bytes]:
    return [body([task(f"task_{part}_{n}", runs=[run(f"run_{part}_{n}")]) for n in range(3)]) for part in range(count)]


def loaded(folder: Path, *contents: bytes, memory: str = "1GB") -> LoadHarness:
    harness = LoadHarness(folder)
    harness.con.execute(f"set memory_limit = '{memory}'")
    harness.load(harness.archive_poll(NOON, *contents))
    return harness


def staged(harness: LoadHarness, *contents: bytes) -> tuple[LoadSession, PollRecord]:
    record = harness.archive_poll(NOON, *contents)
    session = harness.loader().session(record.start)
    session.stage_new(record)
    return session, record


def limits(harness: LoadHarness) -> dict[str, int]:
    query = "select parse_formatted_bytes(current_setting('memory_limit')), current_setting('threads')"
    return dict(zip(("memory", "threads"), harness.con.execute(query).fetchall()[0], strict=True))


@pytest.mark.slow
def test_parts_side_by_side_give_the_rows_of_parts_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_turn = loaded(tmp_path / "turn", *bodies(7))
    monkeypatch.setattr(stage, "BATCH_BYTES", 2 * len(bodies(1)[0]))
    beside = loaded(tmp_path / "beside", *bodies(7))
    assert beside.one("select count(*) from core.runs") == 21
    assert beside.dump() == in_turn.dump()


@pytest.mark.slow
def test_what_few_of_many_answers_changed_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning SQL for each answer would take longer than all else."""
    read: list[int] = []

    def counted(con: duckdb.DuckDBPyConnection, batch: batches.Batch) -> None:
        read.append(batch.line_count)
        batches.read_lines(con, batch)

    harness = loaded(tmp_path, *(before := bodies(12)))
    monkeypatch.setattr(stage, "BATCH_BYTES", 1)
    monkeypatch.setattr(apart, "read_lines", counted)
    after = [each.replace(b"Title of task_%d_1" % part, b"Another") for part, each in enumerate(before)]
    row = harness.load(harness.archive_poll(NOON + timedelta(hours=1), *after))
    assert (row.changed_task_count, row.unchanged_task_count, sum(read)) == (12, 24, 12)
    assert len(read) <= stage.SIDE_BY_SIDE


def test_what_is_found_does_not_depend_on_who_reads_first() -> None:
    def found(number: int) -> batches.Staged:
        one = batches.Staged(unknown_keys={"tasks.color": (number, f"TYPE {number}")})
        one.answers.append(batches.TaskAnswer(number, None, 1))
        one.rejects.append((number, Reject("tasks[0]", "task", None, None, "odd", "{}")))
        return one

    totals = []
    for order in ((1, 2, 3), (3, 1, 2)):
        totals.append(batches.Staged())
        for number in order:
            totals[-1].add(found(number))
    assert totals[0] == totals[1]
    assert totals[0].unknown_keys == {"tasks.color": (1, "TYPE 1")}


@pytest.mark.slow
def test_a_large_load_spills_early_and_gives_back_what_it_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "BATCH_BYTES", 1)
    harness = LoadHarness(tmp_path)
    for memory, while_loading in (("1GB", 280_000_000), ("200MB", 200_000_000)):
        harness.con.execute(f"reset threads; set memory_limit = '{memory}'")
        before = limits(harness)
        session, record = staged(harness, *bodies(4))
        assert limits(harness)["memory"] == pytest.approx(while_loading, rel=0.01)
        session.commit(record)
        assert limits(harness) == pytest.approx(before, rel=0.001)


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "kept"), [("1GB", 1), ("100MB", 0)])
def test_a_huge_object_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str, kept: int
) -> None:
    monkeypatch.setattr(stage, "BATCH_BYTES", 1)
    huge = body([task("task_huge", runs=[run("run_huge", payload="x" * HUGE_MEGABYTES * 1024 * 1024)])])
    harness = loaded(tmp_path, *bodies(2), huge, *bodies(4)[2:], memory=memory)
    assert harness.one("select count(*) from core.runs where run_id <> 'run_huge'") == 12
    assert harness.one("select count(*) from core.runs where run_id = 'run_huge'") == kept
    rejects = harness.rows("select path, reason, len(raw::varchar) as raw_length from core.quarantine")
    assert len(rejects) == 1 - kept
    assert all("RECOUP_MEMORY_LIMIT" in reject["reason"] and reject["raw_length"] < 100 for reject in rejects)


@pytest.mark.slow
def test_what_finds_too_little_memory_beside_another_reader_is_read_with_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[tuple[int, int]] = []
    read_waiting = stage.Stager._read_waiting

    def spied(stager: stage.Stager) -> None:
        waited.append((len(stager.found.waiting), limits(harness)["memory"]))
        read_waiting(stager)

    monkeypatch.setattr(stage.Stager, "_read_waiting", spied)
    monkeypatch.setattr(stage, "BATCH_BYTES", 1)
    monkeypatch.setattr(memory_module, "ENOUGH", "40MB")
    large = [body([task(f"t_{n}", runs=[run(f"r_{n}", payload="x" * 10 * 1024 * 1024)])]) for n in range(3)]
    harness = LoadHarness(tmp_path)
    harness.con.execute("set memory_limit = '1GB'")
    session, record = staged(harness, *bodies(2), *large)
    assert waited[0][0] >= 1
    assert waited[0][1] == pytest.approx(1_000_000_000, rel=0.01)
    assert limits(harness)["memory"] == pytest.approx(40_000_000, rel=0.01)
    session.commit(record)
    assert harness.one("select count(*) from core.runs") == 9
    assert harness.one("select count(*) from core.quarantine") == 0


def test_a_limit_that_cannot_be_had_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "BATCH_BYTES", 1)
    monkeypatch.setattr(memory_module, "ENOUGH", "1KB")
    harness = LoadHarness(tmp_path)
    harness.con.execute("set memory_limit = '1GB'")
    session, record = staged(harness, *bodies(3))
    assert limits(harness)["memory"] == pytest.approx(1_000_000_000, rel=0.01)
    session.commit(record)
    assert harness.one("select count(*) from core.runs") == 9


@pytest.mark.slow
@pytest.mark.parametrize("needed", [900_000_000, 2_000_000_000])
def test_a_merge_that_finds_too_little_memory_has_all_of_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needed: int
) -> None:
    monkeypatch.setattr(stage, "BATCH_BYTES", 1)
    limits_met: list[int] = []
    harness = LoadHarness(tmp_path)
    harness.con.execute("set memory_limit = '1GB'")

    def scarce(con: duckdb.DuckDBPyConnection, name: str) -> None:
        if name == "20_insert_new_runs":
            limits_met.append(limits(harness)["memory"])
            if limits_met[-1] < needed:
                raise duckdb.OutOfMemoryException("none left")
        run_flatten(con, name)

    monkeypatch.setattr(load_session, "run_flatten", scarce)
    with nullcontext() if needed < 1_000_000_000 else pytest.raises(BadSettings, match="RECOUP_MEMORY_LIMIT"):
        row = harness.load(harness.archive_poll(NOON, *bodies(3)))
        assert (row.new_task_count, row.new_run_count) == (9, 9)
    assert len(limits_met) == 2
    assert harness.one("select count(*) from core.runs") == (9 if needed < 1_000_000_000 else 0)
    assert limits(harness)["memory"] == pytest.approx(1_000_000_000, rel=0.01)


def test_a_small_object_never_goes_to_quarantine_for_want_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise duckdb.OutOfMemoryException("none left")

    harness = LoadHarness(tmp_path)
    monkeypatch.setattr(batches, "run_flatten", exhausted)
    with pytest.raises(BadSettings, match="RECOUP_MEMORY_LIMIT"):
        harness.load(harness.archive_poll(NOON, *bodies(1)))
    assert harness.one("select count(*) from core.quarantine") == 0


def test_undoing_is_tried_again_when_even_that_finds_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LOCK_PAUSE_SECONDS", 0)
    tried: list[str] = []

    class Scarce:
        def execute(self, statement: str) -> None:
            tried.append(statement)
            if len(tried) < 3:
                raise duckdb.OutOfMemoryException("none left")
            con.execute(statement)

    with duckdb.connect() as con:
        con.execute("begin; create table t (a integer)")
        connection.roll_back(Scarce())  # type: ignore[arg-type]
        assert tried == ["rollback"] * 3
        assert con.execute("select count(*) from duckdb_tables()").fetchone() == (0,)
        connection.roll_back(con)


@pytest.mark.slow
def test_a_task_that_is_too_large_was_seen_and_is_not_deleted(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path)
    harness.poll(NOON, [task("task_1"), task("task_huge")])
    harness.con.execute("set memory_limit = '60MB'")
    huge = task("task_huge", prompt="x" * HUGE_MEGABYTES * 1024 * 1024, runs=[run("run_of_huge")])
    harness.load(harness.archive_poll(NOON + timedelta(hours=1), body([task("task_1"), huge])))
    told = harness.rows("select level, task_id, run_id from core.quarantine order by level desc")
    assert told == [
        {"level": "task", "task_id": "task_huge", "run_id": None},
        {"level": "run", "task_id": "task_huge", "run_id": "run_of_huge"},
    ]
    assert harness.one("select count(*) from core.tasks where deleted_at is not null") == 0
