"""How every chart looks: colours by meaning, axes, tooltips, and the finished Vega-Lite spec.

What a chart shows belongs to charts.py. Altair takes half a second to import, so import this when a chart is drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import altair as alt

from pipelines.database.sql_text import Row

SIDE_WIDTH = 46
PICTURE_WIDTH = 680
BAR = 26
FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

USEFUL, WASTED = "other runs", "failed runs (wasted)"

Legend = list[tuple[str, str]]
Spec = dict[str, Any]
Named = Sequence[tuple[str, Row]]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by what they mean."""

    quiet: str
    line: str
    ground: str
    main: str
    bad: str
    warn: str
    unknown: str
    scale: tuple[str, str, str, str]


# The page sets these variables, so that the same chart serves its light and its dark look.
PAGE = Palette(
    quiet="var(--quiet)",
    line="var(--line)",
    ground="var(--card)",
    main="var(--main)",
    bad="var(--bad)",
    warn="var(--warn)",
    unknown="var(--unknown)",
    scale=("var(--heat-0)", "var(--heat-1)", "var(--heat-2)", "var(--heat-3)"),
)
# A picture stands alone, on its own background.
PICTURE = Palette(
    quiet="#566270",
    line="#dde2e8",
    ground="#ffffff",
    main="#2f6db5",
    bad="#c4382f",
    warn="#b46a00",
    unknown="#c3c9d1",
    scale=("#bfe3d3", "#f3d68a", "#e8944a", "#b3261e"),
)


def spec(drawn: alt.Chart | alt.LayerChart | alt.FacetChart, height: int, description: str, palette: Palette) -> Spec:
    """Finish a chart: its size, what it says to a screen reader, and the look of all that is not data."""
    words = {"labelColor": palette.quiet, "titleColor": palette.quiet, "labelFontSize": 12, "titleFontSize": 12}
    lines = {"gridColor": palette.line, "domainColor": palette.line, "tickColor": palette.line}
    is_picture = palette is PICTURE
    # Checking a spec against the grammar takes longer than drawing it; tests/report/test_page.py does it.
    made: Spec = drawn.to_dict(validate=False)
    return made | {
        "description": description,
        "width": PICTURE_WIDTH if is_picture else "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "background": palette.ground if is_picture else "transparent",
        "config": {
            # The chart as a whole has a description and a table; its thousand marks need no words of their own.
            "aria": False,
            "font": FONT,
            "view": {"stroke": None},
            "axis": words | lines,
            "legend": words | {"orient": "top", "symbolType": "square", "labelLimit": 240},
        },
    }


def chart(values: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """A chart of rows that stand in the spec itself."""
    return alt.Chart(alt.InlineData(values=[dict(value) for value in values]))


def days(dates: Sequence[date]) -> alt.X:
    """The axis of days: a column for each, its label below its middle. `dates` are all days, also those without a mark.

    Days are dates without a zone, so nothing may move them into the reader's.
    """
    every = [day.isoformat() for day in sorted(set(dates))]
    shown = every[:: -max(len(every) // 8, 1)]
    label = "utcFormat(toDate(datum.value), '%-d %b')"
    axis = alt.Axis(values=shown, labelExpr=label, labelAngle=0, labelOverlap=True, grid=False)
    return alt.X("date:O", scale=alt.Scale(type="band", domain=every, padding=0), title=None, axis=axis)


def side(**options: Any) -> alt.Axis:
    """A vertical axis of one width, so that charts below each other share their days."""
    return alt.Axis(minExtent=SIDE_WIDTH, maxExtent=SIDE_WIDTH, labelPadding=6, **options)


def names() -> alt.Y:
    """A vertical axis of names, by the field `rank`.

    A list of names to sort by would become part of an expression; names come from the API and stay data.
    """
    axis = alt.Axis(ticks=False, domain=False, labelPadding=8)
    return alt.Y("name:N", title=None, sort=alt.EncodingSortField("rank", op="min"), axis=axis)


def tips(**titles: str) -> list[alt.Tooltip]:
    """A tooltip of words made beforehand, by field."""
    return [alt.Tooltip(f"{name}:N", title=title) for name, title in titles.items()]


def spend_legend(palette: Palette) -> Legend:
    """The two parts of spend."""
    return [(WASTED, palette.bad), (USEFUL, palette.main)]


def colours(palette: Palette, legend: Legend) -> alt.Color:
    """Colours by word. On the page the legend is part of its text, where it can wrap; only a picture draws its own."""
    scale = alt.Scale(domain=[word for word, _ in legend], range=[colour for _, colour in legend])
    return alt.Color("state:N", scale=scale, legend=None if palette is PAGE else alt.Legend(title=None))


def unit(amounts: Sequence[Decimal | None]) -> tuple[dict[str, Any], Decimal]:
    """Choose the labels of a money axis that fit its largest amount, and what to multiply cents with."""
    largest = max((amount for amount in amounts if amount is not None), default=Decimal(0))
    if largest >= 100:
        return {"format": "$,.2f"}, Decimal("0.01")
    return {"format": ",.3~r", "labelExpr": "datum.label + ' ¢'"}, Decimal(1)


def halves(row: Row, factor: Decimal) -> list[tuple[str, int, float | None]]:
    """Split an amount into its two parts, wasted money at the bottom; unknown stays unknown."""
    total, wasted = row["total_cents"], row["wasted_cents"]
    if total is None:
        return []
    wasted = wasted or Decimal(0)
    return [(WASTED, 0, float(wasted * factor)), (USEFUL, 1, float((total - wasted) * factor))]
