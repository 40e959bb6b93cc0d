"""Tables of days, built where something changed: the same rows as a full build gives, whatever changed."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadModel
from pipelines.transform.build_days import fingerprint_of, months_of, quarters_of, ranges_of
from tests.support.day_history import BY_DAY, KEYS, ZONE, built_by_day, history, updates
from tests.support.warehouse_builder import NOW, WarehouseBuilder, model, models

READ = {"core.runs", "core.missing_runs", "core.build_context", "marts.day_inputs"} | {one.relation for one in BY_DAY}


def test_what_a_day_reads_is_an_input_of_it() -> None:
    """A column of core that a day is made of and that no input tells would change unseen."""
    inputs = model("day_inputs").sql
    for one in BY_DAY:
        assert {".".join(key) for key in one.depends_on} <= READ, one.relation
    columns = {column.name for column in model("runs").columns}
    digested = set(re.findall(r"\w+", inputs[inputs.index("bit_xor(hash(") :].partition("))")[0]))
    used = {word for one in BY_DAY for word in re.findall(r"\w+", re.sub("--.*|'.*?'", "", one.sql))}
    assert used & columns <= digested
    assert not any("as_of" in one.sql for one in BY_DAY), "of the build's now only inputs tell"


CHANGES: dict[str, str] = {
    "a new run": "insert into core.runs select * replace ('n' as run_id, created_at - interval 9 days as created_at) "
    "from core.runs where run_id = 't2'",
    "a run before all others": "update core.runs set created_at = '2026-05-01T00:00:00Z' where run_id = 'u1'",
    "a run that ended": "update core.runs set outcome = 'failed' where run_id = 't1'",
    "two runs alike": "update core.runs set outcome = 'expired' where run_id in ('t3', 't4')",
    "a dearer run": "update core.runs set total_cents = total_cents + 0.0000001 where run_id = 't1'",
    "a run of no task": "update core.runs set task_id = null where run_id = 'u2'",
    "a run of no task, before all others": "insert into core.runs select * replace ('n' as run_id, null as task_id, "
    "'2026-03-03T00:00:00Z' as created_at) from core.runs where run_id = 't2'",
    "a run of another task": "update core.runs set task_id = 'u' where run_id = 't2'",
    "a test run": "update core.runs set is_test = true where run_id = 't2'",
    "a run found later": "update core.missing_runs set recovered_run_id = 't2' where task_id = 't'",
    "a hole that is none": "delete from core.missing_runs where task_id = 'u'",
    "a hole of unknown size": "update core.coverage_gaps set runs_missing_count = null where task_id = 'u'",
    "a look": "update core.tasks set observed_until_at = '2026-08-21T05:00:00Z'",
    "a tick open no more": "update core.tasks set window_newest_run_at = '2026-08-20T03:51:00Z' where task_id = 't'",
    "a deletion": "update core.tasks set deleted_at = '2026-08-15T00:00:00Z' where task_id = 'u'",
    "a task that is gone": "delete from core.tasks where task_id = 'u'",
    "a rename": "update core.tasks set title = 'other', artist_name = 'other', artist_account_id = 'other'",
    "another account from a day on": "update core.task_versions set valid_to = '2026-07-11T00:00:00Z'; "
    "insert into core.task_versions select * replace (2 as version_number, valid_to as valid_from, null as valid_to, "
    "'new' as account_id) from core.task_versions",
    "another model all the time": "update core.task_versions set model = 'm' where task_id = 't'",
}


@pytest.fixture(scope="module")
def built() -> WarehouseBuilder:
    house = history()
    built_by_day(house)
    return house


@pytest.fixture
def house(built: WarehouseBuilder) -> Iterator[WarehouseBuilder]:
    built.con.execute("begin")
    yield built
    built.con.execute("rollback")


def shown(house: WarehouseBuilder) -> list[tuple[Any, ...]]:
    return house.query("from marts.coverage_facts full join marts.task_day_facts using (date, task_id) order by all")


def reasons(house: WarehouseBuilder) -> set[str]:
    return {reason for (reason,) in house.query("select distinct unnest(reasons) from core.built_days")}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_found(house: WarehouseBuilder, change: str) -> None:
    before = shown(house)
    house.con.execute(CHANGES[change])
    built_by_day(house)
    assert "full" in reasons(house), "some days are as the last build left them"
    assert (shown(house) == before) == (change == "a rename")


def test_only_the_days_that_changed_are_built_and_their_reasons_told(house: WarehouseBuilder) -> None:
    house.con.execute("update marts.task_day_facts set run_count = 99 where date != '2026-08-10'")
    house.con.execute(CHANGES["a test run"])
    with pytest.raises(AssertionError, match="task_day_facts"):
        built_by_day(house)
    counts = house.query("select distinct run_count from marts.task_day_facts where date = '2026-08-10'")
    assert counts == [(1,)], "other days are as they were"


@pytest.mark.parametrize(
    "spoil",
    [
        "delete from core.day_builds",
        "update core.day_builds set fingerprint = 'of other SQL'",
        "drop table marts.coverage_facts",
        "drop table marts.day_inputs",
    ],
)
def test_days_that_nothing_vouches_for_are_all_built(house: WarehouseBuilder, spoil: str) -> None:
    house.con.execute("update marts.task_day_facts set run_count = 99")
    house.con.execute(spoil)
    built_by_day(house)
    assert reasons(house) == {"full"}


def test_sql_zone_and_models_are_in_the_fingerprint() -> None:
    known = fingerprint_of(models(), ZONE)
    other = [replace(one, sql=one.sql + " ") if one.name == "coverage_facts" else one for one in models()]
    assert len({known, fingerprint_of(models(), "UTC"), fingerprint_of(other, ZONE)}) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("later", "full"), [(timedelta(days=7), False), (-timedelta(days=7), False), (timedelta(), True)]
)
def test_a_full_build_finds_days_that_differ(house: WarehouseBuilder, later: timedelta, full: bool) -> None:
    house.con.execute("update marts.task_day_facts set run_count = run_count + 1 where date = '2026-07-10'")
    built_by_day(house, NOW + later, full=full)
    assert house.query("select full_built_at, differing_day_count from core.day_builds") == [(NOW + later, 1)]
    assert house.failing_checks("core.day_builds")["core.day_builds.days_differ_from_full_build"].blocks
    built_by_day(house, NOW + later)
    assert house.failing_checks("core.day_builds") == {}, "the rows of the full build stand, and no difference is told"


@pytest.mark.slow
def test_a_build_of_some_tables_of_days_vouches_for_none() -> None:
    house = history()
    house.build(only=KEYS)
    assert house.query("select count(*) from core.day_builds") == [(1,)]
    house.build(only={("marts", "day_inputs")})
    assert house.query("select count(*) from core.day_builds") == [(0,)]
    assert house.build(only=KEYS).days == {}
    house.con.execute(CHANGES["a test run"])
    assert house.build(only=KEYS).days == {date(2026, 8, 10): ["runs"]}
    assert house.query("select date from core.built_days where reasons = ['runs']") == [(date(2026, 8, 10),)]


@pytest.mark.slow
def test_a_build_that_fails_leaves_days_and_inputs_as_they_were() -> None:
    """A failure between two days must not leave the next build, of all days, with the one that was being built."""
    house = history()
    fragile = "case when test_run_count > 0 then error('broken') else true end"
    broken = [
        replace(one, sql=f"from ({one.sql}) where {fragile}") if one.name == "task_day_facts" else one
        for one in models()
    ]
    house.build(only=KEYS, models=broken)
    inputs, days = house.query("from marts.day_inputs order by all"), shown(house)
    house.con.execute(CHANGES["a test run"])
    with pytest.raises(BadModel, match="broken"):
        house.build(models=broken, only=KEYS)
    assert house.query("from marts.day_inputs order by all") == inputs
    house.con.execute("update core.runs set is_test = false where run_id = 't2'")
    house.con.execute("delete from core.day_builds")
    house.build(models=broken, only=KEYS)
    assert shown(house) == days


@pytest.mark.slow
def test_names_of_today_are_joined() -> None:
    house = history()
    house.build(only={*KEYS, ("marts", "task_days"), ("marts", "spend_daily")})
    house.con.execute(CHANGES["a rename"])
    titles = house.query(
        "select title, artist_name from marts.task_days union select title, null from marts.spend_daily"
    )
    assert titles == [("other", None)]
    assert house.build(only=KEYS).days == {}


def test_ranges_hold_every_day_and_few_others() -> None:
    days = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 9), date(2026, 3, 1)]
    assert [*ranges_of(days)] == [(days[0], date(2026, 1, 10)), (days[3], date(2026, 3, 2))]
    assert [*ranges_of([])] == []


def test_months_of_ranges_are_whole_and_come_once() -> None:
    ranges = [
        (date(2025, 12, 30), date(2026, 1, 2)),
        (date(2026, 1, 20), date(2026, 2, 1)),
        (date(2026, 3, 1), date(2026, 3, 2)),
    ]
    firsts = [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]
    assert [*months_of(ranges)] == [(firsts[0], firsts[1]), (firsts[1], firsts[2]), (firsts[3], firsts[4])]
    assert [*months_of([])] == []


def test_quarters_hold_every_day_once() -> None:
    assert quarters_of(date(2026, 1, 1), date(2026, 3, 31)) == [(date.min, date.max)]
    starts = [date(2025, 10, 1), date(2026, 1, 1), date(2026, 4, 1)]
    assert quarters_of(date(2025, 9, 30), date(2026, 4, 1)) == [*pairwise([date.min, *starts, date.max])]


def test_days_of_the_fleet_come_though_no_task_is_there() -> None:
    house, first = WarehouseBuilder(), date(2026, 8, 1)
    for later in (timedelta(), timedelta(days=3)):
        built_by_day(house, NOW + later)
        assert house.query("select date from marts.fleet_daily") == [((NOW + later).date(),)]
    house.run("first", "t", created_at="2026-08-01T09:00:00Z")
    built_by_day(house, NOW + timedelta(days=4))
    assert house.query("select min(date), count(*) from marts.fleet_daily") == [(first, (NOW.date() - first).days + 5)]
    house.con.execute("delete from core.runs")
    built_by_day(house, NOW + timedelta(days=5))
    assert house.query("select count(*) from marts.fleet_daily") == [(1,)]


Nights = list[tuple[list[tuple[str, list[Any]]], int]]


def _survives(house: WarehouseBuilder, nights: Nights) -> None:
    house.con.execute("begin")
    for changes, hours in nights:
        for sql, parameters in changes:
            house.con.execute(sql, parameters)
        house.con.execute("delete from core.task_versions where task_id not in ('t', 'u')")
        built_by_day(house, NOW + timedelta(hours=hours))
    house.con.execute("rollback")


NIGHTS = st.lists(st.tuples(st.lists(updates(), max_size=3), st.integers(-30, 80)), min_size=1, max_size=3)


@settings(max_examples=2, deadline=None)
@given(NIGHTS)
def test_any_changes_give_the_rows_of_a_full_build(built: WarehouseBuilder, nights: Nights) -> None:
    _survives(built, nights)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(NIGHTS)
def test_many_changes_give_the_rows_of_a_full_build(built: WarehouseBuilder, nights: Nights) -> None:
    _survives(built, nights)
