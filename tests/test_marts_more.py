"""What the marts over windows, changes and forecasts say, against plain computation in Python.

Each model's own given/expect rows run in test_marts.py.
"""

import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil, sqrt
from pathlib import Path
from statistics import fmean, stdev, variance

import pytest

from pipelines.core_schema import apply_core
from tests.statistics_helpers import Z, scalar, student_tail
from tests.warehouse_builder import NOW, WarehouseBuilder, core_database, model

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def built(house: WarehouseBuilder, *names: str, **options) -> WarehouseBuilder:
    """Build only these marts and those under them."""
    wanted: set[tuple[str, str]] = set()
    queue = [model(name) for name in names]
    while queue:
        one = queue.pop()
        wanted.add(one.key)
        queue += [model(name) for schema, name in one.depends_on if schema == "marts"]
    house.build(only=wanted, **options)
    return house


def add_runs(house: WarehouseBuilder, runs: list[dict]) -> None:
    """Add many runs by one statement: those of the builder take a while each."""
    known = {"outcome": "succeeded", "is_test": False, "compute_cents": "0.04", "task_id": "t"}
    rows = [known | run | {"run_id": f"r{number}"} for number, run in enumerate(runs)]
    types = dict(house.query("select column_name, data_type from duckdb_columns() where table_name = 'runs'"))
    names = [name for name in rows[0] if name in types]
    cells = ", ".join(f"many.row.{name}::{types[name]} as {name}" for name in names)
    structure = json.dumps([dict.fromkeys(names, "VARCHAR")])
    house.run("model", created_at="2026-01-01T00:00:00Z")
    house.con.execute(
        f"insert into core.runs select model.* replace ({cells}, statuses.status as status, "
        "statuses.is_final as is_final, "
        "many.row.compute_cents::decimal(38, 20) + model.invocation_cents as total_cents) "
        "from core.runs as model, (select unnest(from_json($rows, $structure)) as row) as many "
        "inner join (select outcome, min(status) as status, any_value(is_final) as is_final from core.statuses "
        "group by outcome) as statuses on statuses.outcome = many.row.outcome where model.run_id = 'model'",
        {"rows": json.dumps(rows, default=str), "structure": structure},
    )
    house.con.execute("delete from core.runs where run_id = 'model'")


# ---------- windows


def random_house(seed: int) -> tuple[WarehouseBuilder, list[dict]]:
    """Three tasks with a change of model, runs of all outcomes over 100 days, and a hole."""
    dice = random.Random(seed)
    house, runs = WarehouseBuilder(), []
    for task_id, seen in (("t1", "2026-01-01"), ("t2", "2026-08-10"), ("t3", "2026-05-01")):
        house.task(task_id, model="new", account_id=f"a{task_id[1]}", observed_from_at=f"{seen}T00:00:00Z")
        change = {"valid_to": "2026-08-15T00:00:00Z", "is_current": False}
        house.version(task_id, 1, model="old", valid_from="2026-01-01T00:00:00Z", **change)
        house.version(task_id, 2, model="new", valid_from="2026-08-15T00:00:00Z")
    for _ in range(120):
        at = NOW - timedelta(seconds=int(100 * 86_400 * dice.random() ** 3))
        runs.append(
            {
                "task_id": dice.choice(["t1", "t2", "t3", None]),
                "created_at": at,
                "started_at": at + timedelta(milliseconds=dice.randint(0, 5000)),
                "outcome": dice.choice(["succeeded"] * 4 + ["failed"] * 2 + ["cancelled", "expired", "in_flight"]),
                "is_test": dice.random() < 0.1,
                "version": dice.choice(["v1", "v2", None]),
                "duration_ms": dice.choice([None, dice.randint(1, 60_000)]),
                "compute_cents": Decimal(dice.randint(0, 10**8)).scaleb(-7),
                "attempt_count": dice.choice([None, 1, 1, 2, 3]),
            }
        )
    add_runs(house, runs)
    house.gap("2026-08-18T10:00:00.000001Z", "2026-07-01T10:00:00.000001Z", task_id="t1")
    return house, runs


def nearest_rank(values: list[int], share: float) -> int | None:
    return sorted(values)[max(ceil(share * len(values)), 1) - 1] if values else None


