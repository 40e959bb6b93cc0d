"""The charts of the report, made by Altair from rows: each takes what queries.py answers, and words made beforehand.

Colours, axes and the finished spec belong to look.py, the text around a chart to page.py.
"""

from collections.abc import Sequence

import altair as alt

from pipelines.report import look
from pipelines.report.look import Palette
from pipelines.report.parts import CAUSE_WORDS, COVERAGE_WORDS, money, rate, share
from pipelines.report.queries import Row

Named = Sequence[tuple[str, Row]]

HEAT_STEPS = ("all on time", "90 % or more", "half or more", "less than half")
UNCLEAR = "nobody can tell"
RECOVERED, MISSING = "found again", "still missing"


def failure_over_time(days: Sequence[Row], palette: Palette) -> alt.LayerChart:
    """The fleet's failure rate by day in its 95 % interval; days on which no run ended leave a hole."""
    values = [{"date": row["date"].isoformat()} | _rate_values(row) for row in days]
    base = alt.Chart(alt.Data(values=values)).encode(x=look.days())
    low, level = (
        alt.Y(
            f"{field}:Q", title=None, axis=look.side(format="%", tickCount=4), scale=alt.Scale(domainMin=0, nice=True)
        )
        for field in ("low", "rate")
    )
    band = base.mark_area(color=palette.bad, opacity=0.18).encode(y=low, y2="high:Q")
    # A day between two holes has neither area nor line: its interval is a rule, its rate a point.
    rules = base.mark_rule(color=palette.bad, opacity=0.3).encode(y=low, y2="high:Q")
    line = base.mark_line(color=palette.bad, strokeWidth=2).encode(y=level)
    points = base.mark_point(color=palette.bad, filled=True, size=40, opacity=1).encode(
        y=level, tooltip=look.tips(day="day", failed="failed", says="rate (95 % interval)")
    )
    return alt.layer(band, rules, line, points).properties(width="container", height=220)


def completeness_band(days: Sequence[Row], palette: Palette) -> alt.Chart:
    """One cell per day: whether all its runs were seen."""
    values = [
        {
            "date": row["date"].isoformat(),
            "day": _day(row),
            "band": "known",
            "state": COVERAGE_WORDS[row["coverage_status"]],
            "seen": f"{row['run_count']:,}",
            "missing": f"{row['runs_missing_count']:,}",
        }
        for row in days
    ]
    scale = alt.Scale(domain=list(COVERAGE_WORDS.values()), range=[palette.main, palette.warn, palette.unknown])
    return (
        alt.Chart(alt.Data(values=values))
        .mark_rect(stroke=palette.ground, strokeWidth=1)
        .encode(
            x=look.days(),
            y=alt.Y("band:N", title=None, axis=look.side(ticks=False, domain=False)),
            color=alt.Color("state:N", scale=scale, legend=alt.Legend(title=None)),
            tooltip=look.tips(day="day", state="completeness", seen="runs seen", missing="runs missing"),
        )
        .properties(width="container", height=22)
    )


def spend_over_time(days: Sequence[Row], palette: Palette) -> alt.Chart:
    """Spend by day, that for failed runs apart."""
    form, factor = look.unit([row["total_cents"] for row in days])
    values = [
        {"date": row["date"].isoformat(), "day": _day(row), "part": part, "order": order, "amount": amount}
        | _money_values(row)
        for row in days
        for part, order, amount in look.halves(row, factor)
    ]
    return (
        alt.Chart(alt.Data(values=values))
        .mark_bar()
        .encode(
            x=look.days(),
            y=alt.Y("amount:Q", title=None, stack=True, axis=look.side(tickCount=4, **form)),
            color=look.parts(palette),
            order="order:O",
            tooltip=look.tips(day="day", total="spend", wasted="of it wasted", runs="runs"),
        )
        .properties(width="container", height=200)
    )


def spend_by(rows: Named, what: str, palette: Palette) -> alt.Chart:
    """Spend by model or by account, most first."""
    form, factor = look.unit([row["total_cents"] for _, row in rows])
    values = [
        {"name": name, "part": part, "order": order, "amount": amount} | _money_values(row)
        for name, row in rows
        for part, order, amount in look.halves(row, factor)
    ]
    return (
        alt.Chart(alt.Data(values=values))
        .mark_bar()
        .encode(
            x=alt.X("amount:Q", title=None, stack=True, axis=alt.Axis(tickCount=4, **form)),
            y=look.names([name for name, _ in rows]),
            color=look.parts(palette),
            order="order:O",
            tooltip=look.tips(name=what, total="spend", wasted="of it wasted", runs="runs"),
        )
        .properties(width="container", height=alt.Step(26))
    )


