"""After each load: are all rows there, once each, and does every cent add up? Loading and timing belong elsewhere."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

COUNTED = ("tasks", "runs", "attempts", "tags", "upcoming")


@dataclass(frozen=True, slots=True)
class Names:
    """Where a loader keeps what: table of each kind, key of each, and the columns that are summed."""

    tables: tuple[str, str, str, str, str]
    keys: tuple[str, str, str, str, str] = ("id", "id", "id", "(run_id, tag)", "(task_id, tick_at)")
    cents: str = "cost_in_cents + base_cost_in_cents"
    duration: str = "duration_ms"


FLAT = Names(("tasks", "runs", "attempts", "tags", "upcoming"))
FLOOR = Names(FLAT.tables, FLAT.keys, "costInCents + baseCostInCents", "durationMs")
PRODUCT = Names(
    ("core.tasks", "core.runs", "core.attempts", "core.run_tags", "core.upcoming_ticks"),
    ("task_id", "run_id", "attempt_id", "(run_id, tag)", "(task_id, tick_at)"),
    "total_cents",
)
NESTED = Names(
    ("tasks", "tasks__recent_runs", "tasks__recent_runs__attempts", "tasks__recent_runs__tags", "tasks__upcoming"),
    ("id", "id", "id", "(_dlt_parent_id, value)", "(_dlt_parent_id, value)"),
)


def verify(database: Path, names: Names, truth: dict[str, Any]) -> bool:
    """Raise unless counts, keys and sums are right; return whether money was kept exactly (a DOUBLE is not)."""
    with duckdb.connect(str(database), read_only=True) as con:
        for kind, table, key in zip(COUNTED, names.tables, names.keys, strict=True):
            found = con.execute(f"select count(*), count(distinct {key}) from {table}").fetchone()
            _expect(found == (truth[kind], truth[kind]), f"{database.name}: {table} has {found}, not {truth[kind]}")
        query = f"select sum({names.cents}), sum({names.duration})::bigint from {names.tables[1]}"
        cents, duration = con.execute(query).fetchone() or (None, None)
    expected = Decimal(truth["cents"])
    _expect(duration == truth["duration_ms"], f"{database.name}: durations add up to {duration}")
    _expect(abs(Decimal(cents or 0) - expected) < Decimal("1e-6"), f"{database.name}: {cents} cents, not {expected}")
    return isinstance(cents, Decimal) and cents == expected


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(otherwise)
