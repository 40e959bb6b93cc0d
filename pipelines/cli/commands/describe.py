"""The command `describe`: what a table and its columns mean, from the models' own descriptions.

The documents in docs/ are written by docgen/model_docs.py; no database is opened here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipelines.console.nearest import nearest

if TYPE_CHECKING:
    from rich.table import Table

    from pipelines.transform.model import Model


@click.command()
@click.argument("table", required=False)
def describe(table: str | None) -> None:
    """Say what a table and its columns mean; without a name, list the tables.

    \b
    Examples:
      recoup-warehouse describe
      recoup-warehouse describe marts.failure_rates
      recoup-warehouse describe runs

    Reads nothing but this version's own descriptions, which are also the comments in the published file.
    """
    from rich.console import Console

    from pipelines.docgen.data_dictionary import in_reading_order
    from pipelines.transform.load_models import load_models

    models = in_reading_order(load_models())
    # Descriptions hold brackets and colons, which rich would take for markup and emoji.
    console = Console(markup=False, emoji=False, highlight=False)
    if table is None:
        console.print(_rows([(model.relation, _first_sentence(model.description)) for model in models]))
        return
    model = _find(models, table)
    console.print(f"{model.relation}\n{model.description}\nKey: {', '.join(model.grain)}\n")
    console.print(_rows([(column.name, column.data_type, column.description) for column in model.columns]))


def _find(models: "Sequence[Model]", name: str) -> "Model":
    found = [model for model in models if name.lower() in (model.relation, model.name)]
    if found:
        return found[0]
    raise click.UsageError(f"there is no table {name!r}; {nearest(name, (model.relation for model in models))}")


def _first_sentence(description: str) -> str:
    return description.split(". ")[0].split(": ")[0].rstrip(".") + "."


def _rows(rows: Sequence[tuple[str, ...]]) -> "Table":
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for position in range(len(rows[0])):
        table.add_column(no_wrap=position == 0, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


COMMANDS = (describe,)
