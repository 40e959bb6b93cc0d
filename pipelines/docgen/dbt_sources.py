"""The published copy as sources of a dbt project: every table and column with its description, keys as tests, freshness.

How a project opens the copy is in docs/bi/dbt.md.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from pipelines.transform.model import Model

HEADER = """\
# Generated from sql/*/*.yml by `make docs`; do not edit. Copy it into `models/` of a dbt project; see docs/bi/dbt.md.
"""
DATABASE = "recoup"
# A nightly that was missed warns before noon, one that was missed twice fails.
FRESHNESS = {
    "loaded_at_field": "polls_until",
    "freshness": {
        "warn_after": {"count": 34, "period": "hour"},
        "error_after": {"count": 58, "period": "hour"},
    },
}
FRESH_TABLE = "warehouse_info"


def dbt_sources(models: Sequence[Model]) -> str:
    """Write one source per schema as YAML, tables by name."""
    ordered = sorted(models, key=lambda model: model.key)
    schemas = dict.fromkeys(model.schema for model in ordered)
    sources = [_source(schema, [model for model in ordered if model.schema == schema]) for schema in schemas]
    document = {"version": 2, "sources": sources}
    return HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _source(schema: str, models: Sequence[Model]) -> dict[str, Any]:
    return {
        "name": f"{DATABASE}_{schema}",
        "database": DATABASE,
        "schema": schema,
        "tables": [_table(model) for model in models],
    }


def _table(model: Model) -> dict[str, Any]:
    fresh = {"config": FRESHNESS} if model.name == FRESH_TABLE else {}
    return {"name": model.name, "description": model.description, **fresh, "columns": _columns(model)}


def _columns(model: Model) -> list[dict[str, Any]]:
    is_key = {name: {"data_tests": ["unique", "not_null"]} for name in model.grain if len(model.grain) == 1}
    return [
        {
            "name": column.name,
            "description": column.description,
            "data_type": column.data_type,
            **is_key.get(column.name, {}),
        }
        for column in model.columns
    ]
