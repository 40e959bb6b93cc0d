"""What the marts over windows, changes and forecasts say, against plain computation in Python.

Each model's own given/expect rows run in test_marts.py.
"""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from math import ceil, gamma, sqrt
from pathlib import Path
from statistics import fmean, stdev, variance

import pytest

from pipelines.core_schema import apply_core
from tests.warehouse_builder import NOW, WarehouseBuilder, core_database, model

Z = 1.959963984540054
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CON = core_database()


def scalar(sql: str, **parameters: object) -> object:
    row = CON.execute(f"select {sql}", parameters).fetchone()
    assert row is not None
    return row[0]


def each(sql: str, cases: list[tuple]) -> list[tuple]:
    """Compute for each case, whose values are called a, b, c and so on."""
    names = "abcde"[: len(cases[0])]
    lists = ", ".join(f"unnest(${name}) as {name}" for name in names)
    values = {name: [case[place] for case in cases] for place, name in enumerate(names)}
    return CON.execute(f"select {sql} from (select {lists})", values).fetchall()


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
    lists = ", ".join(f"unnest(${name}::varchar[])::{types[name]} as {name}" for name in names)
    house.run("model", created_at="2026-01-01T00:00:00Z")
    house.con.execute(
        f"insert into core.runs select model.* replace ({', '.join(f'many.{name} as {name}' for name in names)}, "
        "statuses.status as status, statuses.is_final as is_final, "
        "many.compute_cents + model.invocation_cents as total_cents) "
        f"from core.runs as model, (select {lists}) as many "
        "inner join (select outcome, min(status) as status, any_value(is_final) as is_final from core.statuses "
        "group by outcome) as statuses on statuses.outcome = many.outcome where model.run_id = 'model'",
        {name: [None if row[name] is None else str(row[name]) for row in rows] for name in names},
    )
    house.con.execute("delete from core.runs where run_id = 'model'")


# ---------- macros


def score_bounds(k: int, n: int, z: float) -> tuple[float, float]:
    middle, half = (k + z * z / 2) / (n + z * z), z / (n + z * z) * sqrt(k * (n - k) / n + z * z / 4)
    return middle - half, middle + half


def counts(dice: random.Random) -> tuple[int, int]:
    n = dice.choice([1, 2, 5, 30, 1000, dice.randint(1, 100_000)])
    return dice.choice([0, n, dice.randint(0, n)]), n


def test_newcombe_is_made_of_the_two_score_intervals() -> None:
    dice = random.Random(1)
    cases = [(*counts(dice), *counts(dice), z) for z in (Z, 3.0) for _ in range(300)]
    found = each("core.newcombe_low(a, b, c, d, e), core.newcombe_high(a, b, c, d, e)", cases)
    for (k1, n1, k2, n2, z), (low, high) in zip(cases, found, strict=True):
        (low1, high1), (low2, high2) = score_bounds(k1, n1, z), score_bounds(k2, n2, z)
        p1, p2 = k1 / n1, k2 / n2
        assert low == pytest.approx(p2 - p1 - sqrt((p2 - low2) ** 2 + (high1 - p1) ** 2), abs=1e-9)
        assert high == pytest.approx(p2 - p1 + sqrt((high2 - p2) ** 2 + (p1 - low1) ** 2), abs=1e-9)
        assert -1 - 1e-9 <= low <= p2 - p1 <= high <= 1 + 1e-9


def test_newcombe_gives_the_published_example() -> None:
    """56 of 70 against 48 of 80: Newcombe 1998, table II, method 10."""
    places = {"k1": 48, "n1": 80, "k2": 56, "n2": 70, "z": Z}
    low, high = (scalar(f"core.newcombe_{side}($k1, $n1, $k2, $n2, $z)", **places) for side in ("low", "high"))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    assert scalar("core.newcombe_low(0, 0, 1, 2, 1.96)") is None


def test_score_bounds_at_95_percent_are_the_wilson_bounds() -> None:
    dice = random.Random(2)
    cases = [counts(dice) for _ in range(300)]
    general = each(f"core.score_low(a, b, {Z}), core.score_high(a, b, {Z})", cases)
    wilson = each("core.wilson_low(a, b), core.wilson_high(a, b)", cases)
    for (k, n), found, known in zip(cases, general, wilson, strict=True):
        assert found == pytest.approx(known, abs=1e-12)
        assert found == pytest.approx(score_bounds(k, n, Z), abs=1e-9)


