"""How money and shares are written for people."""

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
