"""What a message says: one JSON object with a text that people and Slack-like receivers read.

Its parts come from counts, titles and normalised error messages; prompts, payloads and outputs never reach a mart.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pipelines.console.number_format import duration, moment
from pipelines.console.one_line import one_line

LONGEST_TEXT = 2000
TOLD = (
    "incident_id",
    "kind",
    "subject",
    "title",
    "state",
    "opened_at",
    "closed_at",
    "cause",
    "measure",
    "completeness",
)


def body_of(incident: Mapping[str, Any], event: str, key: str, limit: float | None) -> str:
    """Return the JSON text of a message; `key` tells a receiver that it has it already."""
    facts = {name: incident[name] for name in TOLD} | {"query": incident["rows_query"], "limit": limit}
    return json.dumps(
        {"key": key, "event": event, "subject_line": subject_line(incident, event)}
        | facts
        | {"text": text_of(incident, event)}
    )


def body_of_digest(day: date, text: str, key: str) -> str:
    """Return the JSON text of a day's digest."""
    line = f"[recoup] digest of {day}"
    return json.dumps({"key": key, "event": "digest", "subject_line": line, "day": day.isoformat(), "text": text})


def subject_line(incident: Mapping[str, Any], event: str) -> str:
    """Return one line, without control characters, whatever a title holds."""
    return one_line(f"[recoup] {event}: {heading(incident)}")[:200]


def heading(incident: Mapping[str, Any]) -> str:
    """Return kind and title as people read them."""
    return f"{incident['kind'].replace('_', ' ')}: {incident['title']}"


def times(incident: Mapping[str, Any]) -> str:
    """Return since when it lasts, or from when to when and how long it did."""
    opened, closed = incident["opened_at"], incident["closed_at"]
    if not closed:
        return f"since {_moment(opened)}"
    lasted = duration(datetime.fromisoformat(closed) - datetime.fromisoformat(opened))
    return f"from {_moment(opened)} to {_moment(closed)}, {lasted}"


def _moment(stored: str) -> str:
    return moment(datetime.fromisoformat(stored))


def text_of(incident: Mapping[str, Any], event: str) -> str:
    """Return a few lines: what, since when, why, how completely known, and where to look."""
    lines = [
        subject_line(incident, event),
        times(incident),
        incident["cause"],
        f"completeness: {incident['completeness']}",
    ]
    if incident["rows_query"]:
        lines.append(f'recoup-warehouse query "{incident["rows_query"]}"')
    return "\n".join(lines)[:LONGEST_TEXT]
