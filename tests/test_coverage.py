"""Coverage: every run that existed is in the warehouse or is counted as missing, never both, whatever happened."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import cron
from pipelines.archive import PollEnd
from tests.bodies import NOON, Bench, body, few, iso, run, runs_body, task

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOURLY, DAILY, WEEKLY = "0 * * * *", "0 9 * * *", "0 9 * * 1"


class Source:
    """What the API would show of one task whose every tick runs: five runs, of seven days, of the current schedule."""

    def __init__(self, schedule: str, began: datetime) -> None:
        self.schedule = schedule
        self.began = began
        self.schedule_id = "sched_1"
        self.enabled = True
        self.created: list[tuple[datetime, str]] = []
        self._now = began

    def advance(self, now: datetime) -> None:
        """Let the ticks up to `now` run."""
        if self.enabled:
            ticks = cron.ticks(self.schedule, "UTC", self._now, now + timedelta(microseconds=1))
            self.created += [(tick, self.schedule_id) for tick in ticks]
        self._now = now

    def shown(self, now: datetime) -> list[dict]:
        listed = [
            tick
            for tick, schedule_id in self.created
            if schedule_id == self.schedule_id and now - 7 * DAY < tick <= now - timedelta(seconds=2)
        ]
        return [run(f"run_{tick:%Y%m%dT%H%M}", tick) for tick in listed[-5:]][::-1]

    def task(self, now: datetime, *, outage: bool = False) -> dict:
        if not self.enabled:
            return task(schedule=self.schedule, enabled=False, trigger_schedule_id=None, timezone=None)
        if outage:
            return task(schedule=self.schedule, trigger_schedule_id=self.schedule_id, timezone=None)
        return task(schedule=self.schedule, trigger_schedule_id=self.schedule_id, runs=self.shown(now))


def accounted(bench: Bench) -> tuple[set[datetime], set[datetime]]:
    """Return the creation times of observed runs and the ticks still counted missing."""
    runs = {row["created_at"] for row in bench.rows("from core.runs")}
    missing = {row["tick_at"] for row in bench.rows("from core.missing_runs where recovered_run_id is null")}
    return runs, missing


def existed(bench: Bench, source: Source) -> set[datetime]:
    """Return the true runs of the time that the warehouse answers for; the last minute may not be listed yet."""
    row = bench.rows("from core.tasks")[0]
    until = row["observed_until_at"] - timedelta(seconds=60)
    return {tick for tick, _ in source.created if row["observed_from_at"] <= tick < until}


steps = st.lists(
    st.tuples(st.integers(1, 70), st.sampled_from(["poll", "poll", "poll", "outage", "failed", "nothing"])),
    min_size=2,
    max_size=9,
)


@few
@given(steps, st.sampled_from([(HOURLY, 0.4), (DAILY, 5), (WEEKLY, 9)]), st.integers(0, 3599))
def test_any_interleaving_of_polls_runs_and_outages_keeps_the_sum(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[int, str]], cadence: tuple[str, float], offset: int
) -> None:
    bench = Bench(tmp_path_factory.mktemp("sum"))
    schedule, hours = cadence
    now = NOON + timedelta(seconds=offset)
    source = Source(schedule, now - 9 * DAY)
    for step, kind in [(0, "poll"), *plan, (1, "poll")]:
        now += step * hours * HOUR
        source.advance(now)
        if kind == "failed":
            bench.load(bench.archive_poll(now, body([]), end=PollEnd(now, False, "Unreachable", "no answer")))
        elif kind != "nothing":
            bench.poll(now, [source.task(now, outage=kind == "outage")])
    runs, missing = accounted(bench)
    assert not runs & missing, "nothing is counted twice"
    assert runs <= {tick for tick, _ in source.created}, "no run is invented"
    truth = existed(bench, source)
    answered = {tick for tick in runs | missing if min(truth, default=now) <= tick <= max(truth, default=now)}
    assert answered == truth


@few
@given(
    st.lists(
        st.tuples(
            st.integers(1, 30), st.sampled_from(["poll", "poll", "outage", "nothing", "off", "on", "recron", "gone"])
        ),
        min_size=3,
        max_size=7,
    )
)
def test_whatever_becomes_of_the_schedule_no_run_is_lost_unseen(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[int, str]]
) -> None:
    """Schedules replaced, changed and deleted where nobody looks: then the count may be too high, never too low.

    One change between two looks: what began and ended between them has left no trace at all.
    """
    bench, source = Bench(tmp_path_factory.mktemp("bound")), Source(HOURLY, NOON - DAY)
    now, is_gone, has_changed = NOON, False, False
    for step, kind in [(0, "poll"), *plan, (1, "poll"), (1, "poll")]:
        now += step * HOUR + timedelta(seconds=17)
        source.advance(now)
        if kind in ("poll", "outage"):
            shown = [] if is_gone else [source.task(now, outage=kind == "outage")]
            bench.poll(now, [task("other", trigger_schedule_id=None), *shown])
            has_changed &= kind == "outage"
            continue
        if has_changed or kind == "nothing":
            continue
        has_changed = True
        if kind in ("off", "on"):
            source.schedule_id += "" if source.enabled or kind == "off" else "'"
            source.enabled = kind == "on" and not is_gone
        elif kind == "recron":
            source.schedule = "*/20 * * * *" if source.schedule == HOURLY else HOURLY
        elif kind == "gone":
            is_gone, source.enabled = True, False
    runs, missing = accounted(bench)
    assert not runs & missing, "nothing is counted twice"
    row = bench.rows("from core.tasks where task_id = 'task_1'")[0]
    until = row["deleted_at"] or row["observed_until_at"] - timedelta(seconds=60)
    existed = {tick for tick, _ in source.created if row["observed_from_at"] <= tick < until}
    assert existed <= runs | missing
    assert runs <= {tick for tick, _ in source.created}, "no run is invented"


def test_a_cron_changed_inside_a_hole_counts_by_both(tmp_path: Path) -> None:
    """Hourly became every 20 minutes at an unknown time: so many may be lost, not as few as by the old one."""
    bench, source = Bench(tmp_path), Source(HOURLY, NOON - DAY)
    for now in (NOON + timedelta(minutes=5), NOON + timedelta(hours=4, minutes=5)):
        source.advance(now)
        bench.poll(now, [source.task(now)])
        source.schedule = "*/20 * * * *"
    runs, missing = accounted(bench)
    assert {tick for tick, _ in source.created if tick >= NOON - 4 * HOUR} == runs | missing
    assert bench.one("select schedule from core.coverage_gaps") == "*/20 * * * *"


def test_what_ran_between_the_last_look_and_the_deletion_is_missing(tmp_path: Path) -> None:
    bench, source = Bench(tmp_path), Source(HOURLY, NOON - DAY)
    source.advance(NOON + timedelta(minutes=5))
    bench.poll(NOON + timedelta(minutes=5), [task("other"), source.task(NOON + timedelta(minutes=5))])
    row = bench.poll(NOON + timedelta(hours=2, minutes=30), [task("other")])
    assert (row["deleted_task_count"], row["missing_run_count"]) == (1, 2)
    gap = bench.rows("from core.coverage_gaps")[0]
    assert (gap["cause"], gap["to_at"]) == ("schedule_replaced", NOON + timedelta(hours=2, minutes=30))


def test_a_task_that_was_only_hidden_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    """Taken for deleted by one poll, then back with the same schedule and all its runs in the meantime."""
    bench, source = Bench(tmp_path), Source(HOURLY, NOON - DAY)
    for hours, is_hidden in ((0, False), (3, True), (9, False)):
        now = NOON + hours * HOUR + timedelta(minutes=5)
        source.advance(now)
        bench.poll(now, [task("other"), *([] if is_hidden else [source.task(now)])])
    runs, missing = accounted(bench)
    assert not runs & missing
    assert runs | missing == {tick for tick, _ in source.created if tick >= NOON - 4 * HOUR}
    assert sorted(missing) == [NOON + n * HOUR for n in (1, 2, 3, 4)]


def test_an_overflowing_window_counts_the_ticks_strictly_between(tmp_path: Path) -> None:
    bench, source = Bench(tmp_path), Source(HOURLY, NOON - DAY)
    for now in (NOON + timedelta(minutes=5), NOON + timedelta(hours=8, minutes=5)):
        source.advance(now)
        bench.poll(now, [source.task(now)])
    gap = bench.rows("from core.coverage_gaps")[0]
    assert (gap["runs_missing_count"], gap["cause"]) == (3, "window_overflow")
    assert sorted(accounted(bench)[1]) == [NOON + n * HOUR for n in (1, 2, 3)]
    assert [r["verdict"] for r in bench.rows("from core.task_observations order by observed_at")] == ["first", "gap"]


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
    bench, source = Bench(tmp_path), Source(HOURLY, NOON - DAY)
    source.advance(NOON)
    bench.poll(NOON, [source.task(NOON)])
    middle, late = NOON + 10 * HOUR, NOON + 40 * HOUR
    source.advance(middle)
    if between == "outage":
        row = bench.poll(middle, [source.task(middle, outage=True)])
        assert (row["status"], row["suspect_reasons"]) == ("suspect", ["lookup_failed_or_empty"])
    elif between == "failed":
        bench.load(bench.archive_poll(middle, end=PollEnd(middle, False, "Unreachable", "no answer")))
    elif between == "replace":
        source.schedule_id = "sched_2"
    source.advance(late)
    bench.poll(late, [source.task(late)])
    assert [row["cause"] for row in bench.rows("from core.coverage_gaps")] == [cause]


def test_the_seven_day_cut_is_part_of_the_arithmetic(tmp_path: Path) -> None:
    bench, source = Bench(tmp_path), Source("0 9 * * 1,2,3", NOON - 9 * DAY)
    for now in (NOON, NOON + 16 * DAY):
        source.advance(now)
        bench.poll(now, [source.task(now)])
    gap = bench.rows("from core.coverage_gaps")[0]
    assert gap["cause"] == "seven_day_cut"
    runs, missing = accounted(bench)
    assert runs | missing >= existed(bench, source)
    assert len(missing) == gap["runs_missing_count"] == 3


def test_what_happened_before_the_first_observation_is_unknown_not_missing(tmp_path: Path) -> None:
    bench, source = Bench(tmp_path), Source(HOURLY, NOON - 30 * DAY)
    source.advance(NOON)
    bench.poll(NOON, [source.task(NOON)])
    assert bench.one("select count(*) from core.coverage_gaps") == 0
    assert bench.one("select observed_from_at from core.tasks") == NOON - 5 * HOUR


def test_disabled_periods_expect_nothing_and_hide_at_most_their_own_edge(tmp_path: Path) -> None:
    bench, source = Bench(tmp_path), Source(HOURLY, NOON - DAY)
    for hours, enabled in ((0, True), (1, False), (50, False), (51, True)):
        now = NOON + hours * HOUR + timedelta(minutes=1)
        source.advance(now)
        if enabled and not source.enabled:
            source.schedule_id = f"sched_{hours}"
        source.enabled = enabled
        bench.poll(now, [source.task(now)])
    # The run of 13:00 came between the last look at the schedule and its deletion: nobody can see it any more.
    assert sorted(accounted(bench)[1]) == [NOON + HOUR]
    assert [row["verdict"] for row in bench.rows("from core.task_observations order by observed_at")] == [
        "first",
        "schedule_replaced",
        "complete",
        "complete",
    ]


def test_a_recovered_run_heals_its_gap(tmp_path: Path) -> None:
    bench, source = Bench(tmp_path), Source(HOURLY, NOON - DAY)
    for hours in (0, 8):
        now = NOON + hours * HOUR + timedelta(minutes=5)
        source.advance(now)
        bench.poll(now, [source.task(now)])
    found = run("run_found", NOON + HOUR + timedelta(seconds=20), payload={"externalId": "task_1"})
    bench.load(bench.archive_poll(NOON + 9 * HOUR, runs_body([found]), kinds=["run"]))
    assert bench.rows("select runs_missing_count, recovered_count from core.coverage_gaps") == [
        {"runs_missing_count": 3, "recovered_count": 1}
    ]
    assert sorted(accounted(bench)[1]) == [NOON + 2 * HOUR, NOON + 3 * HOUR]


def test_an_unreadable_cron_makes_a_gap_of_unknown_size(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    window = [run(f"run_{n}", NOON - n * HOUR) for n in range(5)]
    bench.poll(NOON, [task(schedule="every now and then", runs=window)])
    later = [run(f"late_{n}", NOON + DAY - n * HOUR) for n in range(5)]
    bench.poll(NOON + DAY, [task(schedule="every now and then", runs=later)])
    assert bench.rows("select runs_missing_count from core.coverage_gaps") == [{"runs_missing_count": None}]


def test_an_outage_of_many_tasks_marks_nothing_deleted_or_empty(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    tasks = [task(f"task_{n}", runs=[run(f"run_{n}", NOON - HOUR)]) for n in range(8)]
    bench.poll(NOON, tasks)
    silent = [task(f"task_{n}", timezone=None, upcoming=[]) for n in range(7)]
    row = bench.poll(NOON + HOUR, silent)
    assert row["status"] == "suspect"
    assert row["suspect_reasons"] == ["lookup_failed_or_empty", "many_tasks_empty"]
    assert bench.one("select count(*) from core.tasks where deleted_at is not null") == 0
    assert bench.one("select min(len(window_run_ids)) from core.tasks") == 1, "what the API showed last still counts"


@pytest.mark.parametrize(("gone", "deleted", "withheld"), [(1, 1, 0), (2, 2, 0), (3, 0, 3), (24, 0, 24)])
def test_deletions_are_bounded(tmp_path: Path, gone: int, deleted: int, withheld: int) -> None:
    bench = Bench(tmp_path)
    tasks = [task(f"task_{n:02d}") for n in range(24)]
    bench.poll(NOON, tasks)
    row = bench.poll(NOON + HOUR, tasks[gone:])
    if gone == 24:
        assert row["suspect_reasons"] == ["account_empty"]
        withheld = 0
    assert (row["deleted_task_count"], row["deletions_withheld_count"]) == (deleted, withheld)
    assert bench.one("select count(*) from core.tasks where deleted_at is not null") == deleted
    if withheld:
        row = bench.poll(NOON + 2 * HOUR, tasks[gone:], accept_deletions=True)
        assert row["deleted_task_count"] == gone


def test_partial_polls_delete_nothing_and_a_deleted_task_may_come_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.poll(NOON, [task("task_1"), task("task_2")])
    assert bench.poll(NOON + HOUR, [task("task_1")], is_full_scope=False)["deleted_task_count"] == 0
    assert bench.poll(NOON + 2 * HOUR, [task("task_1")])["deleted_task_count"] == 1
    bench.poll(NOON + 3 * HOUR, [task("task_1"), task("task_2")])
    assert bench.one("select count(*) from core.tasks where deleted_at is not null") == 0
    versions = bench.rows("from core.task_versions where task_id = 'task_2' order by version_number")
    assert [(v["valid_to"], v["is_current"]) for v in versions] == [(NOON + 2 * HOUR, False), (None, True)]


def test_exactly_a_thousand_tasks_may_be_a_cut_list(tmp_path: Path) -> None:
    row = Bench(tmp_path).poll(NOON, [task(f"task_{n}") for n in range(1000)])
    assert row["suspect_reasons"] == ["row_cap_reached"]


def test_a_run_known_to_be_young_that_vanishes_means_outage(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.poll(NOON, [task(runs=[run(created=NOON - HOUR)])])
    row = bench.poll(NOON + DAY, [task(timezone="UTC", upcoming=[iso(NOON + 2 * DAY)])])
    assert row["status"] == "suspect"
