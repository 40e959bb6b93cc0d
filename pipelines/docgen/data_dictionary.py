"""The data dictionary: every table and column with its meaning, for people (Markdown) and for tools (JSON).

The texts belong to the models' .yml files, from which the comments in the database come too.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.transform.model import Model

INTRODUCTION = """\
<!-- Generated from sql/core/*.yml and sql/marts/*.yml by `make docs`; do not edit. -->
# Data dictionary

Every table and column of the published file. The same texts are comments in the database: BI tools show them, and
`recoup-warehouse describe <table>` prints them. Marts (`marts.*`) answer questions; core tables (`core.*`) hold one
clean row per thing. A time is an instant (`TIMESTAMPTZ`): clients show it in a zone
of their own, `set timezone = 'UTC'` in UTC; days are cut in the reporting time zone. Money is what Trigger.dev charges for
compute and invocation, never the language model's bill: `*_cents` exact, `*_usd` the same to ten digits. How each metric
is defined: [metrics.md](metrics.md).
"""


def markdown(models: Sequence[Model]) -> str:
    """Write the dictionary for people."""
    return "\n".join(_lines(in_reading_order(models))) + "\n"


def as_json(models: Sequence[Model]) -> str:
    """Write the dictionary for tools: the same facts, and what each table is made of."""
    document = {"version": 1, "tables": [_facts(model) for model in in_reading_order(models)]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def in_reading_order(models: Sequence[Model]) -> list[Model]:
    """Put marts first, by name, then core tables in the order in which they are filled."""
    marts = sorted((model for model in models if not model.is_base), key=lambda model: model.name)
    return [*marts, *(model for model in models if model.is_base)]


def _lines(models: Sequence[Model]) -> Iterator[str]:
    yield INTRODUCTION
    yield "| Table | What it holds |"
    yield "|---|---|"
    for model in models:
        anchor = model.relation.replace(".", "")
        yield f"| [{model.relation}](#{anchor}) | {_cell(model.description)} |"
    for model in models:
        yield ""
        yield f"## {model.relation}"
        yield ""
        yield model.description
        yield ""
        yield f"Key: {', '.join(f'`{name}`' for name in model.grain)}."
        yield ""
        yield "| Column | Type | Meaning |"
        yield "|---|---|---|"
        for column in model.columns:
            yield f"| `{column.name}` | {column.data_type} | {_cell(column.description)} |"
        if model.metrics:
            yield ""
            yield "| Metric | Expression | Meaning |"
            yield "|---|---|---|"
            for metric in model.metrics:
                yield f"| `{metric.name}` | `{metric.expression}` | {_cell(metric.description)} |"


def _cell(text: str) -> str:
    # `<n>` in a table cell is an HTML tag to a Markdown reader, and a bar ends the cell.
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


def _facts(model: Model) -> dict[str, Any]:
    return {
        "schema": model.schema,
        "name": model.name,
        "description": model.description,
        "grain": list(model.grain),
        "has_completeness": model.has_completeness,
        "reads": [".".join(key) for key in model.depends_on],
        "columns": [
            {"name": column.name, "type": column.data_type, "description": column.description}
            for column in model.columns
        ],
        "metrics": [
            {"name": metric.name, "expression": metric.expression, "n": metric.n, "unit": metric.unit}
            | {"description": metric.description}
            for metric in model.metrics
        ],
    }
