"""Gaps one by one: which runs are missing, why, and what heals or never opens one."""

from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.archive.poll_record import PollEnd
from tests.support.bodies import NOON, LoadHarness, run, runs_body, task
from tests.support.coverage_helpers import DAY, HOUR, HOURLY, Source, accounted, existed


@pytest.mark.slow
def test_a_cron_changed_inside_a_hole_counts_by_both(tmp_path: Path) -> None:
    """Hourly became every 20 minutes at an unknown time: so many may be lost, not as few as by the old one."""
    harness, source = LoadHarness(tmp_path), Source(HOURLY, NOON - DAY)
    for now in (NOON + timedelta(minutes=5), NOON + timedelta(hours=4, minutes=5)):
        source.advance(now)
        harness.poll(now, [source.task(now)])
        source.schedule = "*/20 * * * *"
    runs, missing = accounted(harness)
    assert {tick for tick, _ in source.created if tick >= NOON - 4 * HOUR} == runs | missing
    assert harness.one("select schedule from core.coverage_gaps") == "*/20 * * * *"


@pytest.mark.slow
def test_what_ran_between_the_last_look_and_the_deletion_is_missing(tmp_path: Path) -> None:
    harness, source = LoadHarness(tmp_path), Source(HOURLY, NOON - DAY)
    source.advance(NOON + timedelta(minutes=5))
    harness.poll(NOON + timedelta(minutes=5), [task("other"), source.task(NOON + timedelta(minutes=5))])
    row = harness.poll(NOON + timedelta(hours=2, minutes=30), [task("other")])
    assert (row.deleted_task_count, row.missing_run_count) == (1, 2)
    gap = harness.rows("from core.coverage_gaps")[0]
    assert (gap["cause"], gap["to_at"]) == ("schedule_replaced", NOON + timedelta(hours=2, minutes=30))


@pytest.mark.slow
def test_a_task_that_was_only_hidden_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    """Taken for deleted by one poll, then back with the same schedule and all its runs in the meantime."""
    harness, source = LoadHarness(tmp_path), Source(HOURLY, NOON - DAY)
    for hours, is_hidden in ((0, False), (3, True), (9, False)):
        now = NOON + hours * HOUR + timedelta(minutes=5)
        source.advance(now)
        harness.poll(now, [task("other"), *([] if is_hidden else [source.task(now)])])
    runs, missing = accounted(harness)
    assert not runs & missing
    assert runs | missing == {tick for tick, _ in source.created if tick >= NOON - 4 * HOUR}
    assert sorted(missing) == [NOON + n * HOUR for n in (1, 2, 3, 4)]


def test_an_overflowing_window_counts_the_ticks_strictly_between(tmp_path: Path) -> None:
    harness, source = LoadHarness(tmp_path), Source(HOURLY, NOON - DAY)
    for now in (NOON + timedelta(minutes=5), NOON + timedelta(hours=8, minutes=5)):
        source.advance(now)
        harness.poll(now, [source.task(now)])
    gap = harness.rows("from core.coverage_gaps")[0]
    assert (gap["runs_missing_count"], gap["cause"]) == (3, "window_overflow")
    assert sorted(accounted(harness)[1]) == [NOON + n * HOUR for n in (1, 2, 3)]
    assert [r["verdict"] for r in harness.rows("from core.task_observations order by observed_at")] == ["first", "gap"]


@pytest.mark.slow
def test_a_run_known_before_its_hole_is_found_is_not_missing_in_it(tmp_path: Path) -> None:
    harness, source = LoadHarness(tmp_path), Source(HOURLY, NOON - DAY)
    source.advance(NOON + timedelta(minutes=5))
    harness.poll(NOON + timedelta(minutes=5), [source.task(NOON + timedelta(minutes=5))])
    known = run("run_known", NOON + HOUR, payload={"externalId": "task_1"}, attemptCount=1)
    harness.load(harness.archive_poll(NOON + 2 * HOUR, runs_body([known]), kinds=["run"], is_full_scope=False))
    source.advance(NOON + timedelta(hours=8, minutes=5))
    harness.poll(NOON + timedelta(hours=8, minutes=5), [source.task(NOON + timedelta(hours=8, minutes=5))])
    assert sorted(accounted(harness)[1]) == [NOON + n * HOUR for n in (2, 3)]
    gap = harness.rows("from core.coverage_gaps")[0]
    assert (gap["runs_missing_count"], gap["recovered_count"]) == (3, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("between", "cause"),
    [
        ("nothing", "not_polled"),
        ("outage", "source_outage"),
        ("failed", "source_outage"),
        ("replace", "schedule_replaced"),
    ],
)
def test_each_gap_says_why(tmp_path: Path, between: str, cause: str) -> None:
    harness, source = LoadHarness(tmp_path), Source(HOURLY, NOON - DAY)
    source.advance(NOON)
    harness.poll(NOON, [source.task(NOON)])
    middle, late = NOON + 10 * HOUR, NOON + 40 * HOUR
    source.advance(middle)
    if between == "outage":
        row = harness.poll(middle, [source.task(middle, outage=True)])
        assert (row.status, row.suspect_reasons) == ("suspect", ["lookup_failed_or_empty"])
    elif between == "failed":
        harness.load(harness.archive_poll(middle, end=PollEnd(middle, False, "Unreachable", "no answer")))
    elif between == "replace":
        source.schedule_id = "sched_2"
    source.advance(late)
    harness.poll(late, [source.task(late)])
    assert [row["cause"] for row in harness.rows("from core.coverage_gaps")] == [cause]


