"""What commands say while they work: text for people, or one JSON object a line (RECOUP_LOG_FORMAT=json).

Results that were asked for (rows, figures, findings) are no log: they go to stdout elsewhere, whatever is set here.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pipelines.settings import SettingsOfTheLog

LOG = logging.getLogger("recoup_warehouse")
PROGRAM = "recoup-warehouse"
# A shorter one would be found inside words, and is no secret anyway.
SHORTEST_SECRET = 8


def say(event: str, text: str, **fields: Any) -> None:
    """Tell that something was done; `event` and `fields` are for programs, `text` is for people."""
    LOG.info("%s", text, extra={"event": event, "fields": fields})


def warn(event: str, text: str, **fields: Any) -> None:
    """Tell what needs a look."""
    LOG.warning("%s", text, extra={"event": event, "fields": fields})


def fail(event: str, text: str, *, with_traceback: bool = False, **fields: Any) -> None:
    """Tell why a command ended without its result."""
    LOG.error("%s", text, exc_info=with_traceback, extra={"event": event, "fields": fields})


def configure() -> None:
    """Let a command's words reach its reader; to be called before each command, since settings may differ."""
    LOG.handlers = [handler for handler in LOG.handlers if not isinstance(handler, _Teller)] + [_Teller()]
    LOG.setLevel(logging.INFO)


def be_quiet() -> None:
    """Say only what went wrong or needs a look."""
    LOG.setLevel(logging.WARNING)


def is_quiet() -> bool:
    """Tell whether only warnings and errors are said."""
    return not LOG.isEnabledFor(logging.INFO)


def is_for_programs() -> bool:
    """Tell whether each line is a JSON object."""
    return _settings().log_format == "json"


def _settings() -> "SettingsOfTheLog":
    # Read late: the home may be named by an option, and help needs no settings.
    from pipelines.settings import SettingsOfTheLog

    return SettingsOfTheLog.tolerant()


class _Teller(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        settings = _settings()
        text = _as_json(record) if settings.log_format == "json" else _as_text(record)
        is_error = settings.log_format == "json" or record.levelno >= logging.WARNING
        click.echo(_masked(text, settings.secrets()), err=is_error)


def _as_text(record: logging.LogRecord) -> str:
    text = record.getMessage()
    told = f"{PROGRAM}: {text}" if record.levelno >= logging.ERROR else text
    return f"{_traceback(record)}{told}"


def _as_json(record: logging.LogRecord) -> str:
    facts: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": getattr(record, "event", "message"),
        "message": record.getMessage().strip(),
    }
    if record.exc_info:
        facts["traceback"] = _traceback(record)
    return json.dumps({**getattr(record, "fields", {}), **facts}, default=str)


def _traceback(record: logging.LogRecord) -> str:
    return "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""


def _masked(text: str, secrets: tuple[str, ...]) -> str:
    """Take out the value of a secret setting, whatever library wrote it into its words."""
    for secret in secrets:
        for form in (secret, json.dumps(secret)[1:-1]):
            if len(form) >= SHORTEST_SECRET:
                text = text.replace(form, "***")
    return text
