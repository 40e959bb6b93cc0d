"""The semantic layer for BI tools: dimensions and metrics of each mart, as its .yml defines them, in one document.

Defining them does not belong here (sql/marts/*.yml); nor how people read them (transform/labels.py).
"""

from collections.abc import Sequence
from typing import Any

import yaml

from pipelines.transform.labels import label, number_format
from pipelines.transform.model import Column, Metric, Model
from pipelines.transform.model_files import COMPLETENESS_COLUMNS

HEADER = """\
# Generated from sql/marts/*.yml by `make docs`; do not edit.
# Dimensions and metrics for BI tools. An expression is DuckDB SQL over the columns of its table; formats are d3's.
# Show the completeness columns beside every metric of the same table: what is missing is in no number.
"""
KINDS = {"DATE": "time", "TIMESTAMP WITH TIME ZONE": "time", "BOOLEAN": "boolean"}
NUMBERS = ("INTEGER", "BIGINT", "DOUBLE", "DECIMAL")


def semantic_layer(models: Sequence[Model]) -> str:
    """Write the whole layer as YAML, tables by name."""
    described = sorted((model for model in models if model.metrics or model.dimensions), key=lambda model: model.name)
    document = {"version": 1, "tables": [_table(model) for model in described]}
    return HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _table(model: Model) -> dict[str, Any]:
    columns = [column for name in model.dimensions if (column := model.column(name))]
    completeness = [name for name in COMPLETENESS_COLUMNS if model.has_completeness and model.column(name)]
    return {
        "name": model.name,
        "table": model.relation,
        "description": model.description,
        "grain": list(model.grain),
        "completeness": completeness,
        "dimensions": [_dimension(column) for column in columns],
        "metrics": [_metric(metric) for metric in model.metrics],
    }


def _dimension(column: Column) -> dict[str, str]:
    is_number = column.data_type.startswith(NUMBERS)
    return {
        "name": column.name,
        "label": label(column.name),
        "type": KINDS.get(column.data_type, "number" if is_number else "text"),
        "description": column.description,
    }


def _metric(metric: Metric) -> dict[str, str]:
    return {
        "name": metric.name,
        "label": label(metric.name),
        "expression": metric.expression,
        "n": metric.n,
        "unit": metric.unit,
        "format": number_format(metric.unit),
        "description": metric.description,
    }
