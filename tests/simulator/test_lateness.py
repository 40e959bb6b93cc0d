"""Runs that are inserted before or after their ticks, ticks that get no run, and the zone after enabling again."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from pipelines.simulator import Fault, Lateness, SimRun, Simulator
from tests.support.ground_truth import TruthTick, truth_of
from tests.support.simulator_helpers import START, at, get, one_task, recent, tasks

LISTED = timedelta(seconds=3)  # a list shows a run at most so long after its insertion


def quarters(**lateness: Any) -> Simulator:
    """Return a simulator with one task of every five minutes, early in the world."""
    return one_task(cron="*/5 * * * *", lateness=Lateness(**lateness))


def minutes(sim: Simulator) -> list[int]:
    """Return the minutes after START of the window's runs."""
    return [int((datetime.fromisoformat(run["createdAt"]) - START).total_seconds() // 60) for run in recent(sim)]


def ticks_of(sim: Simulator, until: datetime) -> list[TruthTick]:
    """Return the ticks until an instant."""
    sim.set_now(until)
    return truth_of(sim).ticks


def lags(ticks: list[TruthTick]) -> list[float]:
    """Return by how many seconds each run was inserted after its tick."""
    return [(tick.inserted_at - tick.tick_at).total_seconds() for tick in ticks if tick.inserted_at is not None]


def test_without_lateness_a_run_is_inserted_at_its_tick() -> None:
    assert quarters().fleet.tasks[0].lateness == Lateness()
    stated, plain = lags(ticks_of(quarters(), at(days=2))), lags(ticks_of(one_task(cron="*/5 * * * *"), at(days=2)))
    assert stated == plain
    assert len(plain) == 2 * 288
    assert 0 < min(plain) < max(plain) < 1


def test_a_schedule_has_one_offset_after_all_its_ticks_and_another_schedule_another() -> None:
    sim = one_task(
        cron="0 * * * *", enabled=((START, at(days=2)), (at(days=3), None)), lateness=Lateness(spread_s=3600 * 5)
    )
    sim.set_now(at(days=6))
    runs, offsets = truth_of(sim).runs, {}
    for schedule in {run.schedule_id for run in runs}:
        lag = [run.inserted_at - run.created_at for run in runs if run.schedule_id == schedule]
        assert max(lag) - min(lag) < timedelta(seconds=1)
        assert timedelta(0) < min(lag) < timedelta(hours=5, seconds=1)
        offsets[schedule] = min(lag)
    assert len({offset // timedelta(seconds=1) for offset in offsets.values()}) == 2
    assert not {tick.reason for tick in truth_of(sim).ticks} - {None, "replaced"}


def test_an_early_run_is_listed_before_its_tick_and_a_late_one_only_after_its_insertion() -> None:
    for run_at, inserted_at in ((at(hours=1), at(minutes=59, seconds=35)), (at(hours=1), at(hours=1, minutes=9))):
        runs = (
            SimRun(created_at=at(minutes=55)),
            SimRun(created_at=run_at, inserted_at=inserted_at, run_id="run_hand"),
        )
        sim = one_task(cron="*/5 * * * *", runs=runs)
        sim.set_now(inserted_at)
        assert minutes(sim) == [55]
        get(sim, "/api/tasks/runs", runId="run_hand", status=500)
        sim.set_now(inserted_at + LISTED)
        assert minutes(sim) == [60, 55]
        newest = recent(sim)[0]
        assert newest["createdAt"] == "2026-08-17T01:00:00.000Z"
        assert inserted_at < datetime.fromisoformat(newest["updatedAt"])
        assert get(sim, "/api/tasks/runs", runId="run_hand")["runs"][0]["createdAt"] == newest["createdAt"]
        assert [run.run_id for run in truth_of(sim).runs if run.is_visible_window][-1] == "run_hand"


def test_drawn_runs_come_up_to_half_a_minute_early_or_minutes_late() -> None:
    found = lags(ticks_of(one_task(cron="0 * * * *", lateness=Lateness(early_s=30, late_ratio=0.1)), at(days=60)))
    early, late = ([lag for lag in found if lag < 1], [lag for lag in found if lag >= 1])
    assert -30 <= min(early) < -20
    assert 120 <= min(late) < max(late) <= 601
    assert 0.07 < len(late) / len(found) < 0.13


def test_windows_show_what_the_truth_says_was_inserted_whatever_was_asked_before() -> None:
    def window(sim: Simulator, now: datetime) -> list[str]:
        sim.set_now(now)
        return [run["createdAt"] for run in recent(sim)]

    options: dict[str, Any] = {"spread_s": 10, "early_s": 30, "late_ratio": 0.3}
    instants = [at(days=2, seconds=seconds) for seconds in range(0, 7200, 17)]
    sim, other = quarters(**options), quarters(**options)
    seen = {now: window(sim, now) for now in instants}
    runs = truth_of(other, at(days=3)).runs
    for now in reversed(instants):
        shown = sorted((run.created_at for run in runs if run.listed_at <= now), reverse=True)[:5]
        assert [datetime.fromisoformat(text) for text in seen[now]] == shown
        assert window(other, now) == seen[now]
    assert any(shown and datetime.fromisoformat(shown[0]) > now for now, shown in seen.items()), "some are early"


@pytest.mark.parametrize("seconds", [-1, 0.1])
def test_after_a_stall_one_late_run_comes_and_the_ticks_that_passed_never_make_one(seconds: float) -> None:
    sim = quarters(stalls=((at(hours=1, seconds=seconds), at(hours=1, minutes=17)),))
    sim.set_now(at(hours=1, minutes=16))
    assert minutes(sim) == [55, 50, 45, 40, 35]
    sim.set_now(at(hours=1, minutes=17) + LISTED)
    assert minutes(sim) == [60, 55, 50, 45, 40]
    late = recent(sim)[0]
    assert late["createdAt"] == "2026-08-17T01:00:00.000Z"
    assert late["updatedAt"] >= "2026-08-17T01:17:00.000Z"
    sim.set_now(at(hours=1, minutes=31))
    assert minutes(sim) == [90, 85, 80, 60, 55]
    told = {tick.tick_at: tick for tick in truth_of(sim).ticks}
    assert lags([told[at(hours=1)]])[0] >= 17 * 60
    skipped = [tick for tick in told.values() if tick.status == "skipped"]
    assert [(tick.tick_at, tick.reason, tick.run_id) for tick in skipped] == [
        (at(hours=1, minutes=minute), "stall", None) for minute in (5, 10, 15)
    ]


def test_a_tick_that_waits_is_pending_and_one_whose_schedule_goes_is_replaced() -> None:
    stall = ((at(hours=1, seconds=-1), at(hours=3)),)
    sim = one_task(cron="0 * * * *", lateness=Lateness(stalls=stall), enabled=((START, at(hours=2.5)),))
    assert [tick.status for tick in ticks_of(sim, at(hours=1.5))] == ["ran", "skipped"]
    assert [tick.reason for tick in ticks_of(sim, at(hours=4))] == [None, "replaced", "replaced"]
    waits = one_task(cron="0 * * * *", lateness=Lateness(stalls=stall))
    assert [tick.status for tick in ticks_of(waits, at(hours=1.5))] == ["ran", "pending"]
    assert [tick.status for tick in ticks_of(waits, at(hours=3.1))] == ["ran", "ran", "skipped", "skipped"]


def test_runs_of_one_schedule_never_come_out_of_order() -> None:
    stalls = tuple((at(hours=hour, minutes=3), at(hours=hour, minutes=41)) for hour in range(0, 400, 9))
    sim = quarters(spread_s=60, early_s=30, late_ratio=0.3, late_s=(60, 1500), stalls=stalls)
    sim.set_now(at(days=20))
    truth = truth_of(sim)
    inserted = [run.inserted_at for run in sorted(truth.runs, key=lambda run: run.created_at)]
    assert inserted == sorted(inserted)
    assert not any(begins <= instant < ends for instant in inserted for begins, ends in stalls)
    assert {(tick.status, tick.reason) for tick in truth.ticks} == {("ran", None), ("skipped", "stall")}
    for run in truth.runs[::97]:
        assert get(sim, "/api/tasks/runs", runId=run.run_id)["runs"][0]["id"] == run.run_id


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Sydney"])
def test_enabling_again_makes_a_schedule_in_utc(zone: str) -> None:
    periods = ((START, at(days=2.5)), (at(days=3.5), None))
    sim = one_task(cron="0 9 * * *", timezone=zone, enabled=periods)
    sim.set_now(at(days=2.2))
    before = tasks(sim)[0]
    assert before["timezone"] == zone
    assert not before["recent_runs"][0]["createdAt"].endswith("T09:00:00.000Z")
    sim.set_now(at(days=5))
    after = tasks(sim)[0]
    assert after["timezone"] == "UTC"
    assert after["trigger_schedule_id"] not in {None, before["trigger_schedule_id"]}
    assert [run["createdAt"][8:16] for run in after["recent_runs"]] == ["21T09:00"]
    assert after["upcoming"][0] == "2026-08-22T09:00:00.000Z"
    alone = get(sim, "/api/tasks/runs", runId=after["recent_runs"][0]["id"])["runs"][0]
    assert alone["payload"]["timezone"] == "UTC"


def test_a_zone_named_after_enabling_again_holds() -> None:
    periods = ((START, at(days=1.5)), (at(days=2.5), None))
    changes = ((at(days=1), {"timezone": "Europe/Berlin"}), (at(days=4.5), {"timezone": "America/Santiago"}))
    sim = one_task(cron="0 9 * * *", timezone="America/New_York", enabled=periods, changes=changes)
    zones = []
    for days in (0.5, 1.2, 2.0, 3.0, 5.0):
        sim.set_now(at(days=days))
        zones.append(tasks(sim)[0]["timezone"])
    assert zones == ["America/New_York", "Europe/Berlin", None, "UTC", "America/Santiago"]


def test_stated_runs_take_their_insertion_from_themselves() -> None:
    with pytest.raises(ValueError, match="inserted_at"):
        one_task(runs=(), lateness=Lateness())


def test_the_older_copy_of_an_early_run_is_older() -> None:
    sim = one_task(cron="0 * * * *", runs=(SimRun(created_at=at(hours=1), inserted_at=at(minutes=59, seconds=35)),))
    sim.add_fault(Fault(kind="duplicate_run"))
    sim.set_now(at(minutes=59, seconds=45))
    run, older = recent(sim)
    assert older["updatedAt"] < run["updatedAt"] < run["createdAt"]
