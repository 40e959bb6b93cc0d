"""The charts of the report, made by Altair from rows: each takes rows of queries.py and texts that are ready to be shown.

Those of failure rates are in rate_charts.py. Colours, axes and the finished spec belong to chart_style.py.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import altair as alt

from pipelines.console.cause_words import CAUSE_WORDS
from pipelines.database.sql_text import Row
from pipelines.report import chart_style as style
from pipelines.report.chart_style import BAR, Named, Palette, Spec
from pipelines.report.elements import day_words, money, share

HEAT_STEPS = {"all on time": 1, "90 % or more": 0.9, "half or more": 0.5, "less than half": 0}  # by least ratio
UNCLEAR = "nobody can tell"
KNOWN_STEPS = ("all runs seen", "95 % or more", "less")
OPEN = "not known whole"
RECOVERED, MISSING = "found again", "still missing"


def completeness_band(days: Sequence[Row], palette: Palette) -> Spec:
    """One cell per day: whether all its runs were seen."""
    values = [
        {
            "date": row["date"].isoformat(),
            "day": day_words(row),
            "band": "known",
            "state": known_step(row),
            "seen": f"{row['run_count']:,}",
            "missing": f"{row['runs_missing_count']:,}",
        }
        for row in days
    ]
    drawn = (
        style.chart(values)
        .mark_rect(stroke=palette.ground, strokeWidth=1)
        .encode(
            x=style.days([row["date"] for row in days]),
            y=alt.Y("band:N", title=None, axis=style.side(ticks=False, domain=False)),
            color=style.colours(palette, known_legend(palette)),
            tooltip=style.tips(day="day", state="completeness", seen="runs seen", missing="runs missing"),
        )
    )
    return style.spec(drawn, 22, "Completeness of each day", palette)


def spend_over_time(days: Sequence[Row], palette: Palette) -> Spec:
    """Spend by day, that for failed runs apart."""
    form, factor = style.unit([row["total_cents"] for row in days])
    values = [
        {"date": row["date"].isoformat(), "day": day_words(row), "state": part, "order": order, "amount": amount}
        | {"solid": 0.5 if row["is_today"] else 1.0}
        | _money_values(row)
        for row in days
        for part, order, amount in style.halves(row, factor)
    ]
    drawn = (
        style.chart(values)
        .mark_bar(width=alt.RelativeBandSize(0.85))
        .encode(
            x=style.days([row["date"] for row in days]),
            opacity=alt.Opacity("solid:Q", scale=None),
            y=alt.Y("amount:Q", title=None, stack=True, axis=style.side(tickCount=4, **form)),
            color=style.colours(palette, style.spend_legend(palette)),
            order="order:O",
            tooltip=style.tips(day="day", total="spend", wasted="of it wasted", runs="runs"),
        )
    )
    return style.spec(drawn, 200, "Spend by day, the wasted part apart", palette)


def spend_by(rows: Named, what: str, palette: Palette) -> Spec:
    """Spend by model or by account, most first."""
    form, factor = style.unit([row["total_cents"] for _, row in rows])
    values = [
        {"name": name, "rank": rank, "state": part, "order": order, "amount": amount} | _money_values(row)
        for rank, (name, row) in enumerate(rows)
        for part, order, amount in style.halves(row, factor)
    ]
    drawn = (
        style.chart(values)
        .mark_bar()
        .encode(
            x=alt.X("amount:Q", title=None, stack=True, axis=alt.Axis(tickCount=4, **form)),
            y=style.names(),
            color=style.colours(palette, style.spend_legend(palette)),
            order="order:O",
            tooltip=style.tips(name=what, total="spend", wasted="of it wasted", runs="runs"),
        )
    )
    return style.spec(drawn, BAR * len(rows), f"Spend by {what}, the wasted part apart", palette)


def adherence(rows: Named, palette: Palette) -> Spec:
    """Task by day: how many of the ticks that could be judged ran on time."""
    counts = ("expected_count", "on_time_count", "late_count", "missed_count", "unobservable_count")
    values = [
        {
            "date": row["date"].isoformat(),
            "day": day_words(row),
            "name": name,
            "state": heat_step(row["adherence_ratio"]),
        }
        | {"rank": row["task_rank"]}
        | {field: f"{row[field]:,}" for field in counts}
        for name, row in rows
    ]
    said = dict(zip(counts, ("ticks due", "on time", "late", "missed", UNCLEAR), strict=True))
    drawn = (
        style.chart(values)
        .mark_rect(stroke=palette.ground, strokeWidth=1)
        .encode(
            x=style.days(_every_day([row["date"] for _, row in rows])),
            y=style.names(),
            color=style.colours(palette, heat_legend(palette)),
            tooltip=style.tips(name="task", day="day", **said),
        )
    )
    return style.spec(drawn, 20 * len({name for name, _ in rows}), "Schedule adherence by task and day", palette)


def missing_by_cause(causes: Sequence[Row], palette: Palette) -> Spec:
    """Runs that slipped past the polls by cause, and how many of them were found again."""
    tick_count = min(4, max(row["slipped_count"] for row in causes))  # runs are whole, so no tick at half a run
    values = [
        {
            "name": CAUSE_WORDS[row["cause"]],
            "rank": rank,
            "state": part,
            "order": order,
            "count": row[field],
            "says": f"{row[field]:,}",
        }
        for rank, row in enumerate(causes)
        for part, order, field in ((MISSING, 0, "missing_count"), (RECOVERED, 1, "recovered_count"))
    ]
    drawn = (
        style.chart(values)
        .mark_bar()
        .encode(
            x=alt.X("count:Q", title=None, stack=True, axis=alt.Axis(format=",d", tickCount=tick_count)),
            y=style.names(),
            color=style.colours(palette, cause_legend(palette)),
            order="order:O",
            tooltip=style.tips(name="cause", state="runs", says="number"),
        )
    )
    return style.spec(drawn, BAR * len(causes), "Runs that slipped past the polls, by cause", palette)


def known_legend(palette: Palette) -> style.Legend:
    """The colours of completeness."""
    return list(zip((*KNOWN_STEPS, OPEN), (*palette.scale[:3], palette.unknown), strict=True))


def heat_legend(palette: Palette) -> style.Legend:
    """The colours of adherence."""
    return list(zip((*HEAT_STEPS, UNCLEAR), (*palette.scale, palette.unknown), strict=True))


def cause_legend(palette: Palette) -> style.Legend:
    """The colours of what slipped past the polls."""
    return [(MISSING, palette.warn), (RECOVERED, palette.main)]


def known_step(row: Row) -> str:
    """Name the step of a day's completeness; runs known to be missing outweigh what is not known at all."""
    if row["coverage_status"] != "gap":
        return KNOWN_STEPS[0] if row["coverage_status"] == "complete" else OPEN
    return KNOWN_STEPS[1] if (row["coverage_ratio"] or 0) >= 0.95 else KNOWN_STEPS[2]


def heat_step(ratio: float | None) -> str:
    """Name the step of a day's adherence; a day on which nothing could be judged is none of them."""
    if ratio is None:
        return UNCLEAR
    return next(step for step, least in HEAT_STEPS.items() if ratio >= least)


def _money_values(row: Row) -> dict[str, str]:
    return {
        "total": money(row["total_cents"]),
        "wasted": f"{money(row['wasted_cents'])} ({share(row['wasted_ratio'])})",
        "runs": f"{row['run_count']:,}",
    }


def _every_day(dates: Sequence[date]) -> list[date]:
    first, last = min(dates), max(dates)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
