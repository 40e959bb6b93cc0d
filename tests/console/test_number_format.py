"""How money, shares and durations are written for people."""

import random
from datetime import timedelta
from decimal import Decimal

import duckdb
import pytest

from pipelines.console import number_format
from pipelines.paths import SQL_DIR


class TestFigures:
    """Small money is not nothing, and no share is rounded to a whole that it is not."""

    @pytest.mark.parametrize(
        ("cents", "text"),
        [
            ("0.04", "0.04 ¢"),
            ("0.0025", "0.0025 ¢"),
            ("0", "$0"),
            ("7.5", "7.5 ¢"),
            ("42.4", "42 ¢"),
            ("99.6", "$1.00"),
            ("123456", "$1,234.56"),
        ],
    )
    def test_money(self, cents: str, text: str) -> None:
        assert number_format.money(Decimal(cents)) == text

    @pytest.mark.parametrize(
        ("ratio", "text"),
        [(0, "0 %"), (0.0001, "0.1 %"), (0.9999, "99.9 %"), (1, "100 %"), (0.425, "42 %"), (None, "-")],
    )
    def test_share(self, ratio: float | None, text: str) -> None:
        assert number_format.share(ratio) == text


class TestDurations:
    """Two units at most, rounded first; console, messages and page write the same."""

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0.0 s"),
            (-3, "0.0 s"),
            (4.24, "4.2 s"),
            (9.96, "10 s"),
            (59.6, "1 min"),
            (250, "4 min 10 s"),
            (3_599.6, "1 h"),
            (716 * 60, "11 h 56 min"),
            (47.9999 * 3600, "2 d"),
            (74.4 * 3600, "3 d 2 h"),
        ],
    )
    def test_are_written(self, seconds: float, text: str) -> None:
        assert number_format.duration(timedelta(seconds=seconds)) == text

    def test_are_the_same_in_sql(self) -> None:
        dice = random.Random(2)
        edges = [edge + more for edge in (9_950, 59_500, 3_599_500, 172_770_000) for more in (-1, 0, 1, 499, 500)]
        lengths = [*edges, *(int(10 ** dice.uniform(0, 10)) for _ in range(2_000)), -5]
        macros = (SQL_DIR / "macros" / "durations.sql").read_text("utf-8")
        with duckdb.connect() as con:
            con.execute(f"create schema core; {macros}")
            written = con.execute("select core.duration_text(unnest(?::bigint[]))", [lengths]).fetchall()
        assert [text for (text,) in written] == [number_format.duration(length) for length in lengths]

    @pytest.mark.slow
    def test_sql_writes_the_same_amounts(self) -> None:
        dice = random.Random(5)
        texts = ["0", "0.04", "99.4", "99.5", "9.96", "0.0996", "99.49", "100", "123456.5", "-0.25", "-250"]
        texts += [f"{10 ** dice.uniform(-9, 9):.12f}" for _ in range(2_000)]
        amounts = [Decimal(text) for text in texts]
        macros = (SQL_DIR / "macros" / "money_text.sql").read_text("utf-8")
        with duckdb.connect() as con:
            con.execute(f"create schema core; {macros}")
            written = con.execute("select core.money_text(unnest(?::decimal(38, 20)[]))", [amounts]).fetchall()
        assert [text for (text,) in written] == [number_format.money(amount) for amount in amounts]


class TestEstimates:
    """A ratio and its interval are written to the same digit, so that none lies outside the other."""

    @pytest.mark.parametrize(
        ("ratio", "low", "high", "text"),
        [
            (0.0143, 0.011, 0.019, ("1.4 %", "1.1-1.9 %")),
            (0.8, 0.49, 0.94, ("80 %", "49-94 %")),
            (0.004, 0.001, 0.03, ("0.4 %", "0.1-3.0 %")),
            (0.0, 0.0, 0.3, ("0 %", "0-30 %")),
            (1.0, 0.7, 1.0, ("100 %", "70-100 %")),
            (0.9996, 0.9, 1.0, ("99.96 %", "90.00-100.00 %")),
            (None, None, None, ("-", "-")),
        ],
    )
    def test_are_written(
        self, ratio: float | None, low: float | None, high: float | None, text: tuple[str, str]
    ) -> None:
        assert number_format.estimate(ratio, low, high) == text

    def test_keep_the_ratio_inside_its_interval(self) -> None:
        dice = random.Random(1)
        for _ in range(2_000):
            low, ratio, high = sorted(dice.choice([0, 1, dice.random(), dice.random() ** 8]) for _ in range(3))
            point, bounds = number_format.estimate(ratio, low, high)
            below, above = map(float, bounds.removesuffix(" %").split("-"))
            assert below <= float(point.removesuffix(" %")) <= above
            assert (float(point.removesuffix(" %")) in (0, 100)) == (ratio in (0, 1)) or 0 < min(
                ratio, 1 - ratio
            ) < 1e-5
