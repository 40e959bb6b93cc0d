"""Fills the template of the page, and words what stands at its top and at its end.

Texts from the API (titles, messages, names) reach the page through the template's escaping and no other way.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.console import number_format
from pipelines.report import changes, doubts, glance, health_table, pace, restated, sections, spending, task_parts
from pipelines.report.queries import Answers

TEMPLATES = Path(__file__).parent / "templates"
SOURCES = {
    "simulator": "a simulated Recoup API",
    "file": "saved response bodies",
    "none": "nothing yet, since no poll was loaded",
}


@dataclass(frozen=True, slots=True)
class Script:
    """A script that stands in the page, and the hash by which the page's own policy lets it run."""

    text: Markup
    hash: str

    @classmethod
    def of(cls, text: str) -> "Script":
        """Wrap JavaScript. It must not end its own element."""
        if "</script" in text.lower() or "<!--" in text:
            raise ValueError("a script that holds </script or <!-- cannot stand in a page")
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        return cls(Markup(text), f"'sha256-{digest}'")  # noqa: S704 (our own code and the charting library)


def render(answers: Answers, library: str) -> str:
    """Return the page. `library` is the JavaScript that draws the charts."""
    own = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),  # noqa: S704 (our own file)
            scripts=[Script.of(library), Script.of(own)],
            **context(answers),
        )
    )


@cache
def _environment() -> Environment:
    """Read the templates once a process."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def context(answers: Answers) -> dict[str, Any]:
    """Return everything that the template shows, in words."""
    info = answers.first.info
    return {
        "info": info,
        "as_of": number_format.moment(info["built_at"]),
        "last_poll": number_format.moment(info["polls_until"]) if info["polls_until"] else "none",
        "source": SOURCES.get(info["source"], "the Recoup API"),
        "is_simulated": info["source"] == "simulator",
        "warnings": doubts.doubts(answers.first.last_poll),
        "facts": glance.facts(answers.first),
        "incidents": changes.incidents(answers),
        "failure": sections.failure(answers),
        "completeness": sections.completeness(answers),
        "worst": sections.worst(answers),
        "budgets": spending.budgets(answers),
        "spend": spending.spend(answers),
        "costs": spending.costs(answers),
        "anomalies": changes.anomalies(answers),
        "changes": changes.changes(answers),
        "pace": pace.pace(answers),
        "columns": health_table.COLUMNS,
        "board": health_table.board(answers.first.health),
        "usually_known": health_table.usually_known(answers.first.health),
        "errors": health_table.errors(answers.errors),
        "error_count": answers.error_count,
        "adherence": sections.adherence(answers),
        "causes": sections.causes(answers),
        "restatements": restated.restatements(answers),
        "notes": list(_notes(answers)),
        "headings": task_parts.headings(),
        "parts": task_parts.parts(answers.parts),
    }


def _notes(answers: Answers) -> Iterator[str]:
    info, polling = answers.first.info, answers.polling
    if info["run_count"]:
        period = f"{info['first_run_at']:%Y-%m-%d} to {info['last_run_at']:%Y-%m-%d}"
        kept = f"{number_format.count(info['run_count'], 'run')} of {number_format.count(info['task_count'], 'task')}"
        yield f"Kept: {kept}, {period}; {info['rescued_run_count']:,} of the runs the API does not show any more."
    if info["deleted_task_count"]:
        yield f"Deleted tasks stay here: {info['deleted_task_count']:,}."
    if info["runs_not_attributed_count"]:
        listed = number_format.count(info["runs_not_attributed_count"], "run")
        yield f"{listed} listed, not attributed: more than one task can have made them."
    if info["unknown_task_count"]:
        yield f"Of {number_format.count(info['unknown_task_count'], 'task')} it is not known whether runs are missing."
    if polling["too_rarely_count"]:
        yield (
            f"{polling['too_rarely_count']:,} of {number_format.count(polling['task_count'], 'scheduled task')} "
            "run more often than they are polled: runs can leave the API's list of five unseen. See marts.poll_advice."
        )
    if info["quarantined_count"]:
        yield f"{info['quarantined_count']:,} parts of answers were set aside and are in no number here: core.quarantine."
    if answers.totals["unpriced_run_count"]:
        unpriced = number_format.count(answers.totals["unpriced_run_count"], "run")
        yield f"Of {unpriced} no cost was told; spend leaves them out."
