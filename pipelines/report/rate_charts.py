"""The charts of failure rates, by day and by task, with the intervals that so few runs allow.

Colours, axes and the finished spec belong to chart_style.py.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt

from pipelines.database.sql_text import Row
from pipelines.report import chart_style as style
from pipelines.report.chart_style import BAR, Named, Palette, Spec
from pipelines.report.elements import day_words, rate, with_unseen


def failure_over_time(days: Sequence[Row], palette: Palette) -> Spec:
    """The fleet's failure rate by day in its 95 % interval; days on which no run ended leave a hole.

    Today is not over: its few runs would look like a spike, so it is a hollow point that sets no scale.
    """
    rates = [None, *(row["failure_ratio"] for row in days), None]
    values = [
        {"date": row["date"].isoformat(), "is_alone": row["n"] and before is None and after is None} | _rate_values(row)
        for before, row, after in zip(rates, days, rates[2:], strict=False)
    ]
    over = [value for value, row in zip(values, days, strict=True) if not row["is_today"]]
    today = [value for value, row in zip(values, days, strict=True) if row["is_today"] and row["n"]]
    x = style.days([row["date"] for row in days])
    low, level = _levels(over if any(value["rate"] is not None for value in over) else today)
    line: dict[str, Any] = {"color": palette.bad, "clip": True}
    base = style.chart(over).encode(x=x)
    layers: list[alt.Chart] = [
        base.mark_area(**line, opacity=0.18).encode(y=low, y2="high:Q"),
        base.mark_line(**line, strokeWidth=2).encode(y=level),
        base.mark_point(**line, filled=True, size=40, opacity=1).encode(y=level),
    ]
    # A day between two holes has neither area nor line, and today stands apart.
    for alone, is_over in (([value for value in over if value["is_alone"]], True), (today, False)):
        if alone:
            at = style.chart(alone).encode(x=x)
            layers.append(at.mark_rule(**line, opacity=0.3, strokeWidth=6 if is_over else 2).encode(y=low, y2="high:Q"))
    if today:
        hollow = style.chart(today).mark_point(**line, filled=False, size=60, opacity=1)
        layers.append(hollow.encode(x=x, y=level))
    # Invisible, as wide as its day: the pointer finds the tooltip anywhere in the day.
    tooltip = style.tips(day="day", failed="failed", says="rate (95 % interval)")
    layers.append(style.chart(values).mark_rect(opacity=0).encode(x=x, tooltip=tooltip))
    return style.spec(alt.layer(*layers), 220, "Failure rate of the fleet by day", palette)


def _levels(values: Sequence[Spec]) -> tuple[alt.Y, alt.Y]:
    highest = min(max((value["high"] or 0 for value in values), default=0) * 1.05, 1) or 1
    scale, axis = alt.Scale(domain=[0, highest], nice=False), style.side(format="%", tickCount=4)
    low, level = (alt.Y(f"{field}:Q", title=None, axis=axis, scale=scale) for field in ("low", "rate"))
    return low, level


def worst_tasks(rows: Named, palette: Palette) -> Spec:
    """Failure rates in their intervals, the worst lower bound first; a thin line adds what was not seen."""
    values: list[Spec] = [
        {"name": name, "rank": rank, "lost": f"{row['runs_missing_count']:,}"}
        | _rate_values(row)
        | {"least": row["failure_ratio_modelled_low"], "most": row["failure_ratio_modelled_high"]}
        | {"unseen": with_unseen(row)}
        for rank, (name, row) in enumerate(rows)
    ]
    base = style.chart(values).encode(
        y=style.names(),
        tooltip=style.tips(
            name="task",
            failed="failed",
            says="rate (95 % interval)",
            lost="runs missing",
            unseen="with what was not seen",
        ),
    )
    low, level, least = (
        alt.X(f"{field}:Q", title=None, axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domain=[0, 1]))
        for field in ("low", "rate", "least")
    )
    thin = base.transform_filter("isValid(datum.least)").mark_rule(color=palette.bad, strokeWidth=2, opacity=0.6)
    rule = base.mark_rule(color=palette.bad, strokeWidth=7, opacity=0.3).encode(x=low, x2="high:Q")
    point = base.mark_point(color=palette.bad, filled=True, size=80, opacity=1).encode(x=level)
    return style.spec(
        alt.layer(rule, thin.encode(x=least, x2="most:Q"), point),
        BAR * len(rows),
        "Failure rates of the worst tasks in their intervals",
        palette,
    )


def _rate_values(row: Row) -> Spec:
    low, high = row["failure_ratio_low"], row["failure_ratio_high"]
    return {
        "day": day_words(row) if "date" in row else None,
        "rate": row["failure_ratio"],
        "low": low,
        "high": high,
        "failed": f"{row['failed_count']:,} of {row['n']:,}",
        "says": rate(row["failure_ratio"], low, high),
    }
