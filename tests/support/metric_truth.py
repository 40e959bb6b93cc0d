"""Each metric of the semantic layer once more, in Python over a mart's rows: a second opinion. No assertions here."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from pipelines.database.sql_text import Row

Rows = Sequence[Row]
Value = Decimal | float | int | None


def told(rows: Rows, name: str) -> list[Any]:
    return [row[name] for row in rows if row[name] is not None]


def total(*names: str) -> Callable[[Rows], Value]:
    def added(rows: Rows) -> Value:
        values = [sum(row[name] for name in names) for row in rows if all(row[name] is not None for name in names)]
        return sum(values, start=type(values[0])(0)) if values else None

    return added


def share(hits: Callable[[Rows], Value], n: Callable[[Rows], Value]) -> Callable[[Rows], Value]:
    def divided(rows: Rows) -> Value:
        above, below = hits(rows), n(rows)
        return float(above) / float(below) if above is not None and below else None

    return divided


def how_many(holds: Callable[[Row], bool] = lambda _: True) -> Callable[[Rows], int]:
    return lambda rows: sum(1 for row in rows if holds(row))


def is_judged(row: Row) -> bool:
    return row["status"] is not None and row["status"] != "unobservable"


RUNS = total("run_count")
WITH_MISSING = total("run_count", "runs_missing_count")
MISSING = total("runs_missing_count")
OBSERVED_OR_NOT = total("observed_run_count", "runs_missing_count")
N = total("n")
JUDGED = total("on_time_count", "late_count", "missed_count")
# Value, and what it rests on.
TRUTH: dict[str, tuple[Callable[[Rows], Value], Callable[[Rows], Value]]] = {
    "anomalies.anomalies": (how_many(lambda row: bool(row["is_anomaly"])), how_many()),
    "budget_status.budget_usd": (total("budget_usd"), how_many(lambda row: row["budget_usd"] is not None)),
    "budget_status.forecast_usd": (total("forecast_usd"), RUNS),
    "budget_status.missing_runs": (MISSING, WITH_MISSING),
    "budget_status.total_usd": (total("total_usd"), RUNS),
    "coverage_daily.missing_runs": (MISSING, OBSERVED_OR_NOT),
    "coverage_daily.observed_runs": (total("observed_run_count"), OBSERVED_OR_NOT),
    "error_groups.failed_runs": (RUNS, RUNS),
    "error_groups.new_errors": (how_many(lambda row: bool(row["is_new_this_week"])), how_many()),
    "error_groups.wasted_usd": (total("wasted_usd"), RUNS),
    "failure_rates_daily.failed_runs": (total("failed_count"), N),
    "failure_rates_daily.failure_ratio": (share(total("failed_count"), total("succeeded_count", "failed_count")), N),
    "failure_rates_daily.missing_runs": (MISSING, total("n", "runs_missing_count")),
    "fleet_daily.coverage_ratio": (share(RUNS, WITH_MISSING), RUNS),
    "fleet_daily.failed_runs": (total("failed_count"), N),
    "fleet_daily.failure_ratio": (share(total("failed_count"), N), N),
    "fleet_daily.missing_runs": (MISSING, WITH_MISSING),
    "fleet_daily.total_usd": (total("total_usd"), RUNS),
    "fleet_daily.wasted_usd": (total("wasted_usd"), RUNS),
    "schedule_adherence.adherence": (
        share(how_many(lambda row: row["status"] == "on_time"), how_many(is_judged)),
        how_many(is_judged),
    ),
    "schedule_adherence.ticks": (how_many(), how_many()),
    "schedule_adherence_daily.adherence": (share(total("on_time_count"), JUDGED), JUDGED),
    "schedule_adherence_daily.missed_ticks": (total("missed_count"), JUDGED),
    **{
        f"{spend}.{name}": measured
        for spend in ("spend_daily", "spend_monthly")
        for name, measured in {
            "missing_runs": (MISSING, WITH_MISSING),
            "runs": (RUNS, RUNS),
            "total_usd": (total("total_usd"), RUNS),
            "wasted_ratio": (share(total("wasted_cents"), total("total_cents")), RUNS),
            "wasted_usd": (total("wasted_usd"), RUNS),
        }.items()
    },
}


def completeness(rows: Rows) -> tuple[int, str]:
    """Runs missing, and the worst status: what nobody can tell outweighs what is known, a known hole outweighs both."""
    statuses = set(told(rows, "coverage_status"))
    worst = [status for status in ("gap", "unknown", "not_observed_that_long") if status in statuses]
    return int(sum(told(rows, "runs_missing_count"))), worst[0] if worst else "complete" if rows else "unknown"
