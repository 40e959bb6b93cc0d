"""When the demo polls, and what it writes beside the data. A whole demo is in test_whole_product.py."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.archive.store import Archive
from pipelines.demo import run as demo
from pipelines.demo import simulated_api
from pipelines.errors import BadSettings
from pipelines.ingest.simulated_marker import keep_world, read_world
from pipelines.paths import Layout
from pipelines.settings import Settings
from pipelines.transform.budgets import read_budgets

NOW = datetime(2026, 8, 20, 10, tzinfo=UTC)
TWO_WEEKS = timedelta(days=14)


def test_quiet_weeks_then_two_lively_ones_that_end_now() -> None:
    times = demo.poll_times(NOW - TWO_WEEKS, None, NOW)
    assert times == sorted(set(times))
    assert times[0] == NOW - TWO_WEEKS - simulated_api.HISTORY + demo.QUIET_PACE
    assert NOW - TWO_WEEKS in times
    assert times[-1] == NOW
    assert len(times) == 7 + demo.MOST_POLLS


def test_it_goes_on_from_where_it_stands() -> None:
    assert demo.poll_times(NOW - TWO_WEEKS, NOW - timedelta(minutes=3), NOW) == [NOW]
    after_a_year = demo.poll_times(NOW - timedelta(days=400), NOW - timedelta(days=380), NOW)
    assert len(after_a_year) == demo.MOST_POLLS
    assert after_a_year[-1] == NOW


def test_budgets_are_the_demos_until_a_person_changes_them(tmp_path: Path) -> None:
    settings = Settings.load(warehouse_dir=tmp_path / "w")
    world = simulated_api.own_world(settings.layout)
    assert [budget[1:] for budget in read_budgets(settings)] == [("0.05", "0.8"), ("25.00", "0.8")]
    assert {budget[0] for budget in read_budgets(settings)} < set(simulated_api.simulator_of(world).fleet.account_ids)
    settings.layout.budgets_file.write_text("account_id,monthly_budget_usd,warn_ratio\n*,1.00,\n")
    demo.forget(settings)
    assert settings.layout.budgets_file.exists()
    assert read_world(settings.layout) is None


def test_a_persons_budgets_are_not_overwritten(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.budgets_file.write_text("mine")
    simulated_api.own_world(layout)
    assert layout.budgets_file.read_text() == "mine"
    keep_world(layout, simulated_api.new_world())


def test_simulated_polls_are_forgotten_without_the_note_too(tmp_path: Path) -> None:
    settings = Settings.load(warehouse_dir=tmp_path / "w")
    settings.layout.prepare()
    archive = Archive(settings.layout.archive)
    archive.start_poll(NOW, source="simulator", is_full_scope=True, account_ids=[], accept_deletions=False)
    demo.forget(settings)
    assert archive.poll_ids() == []
    with pytest.raises(BadSettings, match="no simulated data"):
        demo.forget(settings)
