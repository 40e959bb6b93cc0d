"""What a message says: one JSON object with a text that people and Slack-like receivers read.

Its parts come from counts, titles and normalised error messages; prompts, payloads and outputs never reach a mart.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

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
    line = f"[recoup] {event} {incident['kind']}: {incident['title']}"
    return "".join(char for char in " ".join(line.split()) if char.isprintable())[:200]


def text_of(incident: Mapping[str, Any], event: str) -> str:
    """Return a few lines: what, since when, why, how completely known, and where to look."""
    until = f", until {incident['closed_at'][:16]} UTC" if event == "closed" else ""
    lines = [
        subject_line(incident, event),
        f"since {incident['opened_at'][:16]} UTC{until}",
        incident["cause"],
        f"completeness: {incident['completeness']}",
    ]
    if incident["rows_query"]:
        lines.append(f'recoup-warehouse query "{incident["rows_query"]}"')
    return "\n".join(lines)[:LONGEST_TEXT]
