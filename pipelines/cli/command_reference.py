"""Writes docs/cli.md, the help of all commands on one page (`make docs`). The texts stand in cli/commands/."""

from typing import Any

import click

from pipelines.cli.main import cli
from pipelines.console.log import PROGRAM
from pipelines.docgen.model_docs import DOCS_DIR, refuse_without

CLI_DOC = DOCS_DIR / "cli.md"
WIDTH = 100
HEAD = f"""\
<!-- Generated from the commands by `python -m pipelines.cli.command_reference`; do not edit. -->
# The command line

What `{PROGRAM} --help` and `{PROGRAM} <command> --help` print. Inside the repository the program is
`.venv/bin/{PROGRAM}`.
"""


def reference() -> str:
    """Return the page."""
    shape: dict[str, Any] = {**cli.context_settings, "max_content_width": WIDTH, "terminal_width": WIDTH}
    top = click.Context(cli, info_name=PROGRAM, **shape)
    pages = [_page(PROGRAM, cli.get_help(top))]
    for name, command in cli.commands.items():
        context = click.Context(command, info_name=name, parent=top)
        pages.append(_page(f"{PROGRAM} {name}", command.get_help(context)))
    return "\n".join([HEAD, *pages])


def _page(title: str, text: str) -> str:
    return f"## {title}\n\n```\n{text.rstrip()}\n```\n"


if __name__ == "__main__":
    refuse_without(DOCS_DIR)
    CLI_DOC.write_text(reference(), encoding="utf-8")