def worst_tasks(rows: Named, palette: Palette) -> alt.LayerChart:
    """Failure rates in their intervals, the surely worst first."""
    values = [{"name": name, "lost": f"{row['runs_missing_count']:,}"} | _rate_values(row) for name, row in rows]
    base = alt.Chart(alt.Data(values=values)).encode(
        y=look.names([name for name, _ in rows]),
        tooltip=look.tips(name="task", failed="failed", says="rate (95 % interval)", lost="runs missing"),
    )
    low, level = (
        alt.X(f"{field}:Q", title=None, axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domain=[0, 1]))
        for field in ("low", "rate")
    )
    rule = base.mark_rule(color=palette.bad, strokeWidth=7, opacity=0.3).encode(x=low, x2="high:Q")
    point = base.mark_point(color=palette.bad, filled=True, size=80, opacity=1).encode(x=level)
    return alt.layer(rule, point).properties(width="container", height=alt.Step(26))


def adherence(rows: Named, palette: Palette) -> alt.Chart:
    """Task by day: how many of the ticks that could be judged ran on time."""
    counts = ("expected_count", "on_time_count", "late_count", "missed_count", "unobservable_count")
    values = [
        {"date": row["date"].isoformat(), "day": _day(row), "name": name, "state": heat_step(row["adherence_ratio"])}
        | {field: f"{row[field]:,}" for field in counts}
        for name, row in rows
    ]
    scale = alt.Scale(domain=[*HEAT_STEPS, UNCLEAR], range=[*palette.scale, palette.unknown])
    said = dict(zip(counts, ("ticks due", "on time", "late", "missed", UNCLEAR), strict=True))
    return (
        alt.Chart(alt.Data(values=values))
        .mark_rect(stroke=palette.ground, strokeWidth=1)
        .encode(
            x=look.days(),
            y=look.names(list(dict.fromkeys(name for name, _ in rows))),
            color=alt.Color("state:N", scale=scale, legend=alt.Legend(title=None, columns=3)),
            tooltip=look.tips(name="task", day="day", **said),
        )
        .properties(width="container", height=alt.Step(20))
    )


def missing_by_cause(causes: Sequence[Row], palette: Palette) -> alt.Chart:
    """Runs that slipped past the polls by cause, and how many of them were found again."""
    values = [
        {
            "name": CAUSE_WORDS[row["cause"]],
            "part": part,
            "order": order,
            "count": row[field],
            "says": f"{row[field]:,}",
        }
        for row in causes
        for part, order, field in ((MISSING, 0, "missing_count"), (RECOVERED, 1, "recovered_count"))
    ]
    scale = alt.Scale(domain=[MISSING, RECOVERED], range=[palette.warn, palette.main])
    return (
        alt.Chart(alt.Data(values=values))
        .mark_bar()
        .encode(
            x=alt.X("count:Q", title=None, stack=True, axis=alt.Axis(format=",d", tickCount=4, tickMinStep=1)),
            y=look.names([CAUSE_WORDS[row["cause"]] for row in causes]),
            color=alt.Color("part:N", scale=scale, legend=alt.Legend(title=None)),
            order="order:O",
            tooltip=look.tips(name="cause", part="runs", says="number"),
        )
        .properties(width="container", height=alt.Step(26))
    )


def heat_step(ratio: float | None) -> str:
    """Name the step of a day's adherence; a day of which nobody can tell is none of them."""
    if ratio is None:
        return UNCLEAR
    return HEAT_STEPS[0 if ratio == 1 else 1 if ratio >= 0.9 else 2 if ratio >= 0.5 else 3]


def _rate_values(row: Row) -> dict[str, float | str | None]:
    low, high = row["failure_ratio_low"], row["failure_ratio_high"]
    return {
        "day": _day(row) if "date" in row else None,
        "rate": row["failure_ratio"],
        "low": low,
        "high": high,
        "failed": f"{row['failed_count']:,} of {row['n']:,}",
        "says": rate(row["failure_ratio"], low, high),
    }


def _money_values(row: Row) -> dict[str, str]:
    return {
        "total": money(row["total_cents"]),
        "wasted": f"{money(row['wasted_cents'])} ({share(row['wasted_ratio'])})",
        "runs": f"{row['run_count']:,}",
    }


def _day(row: Row) -> str:
    return f"{row['date']:%a %d %b %Y}"
