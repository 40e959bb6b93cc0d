"""How money and shares are written for people."""

import random
from decimal import Decimal

import pytest

from pipelines.console import number_format


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
