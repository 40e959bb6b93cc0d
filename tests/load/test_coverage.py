"""Coverage: every run that existed is in the warehouse or is counted as missing, never both, whatever happened.

Plans are made by chance; each kind of gap by hand is in test_coverage_gaps.py.
"""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.archive.poll_record import PollEnd
from tests.support.bodies import NOON, LoadHarness, body, few, task
from tests.support.coverage_helpers import DAILY, DAY, HOUR, HOURLY, WEEKLY, Source, accounted, existed

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
    harness = LoadHarness(tmp_path_factory.mktemp("sum"))
    schedule, hours = cadence
    now = NOON + timedelta(seconds=offset)
    source = Source(schedule, now - 9 * DAY)
    for step, kind in [(0, "poll"), *plan, (1, "poll")]:
        now += step * hours * HOUR
        source.advance(now)
        if kind == "failed":
            harness.load(harness.archive_poll(now, body([]), end=PollEnd(now, False, "Unreachable", "no answer")))
        elif kind != "nothing":
            harness.poll(now, [source.task(now, outage=kind == "outage")])
    runs, missing = accounted(harness)
    assert not runs & missing, "nothing is counted twice"
    assert runs <= {tick for tick, _ in source.created}, "no run is invented"
    truth = existed(harness, source)
    answered = {tick for tick in runs | missing if min(truth, default=now) <= tick <= max(truth, default=now)}
    assert answered == truth


@pytest.mark.slow
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
    harness, source = LoadHarness(tmp_path_factory.mktemp("bound")), Source(HOURLY, NOON - DAY)
    now, is_gone, has_changed = NOON, False, False
    for step, kind in [(0, "poll"), *plan, (1, "poll"), (1, "poll")]:
        now += step * HOUR + timedelta(seconds=17)
        source.advance(now)
        if kind in ("poll", "outage"):
            shown = [] if is_gone else [source.task(now, outage=kind == "outage")]
            harness.poll(now, [task("other", trigger_schedule_id=None), *shown])
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
    runs, missing = accounted(harness)
    assert not runs & missing, "nothing is counted twice"
    row = harness.rows("from core.tasks where task_id = 'task_1'")[0]
    until = row["deleted_at"] or row["observed_until_at"] - timedelta(seconds=60)
    existed = {tick for tick, _ in source.created if row["observed_from_at"] <= tick < until}
    assert existed <= runs | missing
    assert runs <= {tick for tick, _ in source.created}, "no run is invented"
