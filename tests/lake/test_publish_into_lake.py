"""The lake equals the published copy, and only what differs is written: a catalog in a file, data in a folder."""

import random
from pathlib import Path

import pytest

from pipelines.errors import LakeFailed
from pipelines.lake.connection import extension_file
from pipelines.settings import Settings
from tests.support.lake_harness import (
    TABLES,
    ask,
    change,
    differences,
    into_the_lake,
    local_settings,
    newest_version,
)
from tests.support.simulator_helpers import PART

CHANGES = (
    "insert into core.runs by name select 'new' || uuid() as run_id, date '2026-08-0{d}' as created_date",
    "update core.runs set outcome = 'succeeded' where created_date = '2026-08-0{d}'",
    "update core.runs set created_date = created_date + 1 where run_id = 'r{d}'",
    "delete from core.runs where created_date = '2026-08-0{d}'",
    "insert into core.run_tags values ('r{d}', 'more'), ('r{d}', 'more')",
    "delete from core.run_tags where run_id in ('r{d}', 'gone')",
    "update core.polls set started_at = started_at + interval {d} hour",
    "insert into core.polls values ('p{d}', null), ('p{d}', null)",
    "delete from core.polls",
    "insert into core.moments values ('-infinity', 'x'), ('infinity', 'y'), ('2026-08-0{d} 12:00:00+02', 'z')",
    "delete from core.accounts",
    "insert into core.accounts values ('b', 'it''s {d}')",
    "create or replace view marts.runs_and_tags as select run_id, core.double({d}) as n from core.runs",
    "create or replace macro core.double(a) as a * {d}",
    "alter table core.runs add column if not exists more_{d} integer",
    "drop table if exists marts.daily",
    "create table if not exists marts.daily as select date '2026-08-0{d}' as date, {d} as n",
    "comment on table core.accounts is 'who pays, {d}'",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = local_settings(tmp_path)
    change(settings, TABLES)
    return settings


@pytest.mark.slow
def test_the_lake_equals_the_copy_and_only_the_day_of_a_changed_run_is_written_again(settings: Settings) -> None:
    first = into_the_lake(settings)
    assert differences(settings) == []
    change(settings, "select 1")
    again = into_the_lake(settings)
    assert (again.snapshot_number, again.written_days, again.made, again.version) == (2, {}, [], first.version)

    change(settings, "update core.runs set outcome = 'succeeded' where run_id = 'r42'")
    report = into_the_lake(settings)
    assert report.written_days == {"core.runs": ["2026-08-05"]}
    assert differences(settings) == []
    # What DuckLake itself noted: the rows that went and came, which tables, and our message.
    touched = f"from ducklake_table_changes('lake', 'core', 'runs', {first.version + 1}, {report.version})"
    assert ask(settings, f"select distinct created_date::varchar, change_type {touched} order by all") == [
        ("2026-08-05", "delete"),
        ("2026-08-05", "insert"),
    ]
    noted = "commit_message, len(changes['tables_inserted_into']), len(changes['tables_deleted_from'])"
    commits = ask(
        settings, f"select {noted} from lake.snapshots() where commit_message is not null order by snapshot_id"
    )
    assert [message for message, *_ in commits] == [f"snapshot {n} of 2026-08-20 12:00:00 UTC" for n in (1, 3)]
    assert commits[-1][1:] == (2, 2)  # core.runs and the digests


@pytest.mark.slow
def test_any_change_arrives(settings: Settings) -> None:
    dice = random.Random(20260820)
    for _ in range(round(10 * PART)):
        change(settings, ";".join(one.format(d=dice.randint(2, 9)) for one in dice.choices(CHANGES, k=3)))
        into_the_lake(settings)
        assert differences(settings) == []
        assert into_the_lake(settings).is_changed is False


@pytest.mark.slow
def test_what_fails_leaves_the_lake_as_it_was_and_the_next_catches_up(settings: Settings, tmp_path: Path) -> None:
    before = into_the_lake(settings).version
    change(settings, "update core.runs set outcome = 'succeeded'; insert into core.accounts values ('c', 'd')")
    data, aside = tmp_path / "lake/data", tmp_path / "aside"
    data.rename(aside)
    data.write_text("something else is in its place")
    with pytest.raises(LakeFailed, match="the published file is good"):
        into_the_lake(settings)
    data.unlink()
    aside.rename(data)
    assert newest_version(settings) == before
    assert ask(settings, "select distinct outcome from lake.core.runs") == [("failed",)]
    assert into_the_lake(settings).is_changed
    assert differences(settings) == []


def test_an_extension_that_is_not_installed_is_named() -> None:
    with pytest.raises(LakeFailed, match=r"extension spatial .* pip install 'recoup-warehouse\[lake\]'"):
        extension_file("spatial")
