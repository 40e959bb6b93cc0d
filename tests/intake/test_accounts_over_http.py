"""One account of several fails over real HTTP: what the others told is loaded, told and published, and rebuilt alike."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.cli import main as cli
from pipelines.cli.doctor.history import examine_history
from pipelines.clock import fixed
from pipelines.database.connection import Warehouse, open_published
from pipelines.definitions import build_defs
from pipelines.errors import Refused, Unreachable
from pipelines.ingest.poll import poll
from pipelines.load.rebuild import rebuild
from pipelines.settings import Settings
from pipelines.simulator import Fault, Fleet, SimTask, Simulator, serve

START = datetime(2026, 8, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACCOUNTS = [f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abc"]
A, B, C = ACCOUNTS


@pytest.fixture(scope="module")
def simulated() -> Iterator[tuple[Simulator, str]]:
    tasks = [
        SimTask(
            task_id=f"{account[:8]}-1111-4000-8000-00000000000{number}",
            account_id=account,
            cron="*/30 * * * *",
            # One task of A is deleted between the two polls.
            deleted_at=START + 2.5 * HOUR if account == A and number else None,
        )
        for account in ACCOUNTS
        for number in range(2)
    ]
    simulator = Simulator(Fleet(tasks, seed=3, start=START), now=START)
    with serve(simulator) as origin:
        yield simulator, origin


@pytest.fixture
def api(
    simulated: tuple[Simulator, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Simulator, Settings]]:
    """A warehouse with one good poll, and the settings in the environment, for commands."""
    simulator, origin = simulated
    simulator.clear_faults()
    simulator.set_now(START + 2 * HOUR)
    monkeypatch.chdir(tmp_path)
    given = {
        "WAREHOUSE_DIR": tmp_path / "w", "API_URL": origin, "API_KEY": "recoup_sk_simulated", "PRIVACY_KEY": "k",
        "ACCOUNT_IDS": ",".join(ACCOUNTS).upper(), "MAX_ATTEMPTS": 1, "RUN_DETAILS": "off", "TIMEOUT_SECONDS": 2,
        "MAX_BODY_MEGABYTES": 1,
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(f"RECOUP_{name}", str(value))
    settings = Settings.load()
    poll(settings, clock=lambda: simulator.now)
    simulator.set_now(START + 3 * HOUR)
    yield simulator, settings


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with Warehouse.of(settings).write() as con:
        return con.execute(query).fetchall()


def state(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    names = "select table_name from duckdb_tables() where schema_name = 'core'"
    return {name: sorted(rows(settings, f"from core.{name}"), key=repr) for (name,) in sorted(rows(settings, names))}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("forbidden", "403"),
        pytest.param("rate_limited", "429", marks=pytest.mark.slow),
        pytest.param("server_error", "500", marks=pytest.mark.slow),
        pytest.param("gateway_timeout", "504", marks=pytest.mark.slow),
        pytest.param("body_too_large", "500", marks=pytest.mark.slow),
        pytest.param("slow", "no answer within", marks=pytest.mark.slow),
        pytest.param("disconnect", "broke", marks=pytest.mark.slow),
        pytest.param("html", "HTML", marks=pytest.mark.slow),
        pytest.param("malformed", "JSON", marks=pytest.mark.slow),
        pytest.param("truncated", "GET /api/tasks", marks=pytest.mark.slow),
        pytest.param("empty_body", "empty", marks=pytest.mark.slow),
        pytest.param("error_with_200", "status error", marks=pytest.mark.slow),
        pytest.param("oversized", "RECOUP_MAX_BODY_MEGABYTES", marks=pytest.mark.slow),
    ],
)
def test_each_failure_of_one_account_costs_it_alone(api: tuple[Simulator, Settings], kind: str, said: str) -> None:
    simulator, settings = api
    simulator.add_fault(Fault(kind=kind, account_id=B, seconds=3, size_bytes=2_000_000))
    row = poll(settings, clock=lambda: simulator.now)
    assert (row.status, row.unanswered_account_ids, row.task_count) == ("partial", [B], 3)
    assert row.error_message is not None and said in row.error_message and B in row.error_message
    seen = dict(rows(settings, "select account_id, max(last_seen_at) from core.tasks group by account_id"))
    assert (seen[A], seen[B], seen[C]) == (START + 3 * HOUR, START + 2 * HOUR, START + 3 * HOUR)
    gone = rows(settings, "select account_id, deleted_at from core.tasks where deleted_at is not null")
    assert gone == [(A, START + 3 * HOUR)]
    before = state(settings)
    assert [row[0] for row in rows(settings, "select status from core.polls order by poll_id")] == [
        "succeeded",
        "partial",
    ]
    rebuild(settings)
    assert state(settings) == before


@pytest.mark.slow
def test_a_403_that_passes_by_itself_costs_nothing(api: tuple[Simulator, Settings]) -> None:
    simulator, settings = api
    simulator.add_fault(Fault(kind="forbidden", account_id=B, times=1))
    row = poll(settings.model_copy(update={"max_attempts": 2}), clock=lambda: simulator.now)
    assert (row.status, row.unanswered_account_count, row.task_count) == ("succeeded", 0, 5)


@pytest.mark.slow
def test_a_refused_key_ends_the_poll_whichever_account_met_it(api: tuple[Simulator, Settings]) -> None:
    simulator, settings = api
    simulator.add_fault(Fault(kind="unauthorized", account_id=B))
    with pytest.raises(Refused, match="RECOUP_API_KEY"):
        poll(settings, clock=lambda: simulator.now)
    assert rows(settings, "select status, task_count from core.polls order by poll_id desc limit 1") == [("failed", 0)]


@pytest.mark.slow
def test_no_answer_at_all_is_a_failed_poll_with_the_first_error(api: tuple[Simulator, Settings]) -> None:
    simulator, settings = api
    simulator.add_fault(Fault(kind="server_error", account_id=A))
    simulator.add_fault(Fault(kind="forbidden"))
    before = rows(settings, "from core.tasks order by all")
    with pytest.raises(Unreachable, match=A):
        poll(settings, clock=lambda: simulator.now)
    assert rows(settings, "from core.tasks order by all") == before
    last = "select status, unanswered_account_count, error_kind from core.polls order by poll_id desc limit 1"
    assert rows(settings, last) == [("failed", 3, "Unreachable")]
    kept = state(settings)
    rebuild(settings)
    assert state(settings) == kept


@pytest.mark.slow
def test_the_commands_load_publish_and_then_say_so(
    api: tuple[Simulator, Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    simulator, settings = api
    simulator.set_now(START + 4 * HOUR)
    simulator.add_fault(Fault(kind="server_error", account_id=B))
    at = ("--at", simulator.now.isoformat())
    assert cli.run(["poll", *at]) == 12
    told = capsys.readouterr()
    assert "poll partial: 3 tasks" in told.out
    assert "1 of 3 accounts did not answer" in told.err and B in told.err
    assert cli.run(["nightly", *at]) == 12
    told = capsys.readouterr()
    assert "published snapshot 1" in told.out and "last_poll_is_partial" in told.err
    known = (
        "select account_id, coverage_status from core.tasks inner join marts.task_coverage using (task_id) "
        "where deleted_at is null group by all order by all"
    )
    with open_published(settings.layout) as con:
        assert con.execute("select last_poll_status from marts.warehouse_info").fetchall() == [("partial",)]
        assert con.execute(known).fetchall() == [(A, "complete"), (B, "unknown"), (C, "complete")]
    told_by_doctor = doctor(settings, START + 4 * HOUR)
    assert "missed some accounts" in told_by_doctor and B in told_by_doctor


@pytest.mark.slow
def test_dagster_counts_a_partial_poll_as_done_and_warns(api: tuple[Simulator, Settings]) -> None:
    simulator, settings = api
    simulator.add_fault(Fault(kind="server_error", account_id=B))
    job = build_defs(settings=settings, clock=lambda: simulator.now).resolve_job_def("poll")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=True)
    assert result.success
    (polls,) = [
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key and event.asset_key.path[-1] == "polls"
    ]
    assert polls.materialization.metadata["status"].value == "partial"
    assert polls.materialization.metadata["unanswered_account_count"].value == 1


def doctor(settings: Settings, now: datetime) -> str:
    return "\n".join(f"{finding.text}: {finding.advice}" for finding in examine_history(settings, fixed(now)))


@pytest.mark.slow
def test_the_doctor_tells_an_emptied_account_what_to_do(api: tuple[Simulator, Settings]) -> None:
    _, settings = api
    nobody = "dddddddd-0000-4000-8000-000000000000"
    empty = settings.model_copy(update={"account_ids": (nobody,)})
    poll(empty, clock=fixed(START + 3 * HOUR))
    rows(settings, f"update core.tasks set account_id = '{nobody}' where account_id = '{A}'")
    assert poll(empty, clock=fixed(START + 4 * HOUR)).suspect_reasons == ["account_empty"]
    told = doctor(settings, START + 4 * HOUR)
    assert "--accept-deletions" in told and nobody in told and "no need to act" not in told
