"""Fills the template of the page, and words the summary at its top.

Texts from the API (titles, messages, names) reach the page through the template's escaping and no other way.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.console import number_format
from pipelines.database.sql_text import Row
from pipelines.report import health_table, sections
from pipelines.report.elements import Card, money, share
from pipelines.report.queries import WINDOW_DAYS, Answers

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
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),  # noqa: S704 (our own file)
        scripts=[Script.of(library), Script.of(own)],
        **context(answers),
    )


def context(answers: Answers) -> dict[str, Any]:
    """Return everything that the template shows, in words."""
    info = answers.info
    return {
        "info": info,
        "as_of": number_format.moment(info["built_at"]),
        "last_poll": number_format.moment(info["polls_until"]) if info["polls_until"] else "none",
        "source": SOURCES.get(info["source"], "the Recoup API"),
        "is_simulated": info["source"] == "simulator",
        "warnings": _warnings(answers),
        "cards": [_failing(answers), _spending(answers), _kept(info), _complete(info)],
        "failure": sections.failure(answers),
        "completeness": sections.completeness(answers),
        "worst": sections.worst(answers),
        "spend": sections.spend(answers),
        "columns": health_table.COLUMNS,
        "board": health_table.board(answers.health),
        "errors": health_table.errors(answers.errors),
        "error_count": answers.error_count,
        "adherence": sections.adherence(answers),
        "causes": sections.causes(answers),
    }


def _failing(answers: Answers) -> Card:
    totals = answers.totals
    title = f"Failure rate, {WINDOW_DAYS} days"
    if not totals["n"]:
        return Card(title, "–", "No run has ended yet.")
    bounds = number_format.interval(totals["failure_ratio_low"], totals["failure_ratio_high"])
    failing = sum(health_table.state(row) == "failing" for row in answers.health)
    text = f"{totals['failed_count']:,} of {number_format.count(totals['n'], 'run')}; 95 % interval {bounds}"
    return Card(
        title,
        number_format.share(totals["failure_ratio"]),
        text,
        "bad" if failing else "plain",
        [_now_failing(failing)],
    )


def _now_failing(number: int) -> str:
    return "No task is failing now." if not number else f"{number_format.count(number, 'task')} failing now."


def _spending(answers: Answers) -> Card:
    totals = answers.totals
    title = f"Spend, {WINDOW_DAYS} days"
    more = [sections.NOT_THE_MODEL]
    if totals["unpriced_run_count"]:
        more.append(f"Of {number_format.count(totals['unpriced_run_count'], 'run')} no cost was told.")
    if not totals["is_final"]:
        more.append("Some runs have not ended: it still grows.")
    if totals["total_cents"] is None or not totals["run_count"]:
        return Card(title, "–", "No cost was told yet.", "plain", more)
    part = f" ({share(totals['wasted_ratio'])})" if totals["total_cents"] else ""
    return Card(
        title,
        money(totals["total_cents"]),
        f"{money(totals['wasted_cents'])}{part} wasted on failed runs",
        "plain",
        more,
    )


def _kept(info: Row) -> Card:
    rescued, kept = info["rescued_run_count"], info["run_count"]
    if not kept:
        return Card("Runs rescued", "–", "No run was seen yet.")
    text = f"of {number_format.count(kept, 'run')} kept: the API no longer shows them"
    period = f"{info['first_run_at']:%Y-%m-%d} to {info['last_run_at']:%Y-%m-%d}"
    tasks = number_format.count(info["task_count"], "task")
    deleted = f", {info['deleted_task_count']:,} of them deleted since" if info["deleted_task_count"] else ""
    return Card("Runs rescued", f"{rescued:,}", text, "good", [f"{period}, {tasks}{deleted}."])


def _complete(info: Row) -> Card:
    if info["coverage_ratio"] is None:
        return Card("Completeness", "–", "Unknown: no run was seen.")
    missing = info["runs_missing_count"]
    text = f"{number_format.count(missing, 'run')} came and went unseen" if missing else "No run is known to be missing"
    more = []
    if info["runs_not_attributed_count"]:
        listed = number_format.count(info["runs_not_attributed_count"], "run")
        more.append(f"{listed} listed, not attributed: more than one task can have made them.")
    if info["unknown_task_count"]:
        more.append(
            f"Of {number_format.count(info['unknown_task_count'], 'task')} it is not known whether runs are missing."
        )
    tone = {"complete": "good", "gap": "warn"}.get(info["coverage_status"], "plain")
    return Card("Completeness", number_format.share(info["coverage_ratio"]), f"{text}.", tone, more)


def _warnings(answers: Answers) -> list[str]:
    info, polling = answers.info, answers.polling
    said = []
    if info["last_poll_status"] not in (None, "succeeded"):
        said.append(
            f"The last poll is not to be trusted: {info['last_poll_status']}. What follows is older than it should be."
        )
    if polling["too_rarely_count"]:
        said.append(
            f"{polling['too_rarely_count']:,} of {number_format.count(polling['task_count'], 'scheduled task')} "
            "run more often than they are polled: runs can leave the window of five unseen. See marts.poll_advice."
        )
    if info["quarantined_count"]:
        said.append(
            f"{info['quarantined_count']:,} parts of answers were set aside and are in no number here: core.quarantine."
        )
    return said
