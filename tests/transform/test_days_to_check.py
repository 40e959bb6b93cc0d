"""What a night checks: all that changed since the published copy, and all of it where that cannot be told."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.clock import fixed
from pipelines.load.rebuild import rebuild
from pipelines.nightly import build_and_check, check_and_publish
from pipelines.transform import checks
from pipelines.transform.checks import plan_checks, read_views
from pipelines.transform.load_models import load_models
from tests.support.polled_world import HOUR, START, PolledWorld
from tests.support.warehouse_builder import WarehouseBuilder, model, models
from tests.transform.test_checks import CORRUPTIONS, sound

# Tests of sql/tests that look at all days at little cost.
WHOLE = {"runs_differ_from_seed", "missing_runs_seen", "runs_recovered_twice"}
BY_DAY = [(check, corruption) for check, corruption in CORRUPTIONS if model(check.split(".")[1]).checked_by]


@pytest.fixture(scope="module")
def house() -> WarehouseBuilder:
    built = sound()
    built.build()
    return built


@pytest.mark.parametrize(("check", "corruption"), BY_DAY, ids=[name for name, _ in BY_DAY])
def test_over_the_days_of_a_fault_its_check_finds_what_all_days_show(
    house: WarehouseBuilder, check: str, corruption: str
) -> None:
    relation = check.rpartition(".")[0]
    days = [row[0] for row in house.query("select distinct date from marts.task_day_facts")]
    house.con.execute("begin")
    try:
        house.freeze(relation)
        house.con.execute(corruption)
        whole, those = house.failing_checks(relation), house.failing_checks(relation, days=days)
        others = house.failing_checks(relation, days=[date(2020, 1, 1)])
        undated = house.query("select 1 from core.runs where created_date is null")
    finally:
        house.con.execute("rollback")
    assert {name: found.failing_count for name, found in those.items()} == {
        name: found.failing_count for name, found in whole.items()
    }
    assert check in those
    is_narrowed = check.rpartition(".")[2] not in WHOLE and not check.endswith(("null_date", "relationship_run_id"))
    assert (check in others) == (not is_narrowed or bool(undated))
    assert house.query("select getvariable('checked_days')") == [(None,)], "and afterwards all are looked at again"


@pytest.mark.slow
def test_a_view_that_cannot_compute_a_row_is_refused_over_the_days_of_that_row() -> None:
    """Its tables are sound, and no check need ask for that column."""
    house = sound()
    house.build()
    for view in ("marts.spend_daily", "marts.run_facts"):
        [(day,)] = house.query(f"select max(date) from {view}")
        told = f"case when date = '{day}' then error('cannot be computed') end"
        house.con.execute(f"create or replace table kept as select date from {view}")
        house.con.execute(f"create or replace view {view} as select date, {told} as told from kept")
        read_views(house.con, models(), [date(2020, 1, 1)])
        for days in ([day], None):
            with pytest.raises(duckdb.Error, match="cannot be computed"):
                read_views(house.con, models(), days)
        house.build()


def test_what_grows_with_history_is_checked_by_day() -> None:
    grown = {
        "core.runs",
        "core.attempts",
        "core.run_tags",
        "core.missing_runs",
        "marts.runs_in_force",
        "marts.run_facts",
    }
    daily = {one.relation for one in models() if one.rebuilt_by or (one.rows_of and model(one.rows_of[1]).checked_by)}
    assert {one.relation for one in models() if one.checked_by} == grown | daily
    narrowed = [
        (whole.sql, some.sql)
        for whole, some in zip(plan_checks(models()), plan_checks(models(), is_whole=False), strict=True)
        if whole.asset in {one.key for one in models() if one.checked_by}
    ]
    looks = re.compile(r"core\.is_(month_)?checked\(|missing_run_facts")
    assert all(looks.search(some) or whole == some for whole, some in narrowed)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    told: list[Any] = []
    run = checks.run_checks

    def spied(*given: Any, **named: Any) -> Any:
        told.append(named["days"])
        return run(*given, **named)

    monkeypatch.setattr("pipelines.nightly.run_checks", spied)
    yield told


@pytest.mark.slow
def test_a_night_checks_the_days_that_changed(tmp_path: Path, looked_at: list[Any]) -> None:
    world = PolledWorld(tmp_path)

    def night(hours: int, *, polls: bool = True) -> None:
        if polls:
            world.poll(hours)
        check_and_publish(world.settings, clock=fixed(START + hours * HOUR), models=load_models())

    for day in range(7):
        night(24 * day + 4)
    first = START.date()
    assert looked_at[:3] == [None] * 3, "nothing was published, then more days changed than stayed"
    assert set(looked_at[6]) == {first + timedelta(days=5), first + timedelta(days=6)}
    night(150, polls=False)
    assert looked_at[7] is None, "nothing was built since, so it is no night that follows another"
    night(154)
    assert looked_at[8] == [first + timedelta(days=6)]
    rebuild(world.settings)
    night(156)
    assert looked_at[9] is None, "all days are of a new file"
    night(158)
    assert looked_at[10] == [first + timedelta(days=6)]
    night(158 + 7 * 24)
    assert looked_at[11] is None, "once a week all days are built, and checked"


@pytest.mark.slow
def test_the_command_that_only_checks_looks_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = PolledWorld(tmp_path)
    world.poll(4)
    check_and_publish(world.settings, clock=fixed(START + 4 * HOUR), models=load_models())
    world.poll(28)
    told: list[bool] = []
    run = checks._run

    def spied(*given: Any, is_whole: bool) -> Any:
        told.append(is_whole)
        return run(*given, is_whole=is_whole)

    monkeypatch.setattr(checks, "_run", spied)
    build_and_check(world.settings, clock=fixed(START + 28 * HOUR))
    assert told == [True]