def student_tail(t: float, df: float) -> float:
    """P(T > t) by Simpson's rule over u = t / x, so that the long tail is a bounded integral."""
    scale = gamma((df + 1) / 2) / (sqrt(df * 3.141592653589793) * gamma(df / 2))
    steps = 2000

    def height(u: float) -> float:
        return 0.0 if u == 0 else scale * (1 + (t / u) ** 2 / df) ** (-(df + 1) / 2) * t / u**2

    weights = [1, *(4 if i % 2 else 2 for i in range(1, steps)), 1]
    return sum(weight * height(i / steps) for i, weight in enumerate(weights)) / (3 * steps)


@pytest.mark.parametrize("df", [5, 9, 9.7, 18, 40, 150])
def test_students_quantile_leaves_two_and_a_half_percent_above(df: float) -> None:
    quantile = scalar("core.student_quantile($df)", df=df)
    assert isinstance(quantile, float)
    assert student_tail(quantile, df) == pytest.approx(0.025, rel=2e-3)


def test_division_of_money_is_exact_to_its_last_digit() -> None:
    dice = random.Random(3)
    sizes = [10 ** dice.randint(0, 26) for _ in range(300)]
    cases = [
        (str(Decimal(dice.randint(-size, size)).scaleb(-20)), dice.choice([1, 2, 3, dice.randint(1, 10**9)]))
        for size in sizes
    ]
    found = each("core.divide_cents(a::decimal(38, 20), b)", cases)
    with localcontext() as context:
        context.prec = 80
        for (cents, n), (quotient,) in zip(cases, found, strict=True):
            assert quotient == (Decimal(cents) / n).quantize(Decimal(1).scaleb(-20), rounding=ROUND_HALF_UP)
    assert each("core.divide_cents(a::decimal(38, 20), b)", [("1", 0), (None, 1), ("1", None)]) == [(None,)] * 3


