"""The simulator's ground truth is what a tireless observer would have seen, plus what nobody can see."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from pipelines.simulator import Fleet, SimRun, SimTask, Simulator
from pipelines.simulator.cron_ticks import TickSources
from tests.support.ground_truth import truth_of
from tests.support.large_fleet import large_fleet
from tests.support.simulator_helpers import START, TASK, at, get, one_task, tasks

BUSY_MIX = {
    "retried": 0.1,
    "failed": 0.1,
    "waited": 0.05,
    "expired": 0.05,
    "cancelled_in_queue": 0.05,
    "crashed": 0.05,
    "interrupted": 0.05,
}
# What the outcome of each status is for an analyst, from the contract.
OUTCOMES = {
    "COMPLETED": "succeeded",
    "CANCELED": "cancelled",
    "EXPIRED": "expired",
    **dict.fromkeys(("FAILED", "INTERRUPTED", "CRASHED", "SYSTEM_FAILURE", "TIMED_OUT"), "failed"),
}


def busy_fleet() -> Fleet:
    """Return a few tasks that do much within hours."""

    def task(number: int, cron: str, **fields: Any) -> SimTask:
        return SimTask(task_id=f"{number}0000000-0000-4000-8000-000000000000", cron=cron, mix=BUSY_MIX, **fields)

    quarter = "*/15 * * * *"
    change = {"cron": "*/10 * * * *", "timezone": "Europe/Berlin"}
    return Fleet(
        [
            task(1, "*/5 * * * *", skip_ratio=0.1),
            task(2, "*/5 * * * *", slow_ratio=0.2, slow_ms=(30_000, 20 * 60_000)),
            task(3, quarter, changes=((at(hours=2, seconds=17), change),)),
            task(4, quarter, created_at=at(hours=1, seconds=17)),
            task(5, "0 * * * *", timezone="America/New_York"),
        ],
        seed=3,
        start=START,
    )


def test_truth_is_what_a_poll_every_minute_sees() -> None:
    sim = Simulator(busy_fleet())
    seen: dict[str, dict[str, Any]] = {}
    for _ in range(6 * 60):
        sim.advance(timedelta(minutes=1))
        for task in tasks(sim):
            seen |= {run["id"]: run | {"task_id": task["id"]} for run in task["recent_runs"]}
    truth = truth_of(sim)
    assert {run.run_id for run in truth.runs} == set(seen)
    assert len(truth.runs) > 150
    settled = 0
    for run in truth.runs:
        last = seen[run.run_id]
        assert (run.task_id, run.created_at) == (last["task_id"], datetime.fromisoformat(last["createdAt"]))
        if last["status"] == run.status:
            settled += run.is_final
            assert (run.compute_cents, run.duration_ms) == (last["costInCents"], last["durationMs"])
    assert settled > 0.95 * len(truth.runs)


def test_truth_of_a_run_is_its_list_row() -> None:
    sim = Simulator(busy_fleet(), at(hours=5, minutes=0, seconds=9))
    truth = {run.run_id: run for run in truth_of(sim).runs}
    visible = [(task, run) for task in tasks(sim) for run in task["recent_runs"]]
    assert {run.run_id for run in truth.values() if run.is_visible_window} == {run["id"] for _, run in visible}
    for task, row in visible:
        run = truth[row["id"]]
        assert (run.status, run.schedule_id) == (row["status"], task["trigger_schedule_id"])
        assert (run.compute_cents, run.invocation_cents) == (row["costInCents"], row["baseCostInCents"])
        for value, name in ((run.started_at, "startedAt"), (run.finished_at, "finishedAt")):
            assert value == (datetime.fromisoformat(row[name]) if name in row else None)
        assert run.is_tagged == bool(row["tags"])
        alone = get(sim, "/api/tasks/runs", runId=run.run_id)["runs"][0]
        assert run.attempt_count == alone["attemptCount"]
        assert (run.duration_ms, run.is_test) == (row["durationMs"], row["isTest"])


def test_final_runs_have_the_outcome_of_their_status() -> None:
    runs = truth_of(Simulator(busy_fleet(), at(days=2))).runs
    final = [run for run in runs if run.is_final]
    assert {run.status for run in final} >= {"COMPLETED", "FAILED", "EXPIRED", "CANCELED", "CRASHED", "INTERRUPTED"}
    assert all(run.outcome == OUTCOMES[run.status] for run in final)
    assert all(run.outcome == "in_flight" for run in runs if not run.is_final)


def test_every_tick_of_an_enabled_schedule_ran_or_was_skipped() -> None:
    truth = truth_of(Simulator(busy_fleet(), at(hours=6, minutes=2)))
    counts = Counter((tick.task_id[0], tick.status) for tick in truth.ticks)
    assert counts["1", "ran"] + counts["1", "skipped"] == 12 * 6 + 1
    assert counts["1", "skipped"] > 0
    assert counts["3", "ran"] == 9 + 6 * 4 - 1 + 1
    assert counts["4", "ran"] == 4 * 5
    assert {tick.run_id for tick in truth.ticks if tick.run_id} == {run.run_id for run in truth.runs}


def test_ticks_stop_while_disabled_and_after_deletion() -> None:
    periods = ((START, at(hours=2.5)), (at(hours=4.5), None))
    sim = one_task(cron="0 * * * *", enabled=periods, deleted_at=at(hours=6.5))
    sim.set_now(at(hours=9))
    truth = truth_of(sim)
    assert [tick.tick_at.hour for tick in truth.ticks] == [0, 1, 2, 5, 6]
    assert len({run.schedule_id for run in truth.runs}) == 2
    assert not any(run.is_visible_window for run in truth.runs)
    assert [task.is_deleted for task in truth.tasks] == [True]


def test_truth_until_an_instant_leaves_out_what_is_not_yet_visible() -> None:
    sim = one_task(cron="0 * * * *", duration_ms=(20_000, 20_000))
    assert truth_of(sim, until=at(hours=1)).runs == truth_of(sim, until=at(hours=0.5)).runs
    live = truth_of(sim, until=at(hours=1, seconds=9)).runs[-1]
    assert (live.status, live.outcome, live.is_final) == ("EXECUTING", "in_flight", False)
    assert (live.compute_cents, live.finished_at) == (Decimal(0), None)


def test_stated_runs_are_the_truth_and_other_ticks_were_skipped() -> None:
    runs = (
        SimRun(created_at=at(hours=1), kind="failed", duration_ms=30_000),
        SimRun(created_at=at(hours=2.5), is_test=True, run_id="run_by_hand"),
    )
    sim = one_task(cron="0 * * * *", runs=runs)
    sim.set_now(at(hours=3.5))
    truth = truth_of(sim)
    assert [(run.status, run.is_test) for run in truth.runs] == [("FAILED", False), ("COMPLETED", True)]
    assert [tick.status for tick in truth.ticks] == ["skipped", "ran", "skipped", "skipped"]
    assert [run["id"] for run in tasks(sim)[0]["recent_runs"]][0] == "run_by_hand"
    assert get(sim, "/api/tasks/runs", runId="run_by_hand")["runs"][0]["isTest"] is True


def test_costs_are_clean_decimals() -> None:
    runs = truth_of(Simulator(busy_fleet(), at(days=1))).runs
    assert all(run.compute_cents == Decimal(run.duration_ms * 169).scaleb(-8) for run in runs)
    assert max(run.attempt_count for run in runs) == 3
    assert min(len(str(run.invocation_cents)) for run in runs) == 1  # expired: never dequeued


@pytest.mark.parametrize(
    ("zone", "cron"),
    [
        ("Europe/Berlin", "5 * * * *"),
        ("America/Santiago", "20 * * * *"),
        ("Australia/Lord_Howe", "20 * * * *"),
        ("Asia/Kathmandu", "20 * * * *"),
    ],
)
def test_ticks_are_those_of_the_zone_through_both_clock_changes(zone: str, cron: str) -> None:
    start = datetime(2026, 3, 20, tzinfo=UTC)
    source = TickSources(int(start.timestamp())).get(cron, zone)
    for day in (0, 10, 190):
        low = start + timedelta(days=day)
        oracle = CronSim(cron, low.astimezone(ZoneInfo(zone)))
        assert source.after(int(low.timestamp()), 200) == [int(next(oracle).timestamp()) for _ in range(200)]


SUPPORT = Path(__file__).parents[1] / "support"
RECORDED = json.loads((SUPPORT / "data" / "cron_parser_ticks.json").read_text())


@pytest.mark.parametrize(
    "expression", sorted({line[0] for line in RECORDED if re.fullmatch(r"[\d*/,]+ [\d*/,]+ \* \* [\d*]", line[0])})
)
@pytest.mark.slow
def test_clock_changes_go_as_the_scheduler_itself_answered(expression: str) -> None:
    lines = [line for line in RECORDED if line[0] == expression]
    assert lines
    for _, zone, after, until, ticks in lines:
        low, high = (int(datetime.fromisoformat(text).timestamp()) for text in (after, until))
        source = TickSources(low - 86_400).get(expression, zone)
        # One more than are due: so a tick too many shows as well as one too few.
        found = source.after(low, len(ticks) + 1)
        assert [tick for tick in found if tick < high] == [
            int(datetime.fromisoformat(text).timestamp()) for text in ticks
        ]


def test_daily_ticks_across_a_missing_and_a_repeated_hour() -> None:
    sources = TickSources(int(datetime(2026, 3, 27, tzinfo=UTC).timestamp()))
    berlin = sources.get("30 2 * * *", "Europe/Berlin")

    def texts(day: datetime) -> list[str]:
        ticks = berlin.after(int(day.timestamp()), 3)
        return [datetime.fromtimestamp(tick, UTC).strftime("%m-%d %H:%M") for tick in ticks]

    assert texts(datetime(2026, 3, 28, tzinfo=UTC)) == ["03-28 01:30", "03-29 01:30", "03-30 00:30"]
    assert texts(datetime(2026, 10, 24, tzinfo=UTC)) == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]


@pytest.mark.slow
def test_the_demo_has_one_of_every_trouble() -> None:
    sim = Simulator(Fleet.demo(seed=7, start=START), at(days=14))
    truth = truth_of(sim)
    assert len(truth.tasks) == 28
    assert len(sim.fleet.account_ids) == 3
    assert sum(task.is_deleted for task in truth.tasks) == 1
    assert {run.status for run in truth.runs} >= {"COMPLETED", "FAILED", "TIMED_OUT", "EXPIRED", "CANCELED", "CRASHED"}
    by_task = Counter(run.task_id for run in truth.runs)
    never = [task for task in truth.tasks if not by_task[task.task_id]]
    assert {"Weekly Genre Pulse Check", "New Year catalogue audit"} <= {task.title for task in never}
    schedules = {(run.task_id, run.schedule_id) for run in truth.runs}
    assert len(schedules) == len(by_task) + 1  # one was re-enabled
    assert all(run.created_at >= START for run in truth.runs)


def test_history_gives_runs_before_the_start() -> None:
    sim = Simulator(Fleet.demo(seed=7, start=START, history=timedelta(days=8)), START)
    assert min(run.created_at for run in truth_of(sim).runs) < at(days=-7)
    assert any(len(task["recent_runs"]) == 5 for task in tasks(sim))


def test_the_large_fleet_has_all_cadences_zones_and_lives() -> None:
    fleet = large_fleet(seed=5, start=START, days=10, tasks=40)
    assert len(fleet.tasks) == 40
    assert len({task.timezone for task in fleet.tasks}) == 4
    assert {task.title.split()[0] for task in fleet.tasks} == {
        *("5-minute", "15-minute", "Hourly", "6-hourly", "Daily", "Weekly", "Monthly")
    }
    assert any(task.deleted_at for task in fleet.tasks)
    assert any(len(task.enabled or ()) == 2 for task in fleet.tasks)
    assert any(change.get("cron") for task in fleet.tasks for _, change in task.changes)
    truth = truth_of(Simulator(fleet, at(days=1)))
    assert len({run.run_id for run in truth.runs}) == len(truth.runs) > 1000
    assert {tick.status for tick in truth.ticks} == {"ran", "skipped"}


def test_a_task_of_its_own_id_is_found_among_many() -> None:
    sim = Simulator(large_fleet(seed=5, start=START, days=10, tasks=40), at(days=1))
    for run in truth_of(sim).runs[::97]:
        assert get(sim, "/api/tasks/runs", runId=run.run_id)["runs"][0]["payload"]["externalId"] == run.task_id
    assert TASK not in {task.task_id for task in truth_of(sim).tasks}