RATES = ("failure_rates", "failure_rates_by_model", "failure_rates_by_version")


@pytest.fixture(scope="module")
def by_chance() -> tuple[WarehouseBuilder, list[dict]]:
    house, runs = random_house(1)
    return built(house, *RATES, "cost_per_success", "run_durations", "retry_stats"), runs


def test_marts_over_windows_agree_with_counting_by_hand(by_chance) -> None:
    house, runs = by_chance
    for days in (1, 7, 30, 90):
        inside = [run for run in runs if run["created_at"] > NOW - days * DAY and not run["is_test"]]
        ended = [run for run in inside if run["outcome"] in ("succeeded", "failed")]
        failed = sum(run["outcome"] == "failed" for run in ended)
        for name in RATES:
            sums = house.query(f"select sum(n), sum(failed_count) from marts.{name} where window_days = ?", days)
            assert sums == [(len(ended), failed)]
        by_task: dict[str | None, list[dict]] = defaultdict(list)
        for run in ended:
            by_task[run["task_id"]].append(run)
        _compare_costs(house, days, inside)
        _compare_durations(house, days, by_task)
        _compare_retries(house, days, by_task)


def _compare_costs(house: WarehouseBuilder, days: int, inside: list[dict]) -> None:
    shown = house.query(
        "select task_id, total_cents, cost_per_success_cents from marts.cost_per_success where window_days = ?", days
    )
    for task_id, total, per_success in shown:
        of_task = [run for run in inside if run["task_id"] == task_id]
        expected = sum((run["compute_cents"] + Decimal("0.0025") for run in of_task), Decimal(0))
        successes = sum(run["outcome"] == "succeeded" for run in of_task)
        assert total == expected
        assert (per_success is None) == (successes == 0)
        if successes:
            assert abs(per_success * successes - expected) <= Decimal(successes).scaleb(-20)