MESSAGES = {
    "": "",
    "trigger.dev internal error (TASK_RUN_CRASHED)": "trigger.dev internal error (TASK_RUN_CRASHED)",
    "GET https://a.example/b?c=1 said 502 after 30s": "GET <url> said <n> after <n>",
    "Cannot read 'title' of undefined, don't retry": "Cannot read <text> of undefined, don't retry",
    'Unexpected token "<" in {"id":"x","n":12.5}': "Unexpected token <text> in {<text>:<text>,<text>:<n>}",
    "task 3b241101-e2bb-4255-8caf-4136c566a962 at 2026-08-20T09:00:00.000Z": "task <id> at <id>",
    "  two\n lines\tof wrun_06g3v8ouk9oupl71ni64n51301 ": "two lines of <id>",
    "gpt-5-mini: 1,200 tokens, 4.5MB, 12:30:45": "gpt-<n>-mini: <n> tokens, <n>, <n>",
    "max_duration_exceeded": "max_duration_exceeded",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_are_normalised(message: str) -> None:
    assert scalar("core.normalised_message($m)", m=message) == MESSAGES[message]


def test_fingerprints_of_this_version_never_change() -> None:
    """People bookmark them. Other rules need another core.fingerprint_version, and new values here."""
    told = "core.error_fingerprint('Error', 'Run run_1 got 502', 'FAILED')"
    assert scalar("core.fingerprint_version()") == 1
    assert scalar(told) == "80a35f4baeb45278"
    assert scalar(told) == scalar("core.error_fingerprint('Error', 'Run run_22 got 503', 'CRASHED')")
    assert scalar("core.error_fingerprint(null, null, 'TIMED_OUT')") == "383afe842c6c991b"
    assert scalar("core.error_fingerprint(null, null, 'FAILED')") != "383afe842c6c991b"


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


@pytest.mark.parametrize("seed", [1, 2])
def test_marts_over_windows_agree_with_counting_by_hand(seed: int) -> None:
    house, runs = random_house(seed)
    names = ("failure_rates", "failure_rates_by_model", "failure_rates_by_version", "cost_per_success")
    built(house, *names, "run_durations", "retry_stats", "task_coverage")
    for days in (1, 7, 30, 90):
        inside = [run for run in runs if run["created_at"] > NOW - days * DAY and not run["is_test"]]
        ended = [run for run in inside if run["outcome"] in ("succeeded", "failed")]
        failed = sum(run["outcome"] == "failed" for run in ended)
        for name in names[:3]:
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


@pytest.mark.parametrize("name", ["failure_rates", "failure_rates_by_model", "failure_rates_by_version"])
def test_rankings_follow_the_lower_bound(name: str) -> None:
    house, _ = random_house(4)
    built(house, name)
    rows = house.query(f"select window_days, failure_rank, failure_ratio_low, n from marts.{name}")
    ranked = [row for row in rows if row[1] is not None]
    assert {row[3] for row in rows if row[1] is None} <= {0}
    assert ranked == sorted(ranked, key=lambda row: (row[0], -row[2], -row[3]))
    assert [row[1] for row in ranked if row[0] == 90] == list(range(1, len([1 for row in ranked if row[0] == 90]) + 1))


# ---------- changes


def house_with_change(before: list[dict], after: list[dict]) -> WarehouseBuilder:
    house = WarehouseBuilder().task(model="new")
    change = {"valid_to": "2026-08-01T00:00:00Z", "is_current": False}
    house.version("t", 1, model="old", valid_from="2026-01-01T00:00:00Z", **change)
    house.version("t", 2, model="new", valid_from="2026-08-01T00:00:00Z")
    changed = datetime(2026, 8, 1, tzinfo=UTC)
    runs = [
        run | {"created_at": changed + sign * (number + 1) * HOUR}
        for sign, side in ((-1, before), (1, after))
        for number, run in enumerate(side)
    ]
    add_runs(house, runs)
    return built(house, "task_changes")


VERDICTS = "failure_verdict, cost_verdict, duration_verdict"


def test_a_change_is_compared_as_by_hand() -> None:
    dice = random.Random(7)
    sides = [
        [
            {
                "outcome": dice.choice(["succeeded", "succeeded", "failed"]),
                "compute_cents": round(dice.lognormvariate(-3, 0.5), 8),
                "duration_ms": dice.randint(10_000, 40_000),
            }
            for _ in range(count)
        ]
        for count in (30, 12)
    ]
    house = house_with_change(*sides)
    (found,) = house.query(
        "select before_n, after_n, difference_cents, difference_low_cents, difference_high_cents, difference_ms, "
        "difference_low_ms, difference_high_ms, failure_difference_low from marts.task_changes"
    )
    assert found[:2] == (30, 12)
    for column, name in ((2, "compute_cents"), (5, "duration_ms")):
        before, after = ([run[name] for run in side] for side in sides)
        errors = variance(before) / len(before), variance(after) / len(after)
        df = sum(errors) ** 2 / (errors[0] ** 2 / (len(before) - 1) + errors[1] ** 2 / (len(after) - 1))
        difference = fmean(after) - fmean(before)
        margin = (float(found[column + 2]) - float(found[column + 1])) / 2
        assert float(found[column]) == pytest.approx(difference, rel=1e-9)
        assert float(found[column + 1] + found[column + 2]) / 2 == pytest.approx(difference, rel=1e-6)
        assert student_tail(margin / sqrt(sum(errors)), df) == pytest.approx(0.025, rel=2e-3)
    failed = [sum(run["outcome"] == "failed" for run in side) for side in sides]
    assert found[8] == pytest.approx(
        scalar("core.newcombe_low($a, 30, $b, 12, $z)", a=failed[0], b=failed[1], z=Z), abs=1e-12
    )


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


@pytest.mark.parametrize(
    ("before", "after", "verdicts"),
    [
        (side(40), side(40), ("noise", "noise", "noise")),
        (side(40, failed=2), side(40, failed=20), ("higher", "noise", "noise")),
        (side(40, failed=20), side(40, failed=2, cents=0.02, ms=5_000), ("lower", "lower", "lower")),
        (side(40, failed=2), side(40, failed=3, cents=0.08), ("noise", "higher", "noise")),
        (side(10), side(10, failed=10, ms=90_000), ("higher", "noise", "higher")),
        (side(40), side(9, failed=9, cents=9), ("too_few", "too_few", "too_few")),
        (side(40), [], ("too_few", "too_few", "too_few")),
    ],
)
def test_a_difference_counts_only_when_it_is_more_than_noise(before, after, verdicts) -> None:
    assert house_with_change(before, after).query(f"select {VERDICTS} from marts.task_changes") == [verdicts]


def test_the_same_cost_in_every_run_leaves_no_doubt() -> None:
    same, more = [{"compute_cents": "0.04"}] * 12, [{"compute_cents": "0.05"}] * 12
    rows = house_with_change(same, more).query(
        "select difference_cents, difference_low_cents, difference_high_cents, cost_verdict from marts.task_changes"
    )
    assert rows == [(Decimal("0.01"), Decimal("0.01"), Decimal("0.01"), "higher")]


# ---------- anomalies

NIGHT = datetime(2026, 8, 20, 1, tzinfo=UTC)


def house_of_days(runs_of_day, **task) -> WarehouseBuilder:
    """A task whose day, counted back from today, has the runs that `runs_of_day` says."""
    house = WarehouseBuilder().task(**task)
    runs = [
        {"created_at": NIGHT - back * DAY + number * timedelta(minutes=10), "outcome": outcome, "compute_cents": cents}
        for back in range(60)
        for number, (outcome, cents) in enumerate(runs_of_day(back))
    ]
    add_runs(house, runs)
    return built(house, "anomalies")


def anomalies(house: WarehouseBuilder) -> list[tuple]:
    return house.query(
        "select date_diff('day', date, date '2026-08-20'), scope, failure_verdict, spend_verdict, run_count_verdict "
        "from marts.anomalies where is_anomaly and scope = 'task' order by all"
    )


FINE, BAD = ("succeeded", "0.04"), ("failed", "0.04")


def test_a_day_stands_out_against_the_days_before_it_and_is_not_among_them() -> None:
    """The burst of day 10 is in the baseline of later days and not in its own."""
    house = house_of_days(lambda back: [BAD] * 12 + [FINE] * 12 if back == 10 else [FINE] * 24)
    assert anomalies(house) == [(10, "task", "high", "normal", "normal")]
    ((ratio, baseline_n, baseline, days),) = house.query(
        "select failure_ratio, baseline_n, baseline_failure_ratio, baseline_day_count from marts.anomalies "
        "where is_anomaly and scope = 'task'"
    )
    assert (ratio, baseline_n, baseline, days) == (0.5, 28 * 24, 0.0, 28)
    assert house.query("select count(*), count(distinct date), max(date)::varchar from marts.anomalies") == [
        (60, 30, "2026-08-19")
    ]
    assert [one for one in house.query("select is_anomaly from marts.anomalies")][:2] == [(True,), (True,)]


def test_spend_and_number_of_runs_stand_out_in_both_directions() -> None:
    house = house_of_days(
        lambda back: {5: [FINE] * 40, 9: [FINE] * 3, 13: [("succeeded", "0.4")] * 24}.get(back, [FINE] * 24)
    )
    assert anomalies(house) == [
        (5, "task", "normal", "high", "high"),
        (9, "task", "too_few", "low", "low"),
        (13, "task", "normal", "high", "normal"),
    ]


def test_a_weekly_pattern_and_little_noise_are_no_anomalies() -> None:
    dice = random.Random(5)
    house = house_of_days(lambda back: [FINE] * (0 if back % 7 in (2, 3) else 24 + dice.randint(-1, 1)))
    assert anomalies(house) == []


def test_days_that_are_not_completely_known_are_neither_tested_nor_a_baseline() -> None:
    def days(back: int) -> list[tuple[str, str]]:
        return [FINE] * (2 if back in (4, 5) else 24)

    house = house_of_days(days, observed_from_at=(NIGHT - 12 * DAY).replace(hour=0))
    assert anomalies(house) == []
    assert house.query("select max(baseline_day_count) from marts.anomalies") == [(11,)]
    assert {row for row in house.query("select spend_verdict from marts.anomalies")} == {("too_few",)}


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
