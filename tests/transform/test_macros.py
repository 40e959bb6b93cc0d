"""What the SQL macros compute, against plain computation in Python: intervals, money, error messages."""

import random
from decimal import ROUND_HALF_UP, Decimal, localcontext
from math import sqrt

import pytest

from tests.support.statistics_helpers import Z, each, scalar, score_bounds, student_tail


def counts(dice: random.Random) -> tuple[int, int]:
    n = dice.choice([1, 2, 5, 30, 1000, dice.randint(1, 100_000)])
    return dice.choice([0, n, dice.randint(0, n)]), n


@pytest.mark.slow
def test_newcombe_is_made_of_the_two_score_intervals() -> None:
    dice = random.Random(1)
    cases = [(*counts(dice), *counts(dice), z) for z in (Z, 3.0) for _ in range(300)]
    found = each("core.newcombe_low(a, b, c, d, e), core.newcombe_high(a, b, c, d, e)", cases)
    for (k1, n1, k2, n2, z), (low, high) in zip(cases, found, strict=True):
        (low1, high1), (low2, high2) = score_bounds(k1, n1, z), score_bounds(k2, n2, z)
        p1, p2 = k1 / n1, k2 / n2
        assert abs(low - (p2 - p1 - sqrt((p2 - low2) ** 2 + (high1 - p1) ** 2))) < 1e-9
        assert abs(high - (p2 - p1 + sqrt((high2 - p2) ** 2 + (p1 - low1) ** 2))) < 1e-9
        assert -1 - 1e-9 <= low <= p2 - p1 <= high <= 1 + 1e-9


def test_newcombe_gives_the_published_example() -> None:
    """56 of 70 against 48 of 80: Newcombe 1998, table II, method 10."""
    places = {"k1": 48, "n1": 80, "k2": 56, "n2": 70, "z": Z}
    low, high = (scalar(f"core.newcombe_{side}($k1, $n1, $k2, $n2, $z)", **places) for side in ("low", "high"))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    assert scalar("core.newcombe_low(0, 0, 1, 2, 1.96)") is None


@pytest.mark.slow
def test_wilson_bounds_at_any_z_are_the_known_ones_at_95_percent() -> None:
    dice = random.Random(2)
    cases = [counts(dice) for _ in range(300)]
    general = each(f"core.wilson_low_z(a, b, {Z}), core.wilson_high_z(a, b, {Z})", cases)
    wilson = each("core.wilson_low(a, b), core.wilson_high(a, b)", cases)
    for (k, n), found, known in zip(cases, general, wilson, strict=True):
        assert found == pytest.approx(known, abs=1e-12)
        assert found == pytest.approx(score_bounds(k, n, Z), abs=1e-9)


@pytest.mark.parametrize("df", [5, 9, 9.7, 18, 40, 150])
def test_students_quantile_leaves_two_and_a_half_percent_above(df: float) -> None:
    quantile = scalar("core.student_quantile($df)", df=df)
    assert isinstance(quantile, float)
    assert student_tail(quantile, df) == pytest.approx(0.025, rel=2e-3)


@pytest.mark.slow
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


def test_dollars_are_cents_rounded_once_and_can_be_multiplied() -> None:
    dice = random.Random(4)
    sizes = [10 ** dice.randint(0, 38) for _ in range(300)] + [10**38 - 1]
    cases = [(str(Decimal(dice.choice([-1, 1]) * dice.randint(size // 2, size - 1)).scaleb(-20)),) for size in sizes]
    found = each("core.usd(a::decimal(38, 20))", cases)
    with localcontext() as context:
        context.prec = 80
        for (cents,), (dollars,) in zip(cases, found, strict=True):
            assert dollars == (Decimal(cents) / 100).quantize(Decimal(1).scaleb(-10), rounding=ROUND_HALF_UP)
    assert scalar("core.usd(30::decimal(38, 20)) * core.usd(30::decimal(38, 20))") == Decimal("0.09")
    assert scalar("core.usd(null::decimal(38, 20))") is None


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
