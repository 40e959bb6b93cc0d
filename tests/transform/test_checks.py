"""That each check catches what it is for, alone and by name, and that a sound warehouse passes all of them.

What the marts say is tested elsewhere.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.transform.check_queries import complete_over_a_hole
from tests.support.warehouse_builder import WarehouseBuilder, model, models

TESTS = Path(__file__).parents[2] / "sql" / "tests"


def sound() -> WarehouseBuilder:
    """Two tasks, a change of model, a deleted task that came back, a gap with one run recovered, attempts and tags."""
    house = WarehouseBuilder()
    due = {"schedule": "0 9 * * *", "schedule_id": "s", "timezone": "UTC"}
    house.task("t", model="new", window_run_ids=["r2"], **due).task("u", account_id="a")
    house.version("t", 1, model="old", **due, valid_from="2026-01-01T00:00:00Z", valid_to="2026-08-01T00:00:00Z")
    house.con.execute("update core.task_versions set is_current = false")
    house.version("t", 2, model="new", **due, valid_from="2026-08-01T00:00:00Z", changed_columns=["model"])
    house.version("u", 1, valid_from="2026-01-01T00:00:00Z", valid_to="2026-03-01T00:00:00Z", is_current=False)
    house.version("u", 2, valid_from="2026-04-01T00:00:00Z")
    house.run("r1", created_at="2026-07-01T09:00:00Z", outcome="failed").run("r2").run("r3", "u", is_test=True)
    house.gap("2026-08-10T09:00:00Z", "2026-08-11T09:00:00Z")
    # On the day of the hole another run was seen, so that marts of busy days only have a row there.
    house.run("r5", created_at="2026-08-10T12:00:00Z")
    house.run("r4", created_at="2026-08-11T09:00:00Z", found_by="retrieve")
    house.con.execute("update core.missing_runs set recovered_run_id = 'r4' where day(tick_at) = 11")
    house.con.execute("update core.coverage_gaps set recovered_count = 1")
    house.rows("attempts", {"attempt_id": "a1", "run_id": "r1", "status": "FAILED"})
    house.rows("run_tags", {"run_id": "r1", "tag": "account:a"})
    house.rows("responses", {"poll_id": "p1", "kind": "tasks"})
    house.rows("task_observations", {"poll_id": "p1", "task_id": "t", "verdict": "complete"})
    house.rows("publishes", {"publish_number": 1, "closed_until": "2026-08-20"})
    number = {"publish_number": 1, "date": "2026-08-10", "task_id": "t", "measure": "runs", "after_value": 1}
    house.rows("restatements", number | {"cause": "late_run", "change_value": 1})
    house.tick("2026-08-21T09:00:00Z")
    return house


@pytest.fixture(scope="module")
def house() -> WarehouseBuilder:
    built = sound()
    built.build(reporting_timezone="America/New_York")
    return built


def test_a_sound_warehouse_passes(house: WarehouseBuilder) -> None:
    assert house.failing_checks() == {}


@pytest.mark.slow
def test_an_empty_warehouse_passes() -> None:
    house = WarehouseBuilder()
    house.con.execute("delete from core.polls")
    house.build()
    assert house.failing_checks() == {}


@pytest.mark.slow
def test_checks_run_before_the_marts_exist() -> None:
    assert sound().failing_checks() == {}


CORRUPTIONS = [
    ("core.runs.unique_run_id", "insert into core.runs from core.runs where run_id = 'r1'"),
    ("core.runs.between_compute_cents", "update core.runs set compute_cents = -0.01 where run_id = 'r1'"),
    ("core.runs.total_is_the_sum", "update core.runs set total_cents = 0.0425000001 where run_id = 'r1'"),
    ("core.runs.final_runs_have_a_cost", "update core.runs set compute_cents = null, total_cents = null"),
    ("core.runs.ends_after_its_start", "update core.runs set started_at = now(), finished_at = '2026-01-01'"),
    ("core.runs.observed_forward", "update core.runs set first_observed_at = now()"),
    ("core.runs.relationship_task_id", "update core.runs set task_id = 'nobody' where run_id = 'r1'"),
    ("core.runs.relationship_status", "update core.runs set status = 'SURPRISE' where run_id = 'r1'"),
    ("core.runs.accepted_values_outcome", "update core.runs set outcome = 'odd' where run_id = 'r1'"),
    ("core.runs.accepted_values_found_by", "update core.runs set found_by = 'luck' where run_id = 'r1'"),
    ("core.runs.runs_differ_from_seed", "update core.runs set outcome = 'succeeded' where run_id = 'r1'"),
    ("marts.run_facts.not_null_date", "update marts.run_facts set date = null where run_id = 'r1'"),
    ("marts.missing_run_facts.not_null_date", "update marts.missing_run_facts set date = null"),
    ("core.attempts.relationship_run_id", "update core.attempts set run_id = 'nothing'"),
    ("core.attempts.accepted_values_status", "update core.attempts set status = 'ODD'"),
    ("core.run_tags.unique_run_id_tag", "insert into core.run_tags from core.run_tags"),
    ("core.tasks.tasks_without_version", "update core.tasks set deleted_at = now() where task_id = 't'"),
    ("core.task_versions.task_versions_overlap", "update core.task_versions set valid_from = '2026-07-31' "
     "where task_id = 't' and version_number = 2"),
    ("core.task_versions.task_versions_leave_holes", "update core.task_versions set valid_from = '2026-08-02' "
     "where task_id = 't' and version_number = 2"),
    ("core.task_versions.task_versions_miscounted", "update core.task_versions set version_number = 3 "
     "where task_id = 't' and version_number = 2"),
    ("core.task_versions.periods_are_forward", "update core.task_versions set valid_to = '2025-01-01' "
     "where task_id = 't' and version_number = 1"),
    ("core.task_versions.past_is_closed", "update core.task_versions set valid_to = null where not is_current"),
    ("core.coverage_gaps.gaps_differ_from_missing_runs", "update core.coverage_gaps set runs_missing_count = 3"),
    ("core.coverage_gaps.recovers_what_was_missing", "update core.coverage_gaps set recovered_count = 3"),
    ("core.coverage_gaps.holes_are_forward", "update core.coverage_gaps set to_at = from_at"),
    ("core.missing_runs.missing_runs_seen", "update core.missing_runs set recovered_run_id = null"),
    ("core.missing_runs.runs_recovered_twice", "update core.missing_runs set recovered_run_id = 'r4'"),
    ("core.polls.last_poll_is_suspect", "update core.polls set status = 'suspect'"),
    ("core.polls.last_poll_is_partial", "update core.polls set status = 'partial'"),
    ("core.polls.last_poll_failed", "insert into core.polls select * replace ('p2' as poll_id, 'failed' as status) "
     "from core.polls"),
    ("marts.warehouse_info.marts_are_of_another_load", "update marts.warehouse_info set last_poll_id = 'p0'"),
    ("core.polls.deletions_are_withheld", "update core.polls set deletions_withheld_count = 11"),
    ("core.polls.polls_are_stale", "update core.polls set finished_at = '2026-08-19T09:59:59Z'"),
    ("core.responses.clock_is_wrong", "update core.responses set server_at = requested_at - interval 121 seconds"),
    ("core.quarantine.last_poll_met_rejects", "insert into core.quarantine values "
     "('p1', 1, 'tasks[0]', 'task', null, null, null, 'odd', '{}')"),
    ("core.schema_changes.last_poll_met_new_keys", "insert into core.schema_changes values "
     "('tasks[].new', 'key', 'VARCHAR', now(), 'p1', 1)"),
    ("marts.failure_rates_daily.failure_rates_differ_from_runs", "update marts.failure_rates_daily "
     "set failed_count = failed_count - 1 where failed_count > 0"),
    ("marts.failure_rates_daily.ratio_within_its_bounds", "update marts.failure_rates_daily set failure_ratio = 0 "
     "where failure_ratio_low > 0"),
    ("marts.spend_daily.spend_differs_from_runs", "update marts.spend_daily set total_cents = total_cents + 1e-20 "
     "where run_count > 0"),
    ("marts.spend_daily.waste_within_total", "update marts.spend_daily set wasted_cents = total_cents + 1"),
    ("marts.fleet_daily.fleet_daily_differs_from_core", "delete from marts.fleet_daily where n > 0"),
    ("marts.spend_monthly.spend_monthly_differs_from_core", "update marts.spend_monthly "
     "set account_id = 'another' where run_count > 0"),
    ("marts.window_counts.window_counts_differ_from_core", "update marts.window_counts "
     "set failed_count = failed_count + 1 where window_days = 90"),
    ("marts.budget_status.forecast_adds_to_spend", "update marts.budget_status set forecast_low_usd = 0 "
     "where total_usd > 0"),
    ("marts.error_groups.counts_are_in_order", "update marts.error_groups set run_count_7d = 99"),
    ("marts.task_day_facts.every_run_is_somewhere", "update marts.task_day_facts set run_count = run_count + 1"),
    ("marts.task_day_facts.missing_runs_differ_between_marts", "update marts.task_day_facts "
     "set runs_missing_count = 0"),
    ("marts.coverage_facts.coverage_differs_from_core", "update marts.coverage_facts set observed_run_count = 0"),
    ("marts.coverage_daily.rows_are_others", "insert into marts.coverage_daily from marts.coverage_daily"),
    ("marts.spend_daily.rows_are_others", "insert into marts.spend_daily from marts.spend_daily"),
    ("core.day_builds.days_differ_from_full_build", "update core.day_builds set differing_day_count = 1"),
    ("marts.task_day_facts.complete_means_complete", "update marts.task_day_facts set coverage_status = 'complete'"),
    ("marts.task_health.task_health_hides_missing_runs", "update marts.task_health "
     "set coverage_status_30d = 'complete'"),
    ("marts.schedule_adherence.adherence_misses_a_run", "update marts.schedule_adherence set status = 'missed'"),
    ("marts.schedule_adherence.adherence_blames_a_hole", "update marts.schedule_adherence set status = 'missed' "
     "where unobservable_reason = 'hole'"),
    ("marts.schedule_adherence.unobservable_has_a_reason", "update marts.schedule_adherence "
     "set unobservable_reason = null"),
    ("marts.schedule_adherence.missed_has_no_run", "update marts.schedule_adherence set status = 'missed'"),
    ("marts.schedule_adherence.ran_has_a_run", "update marts.schedule_adherence set run_id = null"),
    ("marts.schedule_adherence_daily.ticks_add_up", "update marts.schedule_adherence_daily set missed_count = 2"),
    ("core.schedule_gaps.schedules_can_be_read", "update core.schedule_gaps set is_readable = false"),
    ("core.restatements.restatements_do_not_add_up", "update core.restatements set change_value = 2"),
    ("core.restatements.restatements_are_unexplained", "update core.restatements set cause = 'unexplained'"),
]  # fmt: skip
WARNINGS = {
    "core.runs.final_runs_have_a_cost",
    "core.runs.ends_after_its_start",
    "core.runs.relationship_task_id",
    "core.runs.relationship_status",
    "core.attempts.accepted_values_status",
    "core.polls.last_poll_is_suspect",
    "core.polls.last_poll_is_partial",
    "core.polls.last_poll_failed",
    "core.polls.deletions_are_withheld",
    "core.polls.polls_are_stale",
    "core.responses.clock_is_wrong",
    "core.quarantine.last_poll_met_rejects",
    "core.schema_changes.last_poll_met_new_keys",
    "core.schedule_gaps.schedules_can_be_read",
    "core.restatements.restatements_are_unexplained",
}


@pytest.mark.parametrize(("check", "corruption"), CORRUPTIONS, ids=[name for name, _ in CORRUPTIONS])
def test_a_corruption_is_caught(house: WarehouseBuilder, check: str, corruption: str) -> None:
    house.con.execute("begin")
    try:
        house.freeze(check.rpartition(".")[0])
        house.con.execute(corruption)
        found = house.failing_checks(check.rpartition(".")[0])
    finally:
        house.con.execute("rollback")
    assert found[check].failing_count >= 1
    assert found[check].severity == ("warn" if check in WARNINGS else "error")


def test_every_singular_test_has_a_corruption_that_it_catches() -> None:
    caught = {name.rsplit(".", 1)[1] for name, _ in CORRUPTIONS}
    # runs_in_force is a view over core.runs: its test is shown to fail below, with a broken view.
    assert {path.stem for path in TESTS.glob("*.sql")} - caught == {"runs_in_force_differ_from_runs"}


@pytest.mark.slow
def test_a_run_lost_by_a_view_of_runs_is_caught() -> None:
    house = sound()
    house.build()
    without = "create or replace view marts.{} as select * from ({}) where run_id != 'r1'"
    house.con.execute(without.format("run_facts", model("run_facts").sql))
    assert "marts.run_facts.rows_are_others" in house.failing_checks()
    house.con.execute(without.format("runs_in_force", model("runs_in_force").sql))
    failing = house.failing_checks()["marts.runs_in_force.runs_in_force_differ_from_runs"]
    assert failing.sample == ({"run_id": "r1"},)


COMPLETENESS = [one.name for one in models() if one.has_completeness]


@pytest.mark.parametrize("name", COMPLETENESS)
def test_no_mart_can_say_complete_over_a_hole(house: WarehouseBuilder, name: str) -> None:
    """A mart that forgot its missing runs altogether, so that its own columns agree with each other."""
    house.con.execute("begin")
    try:
        house.freeze(f"marts.{name}")
        house.con.execute(f"update marts.{name} set coverage_status = 'complete', runs_missing_count = 0")
        check = "complete_over_a_hole" if model(name).rows_of is None else "rows_are_others"
        found = house.failing_checks(f"marts.{name}")[f"marts.{name}.{check}"]
    finally:
        house.con.execute("rollback")
    # The hole is in two of the four windows, once per row that splits them.
    is_windowed = "window_days" in model(name).grain
    assert found.blocks
    assert found.failing_count > 1 if is_windowed else found.failing_count == 1
    if "date" in found.sample[0]:
        assert found.sample[0]["date"] == "2026-08-10"


def test_a_mart_of_unknown_grain_relies_on_its_own_count() -> None:
    assert complete_over_a_hole(replace(model("fleet_daily"), grain=("weather",))) is None


def test_samples_hold_keys_and_never_texts(house: WarehouseBuilder) -> None:
    house.con.execute("begin")
    try:
        house.con.execute("insert into core.run_tags from core.run_tags")
        sample = house.failing_checks("core.run_tags")["core.run_tags.unique_run_id_tag"].sample
    finally:
        house.con.execute("rollback")
    assert sample == ({"run_id": "r1"},)
