"""The bounds of a failure rate hold the truth, whatever was lost: worst and best case always, the modelled ones mostly."""

import sys

import duckdb
import pytest

from pipelines.database.core_schema import apply_core
from pipelines.database.sql_text import Row, rows, statement
from pipelines.transform.load_models import load_models
from tests.support.lost_runs import build_below, live
from tests.support.simulator_helpers import PART

TASKS = int(200 * PART)
DAYS = 90
# Of all runs of the window: the share that failed, and the chance that they had.
TRUTH = """
select rates.*, true_ratio, true_chance
from marts.failure_rates as rates
inner join (
    select task_id, window_days,
        count(*) filter (outcome = 'failed') / nullif(count(*) filter (outcome != 'expired'), 0) as true_ratio,
        avg(chance) filter (outcome != 'expired') as true_chance
    from fates
    cross join (select unnest([1, 7, 30, 90]) as window_days)
    where due_at > (select as_of_at from core.build_context) - to_hours(24 * window_days)
    group by all
) as truth using (task_id, window_days)
where n > 0
order by task_id, window_days
"""


def rates(seed: int, tasks: int, days: int, minutes: int, found: float) -> list[Row]:
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    apply_core(con)
    live(con, seed=seed, tasks=tasks, days=days, minutes=minutes, found=found)
    con.execute(statement("build", "reporting_dates"))
    build_below(con, load_models(), "marts.failure_rates")
    return rows(con.execute(TRUTH))


def share(found: list[Row], truth: str, low: str, high: str) -> float:
    within = [row[low] - 1e-9 <= row[truth] <= row[high] + 1e-9 for row in found]
    return float(sum(within) / len(within))


def width(found: list[Row], low: str, high: str) -> float:
    return float(sum(row[high] - row[low] for row in found) / len(found))


WORST = ("failure_ratio_least", "failure_ratio_most")
MODELLED = ("failure_ratio_modelled_low", "failure_ratio_modelled_high")
WILSON = ("failure_ratio_low", "failure_ratio_high")


@pytest.mark.slow
@pytest.mark.parametrize(("hours", "found"), [(24, 0), (24, 0.5), (5, 0), (5, 0.8), (1, 0.5)])
def test_the_bounds_hold_the_truth(hours: int, found: float) -> None:
    lived = rates(7, TASKS, DAYS, 60 * hours, found)
    for window in (1, 7, 30, 90):
        here = [row for row in lived if row["window_days"] == window and row["unseen_count"] is not None]
        told = [f"every {hours} h, {found} found, {window} days, {len(here)} rates:"]
        for truth in ("true_ratio", "true_chance"):
            told += [
                f"{truth} in {name} {share(here, truth, *bounds):.3f}"
                for name, bounds in (("wilson", WILSON), ("modelled", MODELLED), ("worst", WORST))
            ]
        told += [f"width {width(here, *bounds):.3f}" for bounds in (WILSON, MODELLED, WORST)]
        sys.stderr.write(" ".join(told) + "\n")
        assert len(here) > TASKS / 2
        assert share(here, "true_ratio", *WORST) == 1
        assert share(here, "true_ratio", *MODELLED) >= 0.95


@pytest.mark.slow
def test_without_unseen_runs_they_are_the_point_and_wilsons_bounds() -> None:
    """Polled each quarter of an hour, the fleet loses runs only on days without polls."""
    lived = [row for row in rates(7, 24, 3, 15, 0) if row["unseen_count"] == 0]
    assert len(lived) > 10
    for row in lived:
        assert row["failure_ratio_least"] == row["failure_ratio"] == row["failure_ratio_most"] == row["true_ratio"]
        assert [row[name] for name in MODELLED] == pytest.approx([row[name] for name in WILSON])


@pytest.mark.slow
def test_where_nobody_knows_how_many_are_missing_there_are_no_bounds() -> None:
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    apply_core(con)
    live(con, seed=7, tasks=8, days=3, minutes=360, found=0)
    con.execute("update core.tasks set observed_until_at = observed_until_at - interval 1 day")
    con.execute(statement("build", "reporting_dates"))
    build_below(con, load_models(), "marts.failure_rates")
    [found] = con.execute(
        "select bool_and(unseen_count is null and failure_ratio_least is null and failure_ratio_most is null "
        "and failure_ratio_modelled_low is null and failure_ratio_modelled_high is null and failure_ratio is not null) "
        "from marts.failure_rates where n > 0 and coverage_status = 'unknown'"
    ).fetchall()
    assert found == (True,)
