"""A night through real jobs and Dagster's own storage: what it makes, tells and keeps. Bad nights have their own module."""

from collections.abc import Iterator
from decimal import Decimal

import dagster as dg
import pytest
import yaml
from pydantic import SecretStr

from pipelines.database.connection import open_published
from pipelines.orchestrate.assets import ADDED_TO_BY_PUBLISH
from pipelines.orchestrate.dagster_home import CONFIGURATION
from tests.support.dagster_harness import (
    MODELS,
    SECRET_MARKERS,
    DagsterHarness,
    stored_harness,
    write_report,
)


@pytest.fixture(scope="module")
def night() -> Iterator[tuple[DagsterHarness, dg.ExecuteInProcessResult]]:
    """A harness with Dagster's real storage and a budget, after one night."""
    with stored_harness() as harness:
        told = f"file:{harness.settings.layout.incidents}/told.jsonl"
        limits = harness.settings.layout.root / "limits.yml"
        limits.write_text("disk_filling: {limit: 1.0e-12}")  # so that there is something to tell
        chosen = {"incident_sinks": SecretStr(told), "incident_limits_file": limits}
        harness.settings = harness.settings.model_copy(update=chosen)
        budget = "account_id,monthly_budget_usd,warn_ratio\n*,7.50,\n"
        harness.settings.layout.budgets_file.write_text(budget)
        yield harness, harness.execute("nightly", write_report=write_report)


@pytest.mark.slow
def test_a_night_polls_builds_checks_and_publishes(night: tuple[DagsterHarness, dg.ExecuteInProcessResult]) -> None:
    harness, result = night
    assert result.success
    assert harness.source.asked == 1
    assert [event.step_key for event in result.all_events if event.is_step_success] == [
        "core",
        "build",
        "checks",
        "publish",
    ]
    with open_published(harness.settings.layout) as con:
        assert con.execute("select count(*) from core.runs").fetchall() == [(4,)]
        assert con.execute("select count(*) from core.polls where status = 'succeeded'").fetchall() == [(1,)]
        assert con.execute("select distinct budget_usd from marts.budget_status").fetchall() == [(Decimal("7.5"),)]


@pytest.mark.slow
def test_the_report_goes_live_with_the_copy_it_is_about(
    night: tuple[DagsterHarness, dg.ExecuteInProcessResult],
) -> None:
    harness, _ = night
    assert (harness.settings.layout.current / "report.html").read_text() == "4 runs"
    assert harness.instance.get_latest_materialization_event(dg.AssetKey(["published", "report"])) is not None


@pytest.mark.slow
def test_each_table_tells_its_rows_as_they_are_in_the_published_file(
    night: tuple[DagsterHarness, dg.ExecuteInProcessResult],
) -> None:
    harness, result = night
    told = {
        tuple(event.asset_key.path): event.materialization.metadata.get("dagster/row_count")
        for event in result.get_asset_materialization_events()
        if event.asset_key and event.asset_key.path[0] != "published"
    }
    assert set(told) == {model.key for model in MODELS}
    with open_published(harness.settings.layout) as con:
        for model in MODELS:
            [(count,)] = con.execute(f"select count(*) from {model.relation}").fetchall()
            shown = told[model.key]
            is_told = model.materialized != "view" and model.key not in ADDED_TO_BY_PUBLISH
            assert (shown.value if shown else None) == (count if is_told else None)


def test_the_checks_of_a_table_tell_how_many_rules_hold(
    night: tuple[DagsterHarness, dg.ExecuteInProcessResult],
) -> None:
    _, result = night
    evaluations = {tuple(found.asset_key.path): found for found in result.get_asset_check_evaluations()}
    assert set(evaluations) == {model.key for model in MODELS if model.checks or model.rows_of}
    runs = evaluations["core", "runs"]
    assert runs.passed
    assert isinstance(runs.metadata["rule_count"], dg.IntMetadataValue)
    assert (runs.metadata["rule_count"].value or 0) >= 3
    assert runs.description == f"{runs.metadata['rule_count'].value} rules hold"


def test_nothing_private_reaches_dagsters_storage_or_the_published_file(
    night: tuple[DagsterHarness, dg.ExecuteInProcessResult],
) -> None:
    harness, _ = night
    layout = harness.settings.layout
    folders = (layout.dagster_home, layout.current, layout.incidents)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert {"runs.db", "ledger.sqlite", "told.jsonl"} <= {path.name for path in files}
    found = {(path.name, marker) for path in files for marker in SECRET_MARKERS if marker.encode() in path.read_bytes()}
    assert found == set()


def test_dagsters_state_lies_in_the_warehouse_folder(night: tuple[DagsterHarness, dg.ExecuteInProcessResult]) -> None:
    harness, _ = night
    home = harness.settings.layout.dagster_home
    assert home.stat().st_mode & 0o777 == 0o700
    assert harness.instance.root_directory == str(home)
    assert not harness.instance.telemetry_enabled
    assert harness.instance.run_monitoring_enabled
    pools = yaml.safe_load(CONFIGURATION)["concurrency"]["pools"]
    assert harness.instance.get_settings("concurrency")["pools"] == pools
