"""A publish never makes the copy worse: what is loaded is built, the copy is read whole and checked, then it goes live.

How copies lie on disk, kills and hazards have their own modules.
"""

import random
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.database.connection import Warehouse, open_published
from pipelines.errors import ChecksFailed, PublishRefused
from pipelines.incidents.ledger import open_ledger
from pipelines.ingest.poll import poll
from pipelines.load.rebuild import rebuild
from pipelines.nightly import build_and_check, check_and_publish
from pipelines.publish.snapshots import Snapshot, snapshot_numbers
from pipelines.settings import Settings
from pipelines.transform.built import build_some
from pipelines.transform.checks import run_checks
from tests.support.bodies import NOON, body, run, task
from tests.support.warehouse_builder import models


def slow(value: object) -> object:
    return pytest.param(value, marks=pytest.mark.slow)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(warehouse_dir=tmp_path / "w", privacy_key="k")


def poll_at(settings: Settings, now: datetime, number: int = 0) -> None:
    """Poll a body that shows three runs more than that of the number before."""
    runs = [run(f"run_{count}", NOON - timedelta(hours=count)) for count in range(3 * number, 3 * number + 3)]
    saved = settings.layout.root.parent / f"saved-{number}.json"
    saved.write_bytes(body([task(runs=runs)]))
    poll(settings, clock=lambda: now, load_files=[saved])


def publish(settings: Settings, now: datetime = NOON) -> Snapshot:
    return check_and_publish(settings, clock=lambda: now, models=models())


def told(settings: Settings) -> tuple[object, ...]:
    """What the copy says of its last poll in core, in the marts, and how many marts it holds."""
    with open_published(settings.layout) as con:
        [row] = con.execute(
            "select (select max(poll_id) from core.polls), (select last_poll_id from marts.warehouse_info), "
            "(select count(*) from core.runs), (select run_count from marts.warehouse_info), "
            "(select count(*) from information_schema.tables where table_schema = 'marts')"
        ).fetchall()
    return tuple(row)


@pytest.mark.slow
def test_after_a_rebuild_readers_still_see_what_was_wrong(settings: Settings) -> None:
    """The ledger of incidents outlives the work file, and a copy without it would say that nothing is wrong."""
    query = "select (select count(*) from core.check_results), (select count(*) from core.incidents)"
    poll_at(settings, NOON)
    publish(settings)
    with open_ledger(settings.layout) as ledger:
        [kept] = [tuple(row) for row in ledger.execute(query.replace("core.", ""))]
    rebuild(settings)
    publish(settings)
    with open_published(settings.layout) as con:
        assert con.execute(query).fetchall() == [kept]
    assert kept[0] > 100


def rebuilds(settings: Settings) -> None:
    rebuild(settings)


def polls_the_past(settings: Settings) -> None:
    poll_at(settings, NOON - timedelta(hours=1), 2)


def polls_on(settings: Settings) -> None:
    poll_at(settings, NOON + timedelta(hours=1), 2)


@pytest.mark.slow
@pytest.mark.parametrize("happened", [rebuilds, slow(polls_the_past), slow(polls_on)])
def test_what_was_loaded_since_the_build_is_built_before_it_goes_live(
    settings: Settings, happened: Callable[[Settings], None]
) -> None:
    poll_at(settings, NOON)
    publish(settings)
    happened(settings)
    publish(settings)
    core_poll, mart_poll, core_runs, mart_runs, mart_count = told(settings)
    assert (mart_poll, mart_runs) == (core_poll, core_runs)
    assert mart_count == sum(not model.is_base for model in models())


@pytest.mark.slow
def test_what_is_built_already_is_not_built_again(settings: Settings) -> None:
    poll_at(settings, NOON)
    build_and_check(settings, clock=lambda: NOON)
    publish(settings, NOON + timedelta(hours=5))
    with open_published(settings.layout) as con:
        assert con.execute("select built_at from marts.warehouse_info").fetchall() == [(NOON,)]


@pytest.mark.slow
def test_a_mart_that_is_gone_is_built_again(settings: Settings) -> None:
    poll_at(settings, NOON)
    build_and_check(settings, clock=lambda: NOON)
    with Warehouse.of(settings).write() as con:
        con.execute("drop table marts.task_health")
    publish(settings)
    with open_published(settings.layout) as con:
        assert con.execute("select count(*) from marts.task_health").fetchall() == [(1,)]


