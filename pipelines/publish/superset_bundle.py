"""The Superset bundle: database, one dataset per mart with the meanings and metrics of its .yml, and the dashboard.

Written in Superset's own import format. What the dashboard shows is in superset_dashboard.yaml, how its charts
are made in superset_charts.py.
"""

import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import yaml

from pipelines.publish.superset_charts import charts_and_dashboard
from pipelines.transform.labels import label, number_format
from pipelines.transform.model import Column, Metric, Model

DASHBOARD = Path(__file__).with_name("superset_dashboard.yaml")
DATABASE = "Recoup warehouse"
VERSION = "1.0.0"
# Importing again replaces what was imported before, since the ids stay the same.
_NAMESPACE = UUID("6f1f7a52-5a0e-4d3c-9f6b-2d1f0b7c8e11")
_TIMES = ("DATE", "TIMESTAMP")


def bundle(models: Sequence[Model], database_file: Path) -> dict[str, str]:
    """Return the bundle's files by name. `database_file` is the published file as Superset will see it."""
    marts = [model for model in models if not model.is_base]
    spec = yaml.safe_load(DASHBOARD.read_text(encoding="utf-8"))
    files: dict[str, Any] = {
        "metadata.yaml": {"version": VERSION, "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"},
        "databases/recoup.yaml": _database(database_file),
    }
    files |= {f"datasets/recoup/{mart.name}.yaml": _dataset(mart) for mart in marts}
    files |= charts_and_dashboard(spec, {mart.name: mart for mart in marts}, stable_id)
    return {name: yaml.safe_dump(content, sort_keys=False, allow_unicode=True) for name, content in files.items()}


def write_bundle(files: Mapping[str, str], out: Path) -> None:
    """Write the files as a zip that takes its place by a rename; the same files always make the same bytes."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.new")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(zipfile.ZipInfo(f"recoup/{name}", (2026, 1, 1, 0, 0, 0)), text)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def stable_id(kind: str, name: str) -> str:
    """Return the id that an object of the bundle keeps for ever."""
    return str(uuid5(_NAMESPACE, f"{kind}/{name}"))


def _database(file: Path) -> dict[str, Any]:
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": f"duckdb:///{file}",
        "expose_in_sqllab": True,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_csv_upload": False,
        # Where Superset caches, its default of a day would hide a nightly.
        "cache_timeout": 60,
        # Superset opens and closes a connection per query, so that each query sees the newest copy.
        "extra": {"engine_params": {"connect_args": {"read_only": True}}, "allows_virtual_table_explore": True},
        "uuid": stable_id("database", DATABASE),
        "version": VERSION,
    }


def _dataset(mart: Model) -> dict[str, Any]:
    times = [column.name for column in mart.columns if _is_time(column)]
    return {
        "table_name": mart.name,
        "schema": mart.schema,
        "description": mart.description,
        "main_dttm_col": "date" if "date" in times else None,
        "filter_select_enabled": True,
        "columns": [_column(column, mart.dimensions) for column in mart.columns],
        "metrics": [_metric(metric) for metric in mart.metrics],
        "uuid": stable_id("dataset", mart.name),
        "database_uuid": stable_id("database", DATABASE),
        "version": VERSION,
    }


def _column(column: Column, dimensions: Sequence[str]) -> dict[str, Any]:
    return {
        "column_name": column.name,
        "verbose_name": label(column.name),
        "type": column.data_type,
        "description": column.description,
        "is_dttm": _is_time(column),
        "is_active": True,
        "groupby": column.name in dimensions or not dimensions,
        "filterable": True,
    }


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "metric_name": metric.name,
        "verbose_name": label(metric.name),
        "expression": metric.expression,
        "description": metric.description,
        "d3format": number_format(metric.unit),
    }


def _is_time(column: Column) -> bool:
    return column.data_type.startswith(_TIMES)
