"""The main charts as pictures in Markdown, for the assets whose numbers they show in the Dagster UI.

The charts are those of the page. Altair and the renderer are imported when a picture is drawn: when its numbers changed.
"""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipelines.atomic_write import write_whole
from pipelines.database.connection import Connection
from pipelines.database.sql_text import Row
from pipelines.report import queries
from pipelines.transform.model import Key

# Of each table, a digest of what its picture was drawn of, and the picture.
Kept = dict[str, tuple[str, str]]


def pictures(con: Connection, kept_file: Path) -> dict[Key, str]:
    """Return each chart that has something to show, by the table that it is about.

    `kept_file` holds those drawn last, and gives them back while their numbers and the code of the charts are the same.
    """
    before, now, shown = _read(kept_file), Kept(), dict[Key, str]()
    for key, (ask, has_something, draw) in _DRAWN.items():
        rows = ask(con)
        if any(row[has_something] for row in rows):
            relation, digest = ".".join(key), _digest(rows)
            known, markdown = before.get(relation, ("", ""))
            now[relation] = digest, markdown if known == digest else _markdown(draw(rows))
            shown[key] = now[relation][1]
    if now != before:
        write_whole(kept_file, json.dumps(now).encode())
    return shown


def _read(kept_file: Path) -> Kept:
    """Return what was drawn last; nothing where that is gone or cannot be read, for it can be drawn again."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        return {table: (digest, markdown) for table, (digest, markdown) in json.loads(kept_file.read_bytes()).items()}
    return {}


def _digest(rows: list[Row]) -> str:
    told = sha256(repr(rows).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        told.update(path.read_bytes())
    return told.hexdigest()


def _failure(days: list[Row]) -> dict[str, Any]:
    from pipelines.report import chart_style, rate_charts

    return rate_charts.failure_over_time(days, chart_style.PICTURE)


def _spend(days: list[Row]) -> dict[str, Any]:
    from pipelines.report import chart_style, charts

    return charts.spend_over_time(days, chart_style.PICTURE)


def _worst(tasks: list[Row]) -> dict[str, Any]:
    from pipelines.report import chart_style, elements, rate_charts

    names = elements.task_names(tasks)
    return rate_charts.worst_tasks([(names[row["task_id"]], row) for row in tasks], chart_style.PICTURE)


# What is asked, the column in which some row must have something, and how it is drawn.
_DRAWN: dict[Key, tuple[Callable[[Connection], list[Row]], str, Callable[[list[Row]], dict[str, Any]]]] = {
    ("marts", "fleet_daily"): (queries.fleet_days, "n", _failure),
    ("marts", "spend_daily"): (queries.fleet_days, "total_cents", _spend),
    ("marts", "failure_rates"): (queries.worst_tasks, "failed_count", _worst),
}


def _markdown(spec: dict[str, Any]) -> str:
    import vl_convert

    # A third of the size of a PNG and half the work. Scripts in an image do not run, so no title can bring one in.
    picture = base64.b64encode(vl_convert.vegalite_to_svg(spec).encode()).decode()
    return f"![{spec['description']}](data:image/svg+xml;base64,{picture})"