@pytest.mark.slow
def test_one_mart_built_alone_keeps_the_instant_of_the_others(settings: Settings) -> None:
    poll_at(settings, NOON)
    build_and_check(settings, clock=lambda: NOON)
    later = NOON + timedelta(hours=5)
    with Warehouse.of(settings).write() as con:
        report = build_some(con, settings, models(), later, {("marts", "task_health")})
        assert (report.as_of, list(report.row_counts)) == (NOON, [("marts", "task_health")])
        con.execute("delete from core.build_context")
        report = build_some(con, settings, models(), later, {("marts", "task_health")})
        assert report.as_of == later
        assert len(report.row_counts) > 20, "the others are of no instant any more"


@pytest.mark.slow
def test_a_failed_check_on_the_copy_keeps_the_copy_that_people_open(settings: Settings) -> None:
    poll_at(settings, NOON)
    publish(settings)
    build_and_check(settings, clock=lambda: NOON)
    with Warehouse.of(settings).write() as con:
        con.execute("insert into core.runs from core.runs limit 1")
    with pytest.raises(ChecksFailed, match=r"core\.runs unique_run_id"):
        publish(settings)
    assert snapshot_numbers(settings.layout) == [1]


@pytest.mark.slow
def test_damage_in_a_block_that_no_check_reads_is_found(settings: Settings) -> None:
    poll_at(settings, NOON)
    publish(settings)
    work_file = settings.layout.work_file
    with Warehouse.of(settings).write() as con:
        con.execute(
            "create table core.unread as select hash(range)::varchar as word, range as number from range(90000)"
        )
    with duckdb.connect(str(work_file), read_only=True) as con:
        storage = con.execute("select column_name, block_id from pragma_storage_info('core.unread')").fetchall()
    [block, *_] = [block_id for name, block_id in storage if name == "word" and block_id >= 0]
    with work_file.open("r+b") as file:
        file.seek(3 * 4096 + block * 2**18 + 7000)
        file.write(b"\xff\x00\xff")
    with pytest.raises(PublishRefused, match=r"Corrupt .*`recoup-warehouse rebuild`"):
        publish(settings)
    assert snapshot_numbers(settings.layout) == [1]


@pytest.mark.slow
def test_polls_go_on_while_a_copy_is_audited(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check that takes longest is where a poll slips in: neither waits, and the copy stays as it was copied."""
    poll_at(settings, NOON)
    impatient = settings.model_copy(update={"lock_wait_seconds": 0.0})

    def poll_then_check(con: duckdb.DuckDBPyConnection, *_: object, days: list[date] | None) -> object:
        poll_at(impatient, NOON + timedelta(hours=1), 1)
        return run_checks(con, models(), days=days)

    monkeypatch.setattr("pipelines.nightly.run_checks", poll_then_check)
    publish(settings)
    core_poll, mart_poll, core_runs, mart_runs, _ = told(settings)
    assert (core_poll, core_runs) == (mart_poll, mart_runs)
    assert core_runs == 3
    with Warehouse.of(settings).write() as con:
        assert con.execute("select count(*) from core.polls").fetchall() == [(2,)]


@pytest.mark.slow
def test_whatever_is_polled_meanwhile_every_copy_agrees_with_itself(settings: Settings) -> None:
    dice, done, failures = random.Random(7), threading.Event(), list[BaseException]()
    poll_at(settings, NOON)

    def pollers() -> None:
        number = 0
        try:
            while not done.wait(dice.uniform(0, 0.3)):
                number += 1
                poll_at(settings, NOON + timedelta(minutes=number), number)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=pollers)
    thread.start()
    seen = set()
    try:
        for _ in range(6):
            publish(settings, NOON + timedelta(hours=1))
            with open_published(settings.layout) as con:
                assert [result for result in run_checks(con, models()) if result.blocks] == []
            core_poll, mart_poll, core_runs, mart_runs, _ = told(settings)
            assert (core_poll, core_runs) == (mart_poll, mart_runs)
            seen.add(core_poll)
    finally:
        done.set()
        thread.join()
    assert failures == []
    assert len(seen) > 1, "polls came in between"