@pytest.mark.slow
def test_the_seven_day_cut_is_part_of_the_arithmetic(tmp_path: Path) -> None:
    harness, source = LoadHarness(tmp_path), Source("0 9 * * 1,2,3", NOON - 9 * DAY)
    for now in (NOON, NOON + 16 * DAY):
        source.advance(now)
        harness.poll(now, [source.task(now)])
    gap = harness.rows("from core.coverage_gaps")[0]
    assert gap["cause"] == "seven_day_cut"
    runs, missing = accounted(harness)
    assert runs | missing >= existed(harness, source)
    assert len(missing) == gap["runs_missing_count"] == 3


def test_what_happened_before_the_first_observation_is_unknown_not_missing(tmp_path: Path) -> None:
    harness, source = LoadHarness(tmp_path), Source(HOURLY, NOON - 30 * DAY)
    source.advance(NOON)
    harness.poll(NOON, [source.task(NOON)])
    assert harness.one("select count(*) from core.coverage_gaps") == 0
    assert harness.one("select observed_from_at from core.tasks") == NOON - 5 * HOUR


@pytest.mark.slow
def test_disabled_periods_expect_nothing_and_hide_at_most_their_own_edge(tmp_path: Path) -> None:
    harness, source = LoadHarness(tmp_path), Source(HOURLY, NOON - DAY)
    for hours, enabled in ((0, True), (1, False), (50, False), (51, True)):
        now = NOON + hours * HOUR + timedelta(minutes=1)
        source.advance(now)
        if enabled and not source.enabled:
            source.schedule_id = f"sched_{hours}"
        source.enabled = enabled
        harness.poll(now, [source.task(now)])
    # The run of 13:00 came between the last look at the schedule and its deletion: nobody can see it any more.
    assert sorted(accounted(harness)[1]) == [NOON + HOUR]
    assert [row["verdict"] for row in harness.rows("from core.task_observations order by observed_at")] == [
        "first",
        "schedule_replaced",
        "complete",
        "complete",
    ]


@pytest.mark.slow
def test_a_recovered_run_heals_its_gap(tmp_path: Path) -> None:
    harness, source = LoadHarness(tmp_path), Source(HOURLY, NOON - DAY)
    for hours in (0, 8):
        now = NOON + hours * HOUR + timedelta(minutes=5)
        source.advance(now)
        harness.poll(now, [source.task(now)])
    found = run("run_found", NOON + HOUR + timedelta(seconds=20), payload={"externalId": "task_1"})
    harness.load(harness.archive_poll(NOON + 9 * HOUR, runs_body([found]), kinds=["run"]))
    assert harness.rows("select runs_missing_count, recovered_count from core.coverage_gaps") == [
        {"runs_missing_count": 3, "recovered_count": 1}
    ]
    assert sorted(accounted(harness)[1]) == [NOON + 2 * HOUR, NOON + 3 * HOUR]


def test_an_unreadable_cron_makes_a_gap_of_unknown_size(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path)
    window = [run(f"run_{n}", NOON - n * HOUR) for n in range(5)]
    harness.poll(NOON, [task(schedule="every now and then", runs=window)])
    later = [run(f"late_{n}", NOON + DAY - n * HOUR) for n in range(5)]
    harness.poll(NOON + DAY, [task(schedule="every now and then", runs=later)])
    assert harness.rows("select runs_missing_count from core.coverage_gaps") == [{"runs_missing_count": None}]
