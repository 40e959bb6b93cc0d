"""Tables of days over whole histories of polls: every mart is the same, built day by day or all at once.

Single changes of core are test_build_days.py.
"""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.transform.build import build
from tests.support.bodies import NOON, LoadHarness, body, iso, run, runs_body, task
from tests.support.day_history import BY_DAY, ZONE
from tests.support.warehouse_builder import models

HOUR = timedelta(hours=1)

# What a poll finds of a task: how it is, and what it is called and works for today.
looks = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["fine", "fine", "fine", "outage", "gone", "disabled", "new schedule"]),
        "status": st.sampled_from(["COMPLETED", "FAILED", "EXECUTING"]),
        "over": st.fixed_dictionaries(
            {},
            optional={
                "title": st.sampled_from(["one", "two"]),
                "model": st.sampled_from(["m1", "m2"]),
                "account_id": st.sampled_from(["account_1", "account_2"]),
                "schedule": st.sampled_from(["0 9 * * *", "no cron"]),
            },
        ),
    }
)
nights = st.lists(
    st.tuples(st.integers(1, 60), st.tuples(looks, looks), st.booleans(), st.sampled_from([0, 0, 0, -30, 100])),
    min_size=2,
    max_size=5,
)


def seen(task_id: str, hour: int, look: dict[str, Any]) -> list[dict[str, Any]]:
    """A task of every hour as a poll so many hours after noon sees it; of its runs the newest five."""
    steady = {"schedule": "0 * * * *", "upcoming": [iso(NOON + (hour + 1) * HOUR)]} | look["over"]
    runs = [
        run(f"{task_id}_{at}", NOON + at * HOUR, status=look["status"] if at == hour else "COMPLETED")
        for at in range(hour, max(-1, hour - 5), -1)
    ]
    match look["state"]:
        case "gone":
            return []
        case "outage":
            return [task(task_id, [], timezone=None, trigger_lookup_failed=True, **steady)]
        case "disabled":
            return [task(task_id, [], enabled=False, trigger_schedule_id=None, **steady)]
        case "new schedule":
            return [task(task_id, runs[:1], trigger_schedule_id=f"sched_{hour}", **steady)]
        case _:
            return [task(task_id, runs, **steady)]


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(nights)
def test_every_mart_is_the_same_by_day_and_at_once(
    tmp_path_factory: pytest.TempPathFactory, nights: list[tuple[int, Any, bool, int]]
) -> None:
    harness = LoadHarness(tmp_path_factory.mktemp("days"))
    hour = 0
    for gap, (one, two), has_listing, step in nights:
        hour += gap
        at = NOON + hour * HOUR + timedelta(minutes=20)
        found = [*seen("a", hour, one), *seen("b", hour, two), task("c")]
        # Of a run that fell out of the window the listing still tells.
        lost = [run(f"a_{hour - 7}", NOON + (hour - 7) * HOUR, status="FAILED")] if has_listing and hour > 7 else []
        harness.load(harness.archive_poll(at, body(found), runs_body(lost), kinds=("tasks", "runs")))
        as_of = at + step * HOUR
        build(harness.con, models=models(), as_of=as_of, reporting_timezone=ZONE)
        for each in BY_DAY:
            for both in (
                f"from {each.relation} except all ({each.sql})",
                f"({each.sql}) except all from {each.relation}",
            ):
                assert harness.rows(both) == [], each.relation
    by_day = {one.name: harness.rows(f"from {one.relation} order by all") for one in models() if one.schema == "marts"}
    harness.con.execute("delete from core.day_builds")
    build(harness.con, models=models(), as_of=as_of, reporting_timezone=ZONE)
    for one in models():
        if one.schema == "marts":
            assert harness.rows(f"from {one.relation} order by all") == by_day[one.name], one.relation
