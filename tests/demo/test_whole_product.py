"""The whole demo, as the wheel runs it in an empty folder: every table and column is filled, README tells what comes out.

How the wheel is made and installed is in tests/test_wheel.py. One demo for all tests here.
"""

import re
from pathlib import Path

import duckdb
import msgspec
import pytest

from pipelines.archive.store import Archive
from pipelines.paths import Layout
from pipelines.recoup import contract
from tests.test_wheel import ROOT, Installed, environment, wheel

pytestmark = pytest.mark.slow

__all__ = ["environment", "wheel"]

# README names this instant, so that everybody gets the same numbers.
AT = "2026-11-27T12:00:00Z"
PRIVATE = "null unless RECOUP_PRIVACY_KEEP names the column"
ONE_NIGHT = "told of by the night after, and the demo has one"
CHECK_RESULTS = ("checked_at", "relation", "name", "severity", "failing_count", "snapshot_number")
RESTATEMENTS = (
    "core.restatements.item_count", "core.restatements.cause",
    "marts.restatements_daily.title", "marts.restatements_daily.causes", "marts.restatements_daily.is_unexplained",
    "marts.restatements_daily.runs_missing_count", "marts.restatements_daily.coverage_ratio",
    "marts.restatements_daily.coverage_status",
    *(
        f"{table}.{name}"
        for table in ("core.restatements", "marts.restatements_daily")
        for name in (
            "publish_number", "published_at", "date", "task_id", "measure", "before_value", "after_value", "change_value",
        )
    ),
)  # fmt: skip
EMPTY_COLUMNS = {
    "core.attempts.stack_trace": PRIVATE,
    "core.runs.env_user": PRIVATE,
    "core.runs.output": PRIVATE,
    "core.runs.payload": PRIVATE,
    "core.runs.stack_trace": PRIVATE,
    "core.tasks.owner_email": PRIVATE,
    "core.tasks.prompt": PRIVATE,
    **{f"core.check_results.{name}": ONE_NIGHT for name in CHECK_RESULTS},
    "core.incidents.closed_at": ONE_NIGHT,
    "core.publishes.compared_with": ONE_NIGHT,
    **dict.fromkeys(RESTATEMENTS, ONE_NIGHT),
}
UNKNOWN_TO_DOCUMENTATION = "in newer servers' answers only, and no column holds it"
ABSENT_FIELDS = {
    "Run.payloadPresignedUrl": "only for payloads over 512 KB",
    "Run.outputPresignedUrl": "only for outputs over 512 KB",
    "Run.title": UNKNOWN_TO_DOCUMENTATION,
    "Run.email_subject": UNKNOWN_TO_DOCUMENTATION,
}


@pytest.fixture(scope="module")
def demonstrated(wheel: Path, environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    installed = Installed(wheel, environment, tmp_path_factory.mktemp("demo"))
    told = installed.recoup("demo", "--at", AT)
    assert "SIMULATED" in told
    assert "1 poll failed" in told
    return installed


@pytest.fixture(scope="module")
def layout(demonstrated: Installed) -> Layout:
    return Layout(demonstrated.home / ".local/share/recoup-warehouse/warehouse")


def test_no_table_is_empty_and_every_column_has_a_value(layout: Layout) -> None:
    with duckdb.connect(str(layout.published_file), read_only=True) as con:
        columns = con.execute(
            "select table_schema || '.' || table_name, list(column_name) from information_schema.columns group by 1"
        ).fetchall()
        empty = []
        for table, names in columns:
            counts = ", ".join(f'count("{name}")' for name in names)
            values = con.execute(f"select {counts} from {table}").fetchone() or ()
            empty += [f"{table}.{name}" for name, count in zip(names, values, strict=True) if not count]
    assert len(columns) > 40
    assert sorted(empty) == sorted(EMPTY_COLUMNS)


@pytest.mark.parametrize(
    "told",
    [
        "from marts.budget_status where budget_state = 'over'",
        "from marts.budget_status where budget_state = 'within'",
        "from marts.task_changes where is_model_changed and failure_difference_high < 0",
        "from marts.task_changes where is_model_changed and failure_difference_low < 0 and failure_difference_high > 0",
        "from marts.anomalies where scope = 'task' and failure_verdict = 'high'",
        "from marts.task_health where is_overdue",
        "from core.runs where is_test",
        "from core.runs where not is_production",
        # The run that hangs since yesterday.
        "from core.runs, core.build_context where outcome = 'in_flight' and started_at < as_of_at - interval 6 hours",
        "from core.quarantine where level = 'task'",
        "from core.quarantine where level = 'run'",
        "from core.quarantine where level = 'attempt'",
        "from core.quarantine where level = 'field'",
        "from core.schema_changes where path like '%priority'",
        "from core.tasks where deleted_at is not null",
        "from marts.missing_run_facts where cause = 'source_outage'",
        "from marts.error_groups where is_new_this_week",
    ],
)
def test_it_shows(layout: Layout, told: str) -> None:
    with duckdb.connect(str(layout.published_file), read_only=True) as con:
        assert con.execute(told).fetchone()


def test_every_field_of_the_contract_is_answered_somewhere(layout: Layout) -> None:
    seen: dict[str, set[str]] = {"Task": set(), "Run": set(), "Attempt": set(), "Schedule": set(), "Env": set()}
    archive = Archive(layout.archive)
    for poll_id in archive.poll_ids():
        record = archive.poll(poll_id)
        for stored in record.responses if record else ():
            if stored.status == 200:
                _note(msgspec.json.decode(archive.body(stored)), seen)
    declared = {f"{name}.{key}" for name in seen for key in getattr(contract, name).__annotations__}
    found = {f"{name}.{key}" for name, keys in seen.items() for key in keys}
    assert sorted(declared - found) == sorted(ABSENT_FIELDS)


def _note(answer: object, seen: dict[str, set[str]]) -> None:
    if not isinstance(answer, dict):
        return
    for task in answer.get("tasks", ()):
        seen["Task"].update(key for key, value in task.items() if value is not None)
        for run in task["recent_runs"]:
            _note_run(run, seen)
    for run in answer.get("runs", ()):
        _note_run(run, seen)


def _note_run(run: dict[str, object], seen: dict[str, set[str]]) -> None:
    seen["Run"].update(run)
    for name, parts in (
        ("Attempt", run.get("attempts")),
        ("Schedule", [run.get("schedule")]),
        ("Env", [run.get("env")]),
    ):
        for part in parts if isinstance(parts, list) else ():
            seen[name].update(part or ())


def test_costs_are_clean_decimals(layout: Layout) -> None:
    with duckdb.connect(str(layout.published_file), read_only=True) as con:
        query = "select count(*) from core.runs where compute_cents <> round(compute_cents, 8)"
        assert con.execute(query).fetchone() == (0,)


def test_the_readme_tells_what_comes_out(demonstrated: Installed) -> None:
    readme = (ROOT / "README.md").read_text()
    assert f"demo --at {AT}" in readme
    blocks = re.findall(r"^```sql\n(.*?)\n```\n```\n(.*?)\n```$", readme, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    for query, told in blocks:
        assert demonstrated.recoup("query", query).rstrip("\n") == told, query
