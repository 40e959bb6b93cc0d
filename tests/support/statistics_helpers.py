"""Statistics in plain Python, and asking DuckDB for the same: shared by tests of macros and of marts."""

from math import gamma, pi, sqrt
from typing import Any

from tests.support.warehouse_builder import core_database

Z = 1.959963984540054
CON = core_database()


def scalar(sql: str, **parameters: object) -> Any:
    row = CON.execute(f"select {sql}", parameters).fetchone()
    assert row is not None
    return row[0]


def each(sql: str, cases: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Compute for each case, whose values are called a, b, c and so on."""
    names = "abcde"[: len(cases[0])]
    lists = ", ".join(f"unnest(${name}) as {name}" for name in names)
    values = {name: [case[place] for case in cases] for place, name in enumerate(names)}
    return CON.execute(f"select {sql} from (select {lists})", values).fetchall()


def score_bounds(k: int, n: int, z: float) -> tuple[float, float]:
    middle, half = (k + z * z / 2) / (n + z * z), z / (n + z * z) * sqrt(k * (n - k) / n + z * z / 4)
    return middle - half, middle + half


def student_tail(t: float, df: float) -> float:
    """P(T > t) by Simpson's rule over u = t / x, so that the long tail is a bounded integral."""
    scale = gamma((df + 1) / 2) / (sqrt(df * pi) * gamma(df / 2))
    steps = 2000

    def height(u: float) -> float:
        return 0.0 if u == 0 else scale * (1 + (t / u) ** 2 / df) ** (-(df + 1) / 2) * t / u**2

    weights = [1, *(4 if i % 2 else 2 for i in range(1, steps)), 1]
    return sum(weight * height(i / steps) for i, weight in enumerate(weights)) / (3 * steps)
