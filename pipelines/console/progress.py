"""How the command line shows long work: a spinner or a bar on stderr, removed when the work is done.

Results go to stdout and belong to the commands; nothing here knows what is being done.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as bars
from rich.console import Console

from pipelines.console.log import is_quiet


class Steps:
    """The line that shows the work: a sentence, or how much of a known amount is done."""

    def __init__(self, display: bars.Progress) -> None:
        self._display = display
        self._row = display.add_task("", total=None, start=True)

    def say(self, text: str) -> None:
        """Show a sentence, amount unknown."""
        self._display.update(self._row, description=text, total=None)

    def count(self, text: str, done: int, total: int) -> None:
        """Show how far a known amount of work is; this method is a `Progress`."""
        self._display.update(self._row, description=text, completed=done, total=total)


@contextmanager
def working(text: str) -> Iterator[Steps]:
    """Show progress on stderr while the block runs; a stderr that is no terminal stays silent, and so does `--quiet`."""
    console = Console(stderr=True)
    columns = (
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(bar_width=24),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
    )
    with bars.Progress(
        *columns, console=console, transient=True, disable=is_quiet() or not console.is_terminal
    ) as display:
        steps = Steps(display)
        steps.say(text)
        yield steps
