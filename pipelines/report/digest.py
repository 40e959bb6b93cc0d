"""The first block of the page as a few lines of Markdown or plain text, for mails, chats and terminals.

What is said belongs to glance.py. Titles come from the API: in Markdown every sign that could mean something is escaped.
"""

import re
from typing import Literal

from pipelines.console import number_format
from pipelines.database.connection import Connection
from pipelines.report import glance
from pipelines.report.doubts import doubts
from pipelines.report.queries import First, ask_first

Form = Literal["markdown", "text"]
_SIGNS = re.compile(r"([\\`*_{}\[\]|~])")
# Elements, mentions and addresses that would become links.
_NAMES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "://": ":&#47;&#47;"}


def digest(con: Connection, form: Form = "markdown", link: str | None = None) -> str:
    """Return the digest of an open published file, whose session is in UTC. `link` is where its reader finds the page."""
    first = ask_first(con)
    written = _markdown(first, link) if form == "markdown" else _text(first, link)
    return "\n".join(written) + "\n"


def _markdown(first: First, link: str | None) -> list[str]:
    said = [
        f"- **{_escaped(fact.title)}: {_escaped(fact.value)}**"
        + (f" ({_escaped(fact.before)})" if fact.before else "")
        + f"; {_escaped(fact.text)}"
        for fact in glance.facts(first)
    ]
    doubtful = [line for doubt in doubts(first.last_poll) for line in (f"> {_escaped(doubt)}", "")]
    return [f"**{_escaped(_title(first))}**", "", *doubtful, *said, *(["", f"[The report](<{link}>)"] if link else [])]


def _text(first: First, link: str | None) -> list[str]:
    doubtful = [line for doubt in doubts(first.last_poll) for line in (doubt, "")]
    told = [_title(first), "", *doubtful, *glance.lines(glance.facts(first))]
    return [*told, "", f"The report: {link}"] if link else told


def _title(first: First) -> str:
    simulated = ", simulated data" if first.info["source"] == "simulator" else ""
    return f"Recoup fleet, as of {number_format.moment(first.info['built_at'])}{simulated}"


def _escaped(text: str) -> str:
    escaped = _SIGNS.sub(r"\\\1", text)
    for sign, name in _NAMES.items():
        escaped = escaped.replace(sign, name)
    return escaped