def _compare_durations(house: WarehouseBuilder, days: int, by_task: dict[str | None, list[dict]]) -> None:
    shown = house.query(
        "select task_id, n, billed_n, billed_p50_ms, billed_p95_ms, queue_p50_ms, queue_p95_ms "
        "from marts.run_durations where window_days = ?",
        days,
    )
    expected = set()
    for task_id, of_task in by_task.items():
        billed = [run["duration_ms"] for run in of_task if run["duration_ms"] is not None]
        queue = [(run["started_at"] - run["created_at"]) // timedelta(milliseconds=1) for run in of_task]
        percentiles = [nearest_rank(values, share) for values in (billed, queue) for share in (0.5, 0.95)]
        expected.add((task_id, len(of_task), len(billed), *percentiles))
    assert set(shown) == expected


def _compare_retries(house: WarehouseBuilder, days: int, by_task: dict[str | None, list[dict]]) -> None:
    shown = house.query(
        "select task_id, observed_count, attempt_count, first_attempt_success_count, recovered_by_retry_count "
        "from marts.retry_stats where window_days = ?",
        days,
    )
    expected = set()
    for task_id, of_task in by_task.items():
        known = [run for run in of_task if run["attempt_count"] is not None]
        good = [run["attempt_count"] for run in known if run["outcome"] == "succeeded"]
        counts = (sum(run["attempt_count"] for run in known), good.count(1), sum(count > 1 for count in good))
        expected.add((task_id, len(known), *(counts if known else (None, None, None))))
    assert set(shown) == expected


def test_both_marts_on_coverage_say_the_same() -> None:
    house, _ = random_house(3)
    house.task("gone", deleted_at="2026-08-19T00:00:00Z", schedule_id="s").task(
        "stale", observed_until_at="2026-08-20T09:00:00Z"
    )
    house.task("due", observed_until_at="2026-08-20T11:50:00Z").tick("2026-08-20T11:55:00Z", "due")
    house.task("never", observed_from_at=None, observed_until_at=None).task("hole")
    house.gap(task_id="hole", gap_id="h", runs_missing_count=None, to_at="2026-08-01T00:00:00Z")
    built(house, "window_coverage", "task_coverage")
    differing = house.query(
        "select * from marts.task_coverage as t inner join marts.window_coverage as w using (task_id) "
        "where (window_days = 7 and (w.coverage_status, w.runs_missing_count) "
        "is distinct from (t.coverage_status_7d, t.runs_missing_count_7d)) "
        "or (window_days = 30 and (w.coverage_status, w.runs_missing_count) "
        "is distinct from (t.coverage_status_30d, t.runs_missing_count_30d))"
    )
    assert differing == []
    statuses = {status for (status,) in house.query("select coverage_status from marts.window_coverage")}
    assert statuses == {"complete", "gap", "unknown"}


@pytest.mark.parametrize("name", RATES)
def test_rankings_follow_the_lower_bound(by_chance, name: str) -> None:
    house, _ = by_chance
    rows = house.query(f"select window_days, failure_rank, failure_ratio_low, n from marts.{name}")
    ranked = [row for row in rows if row[1] is not None]
    assert {row[3] for row in rows if row[1] is None} <= {0}
    assert ranked == sorted(ranked, key=lambda row: (row[0], -row[2], -row[3]))
    assert [row[1] for row in ranked if row[0] == 90] == list(range(1, len([1 for row in ranked if row[0] == 90]) + 1))


# ---------- changes


CHANGED = datetime(2026, 8, 1, tzinfo=UTC)
DICE = random.Random(7)
UNEVEN = [
    [
        {
            "outcome": DICE.choice(["succeeded", "succeeded", "failed"]),
            "compute_cents": round(DICE.lognormvariate(-3, 0.5), 8),
            "duration_ms": DICE.randint(10_000, 40_000),
        }
        for _ in range(count)
    ]
    for count in (30, 12)
]


def side(n: int, failed: int = 0, cents: float = 0.04, ms: int = 20_000) -> list[dict]:
    """Runs that differ a little, the first ones failed."""
    return [
        {
            "outcome": "failed" if number < failed else "succeeded",
            "compute_cents": cents * (1 + number % 5 / 10),
            "duration_ms": int(ms * (1 + number % 5 / 10)),
        }
        for number in range(n)
    ]


def same(cents: str) -> list[dict]:
    return [{"outcome": "succeeded", "compute_cents": cents, "duration_ms": 1}] * 12


# Runs before and after a change, and the verdicts on failures, cost and duration.
CHANGES = {
    "nothing changed": (side(40), side(40), ("noise", "noise", "noise")),
    "more failures": (side(40, failed=2), side(40, failed=20), ("higher", "noise", "noise")),
    "all is better": (side(40, failed=20), side(40, failed=2, cents=0.02, ms=5_000), ("lower", "lower", "lower")),
    "dearer": (side(40, failed=2), side(40, failed=3, cents=0.08), ("noise", "higher", "noise")),
    "ten runs are enough": (side(10), side(10, failed=10, ms=90_000), ("higher", "noise", "higher")),
    "nine are not": (side(40), side(9, failed=9, cents=9), ("too_few", "too_few", "too_few")),
    "no run since": (side(40), [], ("too_few", "too_few", "too_few")),
    "the same cost in every run leaves no doubt": (same("0.04"), same("0.05"), ("noise", "higher", "noise")),
    "uneven": (*UNEVEN, None),
}


@pytest.fixture(scope="module")
def changes() -> WarehouseBuilder:
    house, runs = WarehouseBuilder(), []
    for task_id, (before, after, _) in CHANGES.items():
        house.task(task_id)
        house.version(task_id, 1, model="old", valid_from="2026-01-01T00:00:00Z", valid_to=CHANGED, is_current=False)
        house.version(task_id, 2, model="new", valid_from=CHANGED)
        for sign, part in ((-1, before), (1, after)):
            places = [{"task_id": task_id, "created_at": CHANGED + sign * (place + 1) * HOUR} for place in range(40)]
            runs += [run | place for run, place in zip(part, places, strict=False)]
    add_runs(house, runs)
    return built(house, "task_changes")


@pytest.mark.parametrize("case", [name for name, (_, _, verdicts) in CHANGES.items() if verdicts])
def test_a_difference_counts_only_when_it_is_more_than_noise(changes: WarehouseBuilder, case: str) -> None:
    verdicts = changes.query(
        "select failure_verdict, cost_verdict, duration_verdict from marts.task_changes where task_id = ?", case
    )
    assert verdicts == [CHANGES[case][2]]


def test_a_change_is_compared_as_by_hand(changes: WarehouseBuilder) -> None:
    (found,) = changes.query(
        "select before_n, after_n, difference_cents, difference_low_cents, difference_high_cents, difference_ms, "
        "difference_low_ms, difference_high_ms, failure_difference_low from marts.task_changes where task_id = 'uneven'"
    )
    assert found[:2] == (30, 12)
    for column, name in ((2, "compute_cents"), (5, "duration_ms")):
        before, after = ([run[name] for run in part] for part in UNEVEN)
        errors = variance(before) / len(before), variance(after) / len(after)
        df = sum(errors) ** 2 / (errors[0] ** 2 / (len(before) - 1) + errors[1] ** 2 / (len(after) - 1))
        difference = fmean(after) - fmean(before)
        margin = (float(found[column + 2]) - float(found[column + 1])) / 2
        assert float(found[column]) == pytest.approx(difference, rel=1e-9)
        assert float(found[column + 1] + found[column + 2]) / 2 == pytest.approx(difference, rel=1e-6)
        assert student_tail(margin / sqrt(sum(errors)), df) == pytest.approx(0.025, rel=2e-3)
    failed = [sum(run["outcome"] == "failed" for run in part) for part in UNEVEN]
    expected = scalar("core.newcombe_low($a, 30, $b, 12, $z)", a=failed[0], b=failed[1], z=Z)
    assert found[8] == pytest.approx(expected, abs=1e-12)


# ---------- anomalies

NIGHT = datetime(2026, 8, 20, 1, tzinfo=UTC)
FINE, BAD, DEAR = ("succeeded", "0.04"), ("failed", "0.04"), ("succeeded", "0.4")


def days_of(task_id: str, back: int, dice: random.Random) -> list[tuple[str, str]]:
    """The runs of a task's day, counted back from today."""
    match task_id, back:
        case "burst", 10:
            return [BAD] * 12 + [FINE] * 12
        case "moving", 5:
            return [FINE] * 40
        case "moving", 9:
            return [FINE] * 3
        case "moving", 13:
            return [DEAR] * 24
        case "weekly", _:
            return [FINE] * (0 if back % 7 in (2, 3) else 24 + dice.randint(-1, 1))
        case "open", 6:
            return [DEAR] * 23 + [("in_flight", "0.4")]
        case "new", (4 | 5):
            return [FINE] * 2
    return [FINE] * 24


ANOMALIES = {
    "burst": [(10, "high", "normal", "normal")],
    "moving": [
        (5, "normal", "high", "high"),
        (9, "too_few", "low", "low"),
        # A day at ten times the cost does not hide day 5 from view, which comes after it.
        (13, "normal", "high", "normal"),
    ],
    "weekly": [],
    # Dear as well, but one of its runs may still grow.
    "open": [],
    "new": [],
}


@pytest.fixture(scope="module")
def two_months() -> WarehouseBuilder:
    dice, house, runs = random.Random(5), WarehouseBuilder(), []
    for task_id in ANOMALIES:
        seen = (NIGHT - (12 if task_id == "new" else 90) * DAY).replace(hour=0)
        house.task(task_id, observed_from_at=seen)
        for back in range(60):
            for number, (outcome, cents) in enumerate(days_of(task_id, back, dice)):
                at = NIGHT - back * DAY + number * timedelta(minutes=10)
                runs.append({"task_id": task_id, "created_at": at, "outcome": outcome, "compute_cents": cents})
    add_runs(house, runs)
    return built(house, "anomalies")


VERDICTS = "date_diff('day', date, date '2026-08-20'), failure_verdict, spend_verdict, run_count_verdict"


@pytest.mark.parametrize("task_id", ANOMALIES)
def test_only_days_that_stand_out_are_anomalies(two_months: WarehouseBuilder, task_id: str) -> None:
    sql = f"select {VERDICTS} from marts.anomalies where is_anomaly and task_id = ? order by date desc"
    assert two_months.query(sql, task_id) == ANOMALIES[task_id]


def test_the_tested_day_is_not_in_its_own_baseline(two_months: WarehouseBuilder) -> None:
    rows = two_months.query(
        "select failure_ratio, baseline_n, baseline_failure_ratio, baseline_day_count from marts.anomalies "
        "where task_id = 'burst' and date in ('2026-08-10', '2026-08-11') order by date"
    )
    assert rows == [(0.5, 28 * 24, 0.0, 28), (0.0, 28 * 24, 12 / (28 * 24), 28)]


def test_thirty_days_are_tested_today_left_out_and_anomalies_come_first(two_months: WarehouseBuilder) -> None:
    days = two_months.query(
        "select count(*), count(distinct date), min(date)::varchar, max(date)::varchar "
        "from marts.anomalies where task_id = 'burst' or scope = 'fleet'"
    )
    assert days == [(60, 30, "2026-07-21", "2026-08-19")]
    flags = [flag for (flag,) in two_months.query("select is_anomaly from marts.anomalies")]
    assert flags == sorted(flags, reverse=True)


def test_days_that_are_not_completely_known_are_neither_tested_nor_a_baseline(two_months: WarehouseBuilder) -> None:
    """The task was seen first twelve days ago, so that its two quiet days have no baseline of 14 days."""
    rows = two_months.query(
        "select max(baseline_day_count), list(distinct spend_verdict), list(distinct run_count_verdict) "
        "from marts.anomalies where task_id = 'new'"
    )
    assert rows == [(11, ["too_few"], ["too_few"])]


# ---------- budgets


def test_the_forecast_is_spend_plus_remaining_ticks_at_their_mean_cost() -> None:
    """Hourly and daily to the end of August: 275 and 11 ticks after 20 August, 12:00."""
    dice = random.Random(11)
    house, costs, ticks = WarehouseBuilder(), {"t1": [], "t2": []}, {"t1": 275, "t2": 11}
    for task_id, schedule in (("t1", "0 * * * *"), ("t2", "0 9 * * *")):
        house.task(task_id, account_id="a", schedule=schedule, timezone="UTC", schedule_id=f"s{task_id}")
    runs = []
    for number in range(33):
        task_id = "t2" if number % 4 == 3 else "t1"
        cents = round(dice.uniform(0.01, 0.2), 6)
        costs[task_id].append(cents + 0.0025)
        at = NOW - (number + 1) * timedelta(hours=20)
        runs.append({"task_id": task_id, "created_at": at, "compute_cents": cents})
    add_runs(house, runs)
    built(house, "budget_status")
    ((spent, forecast, low, high, remaining),) = house.query(
        "select total_usd, forecast_usd, forecast_low_usd, forecast_high_usd, remaining_tick_count "
        "from marts.budget_status"
    )
    assert remaining == sum(ticks.values())
    by_hand = (
        sum(run["compute_cents"] + 0.0025 for run in runs if run["created_at"] >= datetime(2026, 8, 1, tzinfo=UTC))
        / 100
    )
    rest = sum(ticks[task_id] * fmean(costs[task_id]) for task_id in costs) / 100
    spread = sum(ticks[t] * stdev(c) ** 2 * (1 + ticks[t] / len(c)) for t, c in costs.items())
    assert float(spent) == pytest.approx(by_hand, abs=1e-12)
    assert float(forecast) == pytest.approx(by_hand + rest, abs=1e-12)
    assert float(forecast - low) == pytest.approx(Z * sqrt(spread) / 100, rel=1e-6)
    assert float(high - forecast) == pytest.approx(Z * sqrt(spread) / 100, rel=1e-6)


def test_budgets_ship_empty_and_any_row_is_read(tmp_path: Path) -> None:
    assert scalar("count(*) from core.budgets") == 0
    folder = tmp_path / "sql"
    for part in ("core", "macros", "seeds"):
        (folder / part).mkdir(parents=True)
        for path in (Path(__file__).parent.parent / "sql" / part).glob("*.*"):
            (folder / part / path.name).write_bytes(path.read_bytes())
    (folder / "seeds" / "budgets.csv").write_text("account_id,monthly_budget_usd,warn_ratio\n*,12.50,\nx,,0.5\n")
    with core_database() as con:
        apply_core(con, folder)
        rows = con.execute("from core.budgets order by all").fetchall()
    assert rows == [("*", Decimal("12.5"), None), ("x", None, 0.5)]
