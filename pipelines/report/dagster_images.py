"""The main charts as pictures in Markdown, for the assets whose numbers they show in the Dagster UI.

The charts are those of the page. Altair and the renderer are imported when a picture is drawn.
"""

import base64
from collections.abc import Callable
from typing import Any

from pipelines.database.connection import Connection
from pipelines.transform.model import Key


def pictures(con: Connection) -> dict[Key, str]:
    """Draw each chart that has something to show, by the table that it is about."""
    drawn = {key: draw(con) for key, draw in _DRAWN.items()}
    return {key: _markdown(spec) for key, spec in drawn.items() if spec}


def _failure(con: Connection) -> dict[str, Any] | None:
    from pipelines.report import chart_style, queries, rate_charts

    days = queries.fleet_days(con)
    return rate_charts.failure_over_time(days, chart_style.PICTURE) if any(row["n"] for row in days) else None


def _spend(con: Connection) -> dict[str, Any] | None:
    from pipelines.report import chart_style, charts, queries

    days = queries.fleet_days(con)
    return charts.spend_over_time(days, chart_style.PICTURE) if any(row["total_cents"] for row in days) else None


def _worst(con: Connection) -> dict[str, Any] | None:
    from pipelines.report import chart_style, elements, queries, rate_charts

    rows = queries.worst_tasks(con)
    names = elements.task_names(rows)
    return (
        rate_charts.worst_tasks([(names[row["task_id"]], row) for row in rows], chart_style.PICTURE) if rows else None
    )


_DRAWN: dict[Key, Callable[[Connection], dict[str, Any] | None]] = {
    ("marts", "fleet_daily"): _failure,
    ("marts", "spend_daily"): _spend,
    ("marts", "failure_rates"): _worst,
}


def _markdown(spec: dict[str, Any]) -> str:
    import vl_convert

    # A third of the size of a PNG and half the work. Scripts in an image do not run, so no title can bring one in.
    picture = base64.b64encode(vl_convert.vegalite_to_svg(spec).encode()).decode()
    return f"![{spec['description']}](data:image/svg+xml;base64,{picture})"
