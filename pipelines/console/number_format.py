"""Numbers and times as people read them. What is counted, and how it is laid out, does not belong here."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

NOTHING = "-"


def money(cents: Decimal | None) -> str:
    """Write cents so that a small amount keeps its digits: `0.04 ¢` is not `$0.00`."""
    if cents is None:
        return NOTHING
    size = abs(cents)
    if size == 0:
        return "$0"
    # Two digits besides leading zeros, so that 0.0025 does not become 0.00.
    digits = max(1 - size.adjusted(), 0)
    if _rounded(size, digits) < 100:
        return f"{_rounded(cents, digits).normalize():f} ¢"
    return f"${_rounded(cents / 100, 2):,f}"


def known_money(cents: Decimal | None, unpriced_count: int) -> str:
    """Write a sum of costs of which some may be unknown: it is a lower bound then, and of a bound of 0 nothing is known."""
    if not unpriced_count:
        return money(cents)
    return f"{money(cents)} or more" if cents else NOTHING


def share(ratio: float | None) -> str:
    """Write a ratio as a percentage, with a digit after the point where whole percents would say 0 or 100."""
    if ratio is None:
        return NOTHING
    percent = ratio * 100
    if 0 < percent < 1 or 99 < percent < 100:
        # Never shown as 0 or 100 percent, which it is not.
        return f"{min(max(percent, 0.1), 99.9):.1f} %"
    return f"{percent:.0f} %"


def estimate(ratio: float | None, low: float | None, high: float | None) -> tuple[str, str]:
    """Write a ratio and its 95 % interval in percent, all three to one digit: rounded apart, one could leave the other.

    A narrow interval keeps a digit, and so does a ratio that would round to 0 or 100 percent, which it is not.
    """
    if ratio is None or low is None or high is None:
        return NOTHING, NOTHING
    digits = 0 if high - low >= 0.02 else 1
    while digits < 4 and 0 < ratio < 1 and float(f"{ratio * 100:.{digits}f}") in (0, 100):
        digits += 1
    point, below, above = (f"{value * 100:.{digits}f}" for value in (ratio, low, high))
    return f"{point} %", f"{below}-{above} %"


def count(number: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: `1 task`, `2,400 runs`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Write bytes in the unit that fits."""
    amount, unit = float(number), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def duration(length: timedelta | int | float | Decimal | None) -> str:
    """Write how long something is (a number: milliseconds): `4.2 s`, `48 s`, `4 min 10 s`, `11 h 56 min`, `3 d 2 h`.

    core.duration_text writes the same in SQL.
    """
    if length is None:
        return NOTHING
    milliseconds = length.total_seconds() * 1000 if isinstance(length, timedelta) else length
    ms = max(int(milliseconds), 0)
    if ms < 9_950:
        return "{}.{} s".format(*divmod((ms + 50) // 100, 10))
    if ms < 59_500:
        return f"{(ms + 500) // 1000} s"
    for below, unit_ms, per_unit, unit, small_unit in (
        (3_599_500, 1000, 60, "min", "s"),
        (172_770_000, 60_000, 60, "h", "min"),
    ):
        if ms < below:
            return _two_units((ms + unit_ms // 2) // unit_ms, per_unit, unit, small_unit)
    return _two_units((ms + 1_800_000) // 3_600_000, 24, "d", "h")


def _two_units(number: int, per_unit: int, unit: str, small_unit: str) -> str:
    whole, rest = divmod(number, per_unit)
    return f"{whole} {unit}" + (f" {rest} {small_unit}" if rest else "")


def moment(instant: datetime) -> str:
    """Write an instant, which is in UTC, to the minute."""
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def shown_path(path: Path) -> str:
    """Write a path as a person would type it here: relative when it lies below the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
