"""Bad nights in Dagster: what failed is told in one line, and the published copy stays."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from pipelines.database.connection import Warehouse
from pipelines.errors import (
    BadModel,
    BadPayload,
    BadSettings,
    ChecksFailed,
    RecoupError,
    Refused,
    Unreachable,
    WarehouseBusy,
)
from pipelines.incidents.ledger import newest
from pipelines.orchestrate.failure_sensor import night_failed
from pipelines.orchestrate.resources import told_in_one_line
from pipelines.publish.snapshots import snapshot_numbers
from pipelines.schedule import poll_interval
from tests.incidents.test_watch import watchdog
from tests.support.dagster_harness import KEY, DagsterHarness, light_harness, write_report


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[DagsterHarness]:
    with light_harness(tmp_path / "warehouse") as harness:
        yield harness


def failure(result: dg.ExecuteInProcessResult) -> str:
    """Return what the failed step says, and demand that exactly one failed."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    error = event.step_failure_data.error
    assert error is not None
    return str(error.message).strip()


def broken_warehouse(harness: DagsterHarness) -> None:
    """Publish something, then let a run appear twice."""
    harness.pipeline().poll()
    harness.pipeline().publish()
    with Warehouse.of(harness.settings).write() as con:
        con.execute("insert into core.runs select * from core.runs limit 1")


@pytest.mark.slow
def test_a_failed_blocking_rule_keeps_the_published_copy(harness: DagsterHarness) -> None:
    broken_warehouse(harness)
    result = harness.execute("nightly")
    assert not result.success
    assert "nothing was published" in failure(result)
    assert "core.runs unique_run_id (1 row" in failure(result)
    assert snapshot_numbers(harness.settings.layout) == [1]
    (runs,) = [e for e in result.get_asset_check_evaluations() if e.asset_key.path == ["core", "runs"]]
    assert (runs.passed, runs.severity) == (False, dg.AssetCheckSeverity.ERROR)
    table = runs.metadata["failing_rules"]
    assert isinstance(table, dg.TableMetadataValue)
    (record,) = [r for r in table.records if r.data["rule"] == "unique_run_id"]
    assert record.data["failing_rows"] == 1


@pytest.mark.slow
def test_publishing_alone_runs_the_checks_itself(harness: DagsterHarness) -> None:
    broken_warehouse(harness)
    result = harness.execute("nightly", only=["published/recoup_duckdb"])
    assert "core.runs unique_run_id (1 row" in failure(result)
    assert snapshot_numbers(harness.settings.layout) == [1]


@pytest.mark.slow
def test_a_refused_key_ends_the_run_at_once_in_one_line(harness: DagsterHarness) -> None:
    harness.source.status = 401
    result = harness.execute("poll")
    assert not result.success
    assert not any(event.is_step_up_for_retry for event in result.all_events)
    assert "RECOUP_API_KEY" in failure(result)
    assert "\n" not in failure(result)
    assert KEY not in failure(result)
    assert poll_interval.read_state(harness.settings.layout).failed_in_row_count == 1


@pytest.mark.parametrize(
    ("error", "may_retry"),
    [
        (Unreachable, True),
        (BadPayload, True),
        (WarehouseBusy, True),
        (Refused, False),
        (BadSettings, False),
        (BadModel, False),
        (ChecksFailed, False),
    ],
)
def test_only_what_may_pass_by_itself_is_tried_again(error: type[RecoupError], may_retry: bool) -> None:
    with pytest.raises(dg.Failure) as raised, told_in_one_line():
        raise error("what, where, what next")
    assert raised.value.allow_retries is may_retry
    assert raised.value.description == "what, where, what next"


@pytest.mark.slow
def test_a_night_that_dagster_sees_fail_is_noted_as_an_incident(harness: DagsterHarness) -> None:
    harness.source.status = 401
    result = harness.execute("nightly")
    assert not result.success
    sensor = night_failed(harness.settings)
    context = dg.build_run_status_sensor_context(
        sensor_name=sensor.name,
        dagster_event=next(event for event in result.all_events if event.event_type is dg.DagsterEventType.RUN_FAILURE),
        dagster_instance=harness.instance,
        dagster_run=result.dagster_run,
        resources={"pipeline": harness.pipeline()},
    ).for_run_failure()
    sensor(context)
    (incident,) = newest(harness.settings.layout, are_open_only=True)
    assert (incident["kind"], incident["state"]) == ("night_failing", "open")
    assert incident["cause"].startswith("core: ")
    assert "RECOUP_API_KEY" in incident["cause"], "our own line says why"
    assert result.run_id in incident["cause"]


@pytest.mark.slow
def test_a_night_whose_report_fails_is_no_good_night(harness: DagsterHarness) -> None:
    def broken(*_: Path) -> None:
        raise ValueError("no page")

    with watchdog() as (url, called):
        harness.settings = harness.settings.model_copy(update={"heartbeat_url": SecretStr(url)})
        assert not harness.execute("nightly", write_report=broken).success
        assert harness.execute("nightly", write_report=write_report).success
        assert harness.execute("poll").success
    assert called == ["/beat/start", "/beat/fail", "/beat/start", "/beat"]
    (incident,) = newest(harness.settings.layout, are_open_only=False)
    assert (incident["kind"], incident["state"]) == ("night_failing", "recovered")
    assert snapshot_numbers(harness.settings.layout) == [1, 2]
