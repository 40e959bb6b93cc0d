"""The command line's frame: the group of commands, the list of exit codes, and how errors reach a person.

What each command does belongs to cli/commands/. Only click is imported here, so that help is quick.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

import click

from pipelines import errors
from pipelines.cli.commands import (
    backup,
    demo,
    describe,
    explain,
    export,
    incidents,
    inspect,
    lake,
    mcp,
    pipeline,
    report,
    serve,
)
from pipelines.console import log
from pipelines.console.log import PROGRAM
from pipelines.console.one_line import one_line
from pipelines.home import HOME
from pipelines.machine_faults import in_words, is_interrupt

INTERRUPTED, PIPE_CLOSED, TERMINATED = 130, 141, 143
OTHER_CODES = {
    0: "All went well",
    1: "A failed `doctor` check, a query that DuckDB refused, or an unexpected error",
    INTERRUPTED: "Interrupted with Ctrl-C; the warehouse is as it was before the command, or as it is after it",
    PIPE_CLOSED: "Whoever read the output had enough, as `head` does",
    TERMINATED: "Ended by SIGTERM; the warehouse is as it was before the command, or as it is after it",
}


def exit_codes() -> dict[int, str]:
    """Return every exit code of the program with what it means."""
    codes = {kind.exit_code: (kind.__doc__ or "").strip().rstrip(".") for kind in errors.RecoupError.__subclasses__()}
    codes[errors.BadSettings.exit_code] += ", or an option or argument is wrong"
    return dict(sorted((codes | OTHER_CODES).items()))


def _epilog() -> str:
    lines = [f"{code:>5}  {meaning}" for code, meaning in exit_codes().items()]
    return "\n".join(["\b", "Exit codes:", *lines])


class InOrder(click.Group):
    """A group that lists its commands in the order of a person's day, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        """Return the names as they were added."""
        return list(self.commands)


@click.group(
    cls=InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=_epilog(),
    no_args_is_help=True,
)
@click.version_option(package_name=PROGRAM, prog_name=PROGRAM)
@click.option("--traceback", "show_traceback", is_flag=True, help="Show the whole traceback of an error.")
@click.option(
    "-q", "--quiet", is_flag=True, help="Say only what went wrong or needs a look; the exit code says the rest."
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Read .env there, and let relative settings begin there.",
)
def cli(show_traceback: bool, quiet: bool, home: Path | None) -> None:  # noqa: ARG001 - _report reads the first
    """Keep every run of every Recoup agent task in DuckDB, and say how complete each number is.

    \b
    Examples:
      recoup-warehouse demo                 six simulated weeks, without a key
      recoup-warehouse nightly              poll, build, check, publish
      recoup-warehouse query "from marts.task_health limit 5"
      recoup-warehouse doctor               what is wrong, and what to do

    Settings come from RECOUP_* variables in the environment or in .env; .env.example lists them all. Home, where .env is
    read and relative settings begin, is --home or RECOUP_HOME; else the nearest folder upwards with such a .env; else the
    checkout of this program, or, installed, ~/.local/share/recoup-warehouse. `doctor` says which it is.
    """
    if quiet:
        log.be_quiet()
    if home is not None:
        os.environ[HOME] = str(home.absolute())  # so that the processes which this one starts have it, too


for command in (
    *demo.COMMANDS,
    *pipeline.COMMANDS,
    *inspect.COMMANDS,
    *incidents.COMMANDS,
    *report.COMMANDS,
    *describe.COMMANDS,
    *explain.COMMANDS,
    *export.COMMANDS,
    *lake.COMMANDS,
    *backup.COMMANDS,
    *serve.COMMANDS,
    *mcp.COMMANDS,
):
    cli.add_command(command)


def main() -> None:
    """Run the program and leave with its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal of ASCII or Latin-1 cannot show each title
    _have_a_home()
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _pipe_closed()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every error becomes one line on stderr."""
    log.configure()
    try:
        return int(cli.main(list(arguments), prog_name=PROGRAM, standalone_mode=False) or 0)
    except click.ClickException as error:
        if log.is_for_programs():
            log.fail("usage", error.format_message(), exit_code=error.exit_code)
        else:
            error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        log.fail("interrupted", "interrupted", exit_code=INTERRUPTED)
        return INTERRUPTED
    except Terminated:
        log.fail("terminated", "terminated", exit_code=TERMINATED)
        return TERMINATED
    except (BrokenPipeError, SystemExit):  # click makes the second of the first
        return _pipe_closed()
    except Exception as error:
        return _told(arguments, error)


class Terminated(BaseException):
    """SIGTERM, raised where the program stands, so that all that is held is given back as after any error."""


def _terminate(_signal: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def _told(arguments: Sequence[str], error: Exception) -> int:
    if is_interrupt(error):
        is_ended = signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
        code, event = (TERMINATED, "terminated") if is_ended else (INTERRUPTED, "interrupted")
        log.fail(event, event, exit_code=code)
        return code
    known = error if isinstance(error, errors.RecoupError) else in_words(error)
    if known is None:
        return _report(arguments, 1, _unexpected(arguments, error))
    return _report(arguments, known.exit_code, str(known))


def _pipe_closed() -> int:
    """Let what is still buffered go nowhere, since Python would complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED


def _have_a_home() -> None:
    """Name one where there is none, as in a container without HOME and passwd entry: libraries ask for it at import."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = tempfile.gettempdir()


def _report(arguments: Sequence[str], code: int, message: str) -> int:
    log.fail("failed", one_line(message), with_traceback="--traceback" in arguments, exit_code=code)
    return code


def _unexpected(arguments: Sequence[str], error: Exception) -> str:
    again = " ".join([PROGRAM, "--traceback", *arguments])
    hint = "" if "--traceback" in arguments else f". This is a bug; for the traceback run: {again}"
    return f"unexpected {type(error).__name__}: {error}{hint}"
