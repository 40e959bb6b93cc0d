"""From the dashboard's rows (docs/bi/superset/dashboard.yaml) to Superset charts and their positions on the dashboard.

Each chart carries its query too, so that Superset's API and alerts can run it without a browser. Datasets belong to
superset_bundle.py.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pipelines.errors import BadModel
from pipelines.transform.model import Model

StableId = Callable[[str, str], str]
Spec = dict[str, Any]

_TIMESERIES = ("echarts_timeseries_line", "echarts_timeseries_bar")
_WHOLE_HISTORY = "No filter"
_SERIES_ROWS = 10_000


def charts_and_dashboard(spec: Spec, marts: Mapping[str, Model], stable_id: StableId) -> dict[str, Spec]:
    """Return the chart files and the dashboard file. Raises BadModel for a mart, column or metric that is not there."""
    charts = [cell for row in spec["rows"] for cell in row if "name" in cell]
    for cell in charts:
        _refuse_unknown(cell, marts)
    files = {f"charts/{_file_name(cell)}.yaml": _chart(cell, stable_id) for cell in charts}
    return files | {f"dashboards/{spec['slug'].replace('-', '_')}.yaml": _dashboard(spec, stable_id)}


def _refuse_unknown(cell: Spec, marts: Mapping[str, Model]) -> None:
    mart = marts.get(cell["mart"])
    if mart is None:
        raise BadModel(f"the dashboard's chart {cell['name']!r} asks for marts.{cell['mart']}, which does not exist")
    columns = [*cell.get("columns", []), *cell.get("groups", []), *(name for name, *_ in cell.get("where", []))]
    columns += [cell["time"]] if "time" in cell else []
    metrics = [metric for metric in cell.get("metrics", []) if isinstance(metric, str)]
    unknown = {*columns} - {column.name for column in mart.columns}
    unknown |= {*metrics} - {metric.name for metric in mart.metrics}
    if unknown:
        raise BadModel(
            f"the dashboard's chart {cell['name']!r} asks for {sorted(unknown)}, which marts.{cell['mart']} does not "
            "have; correct pipelines/publish/superset_dashboard.yaml"
        )


def _chart(cell: Spec, stable_id: StableId) -> Spec:
    query = _query(cell)
    params = _params(cell, query)
    context = {
        "datasource": {"id": 0, "type": "table"},
        "force": False,
        "queries": [query],
        "form_data": params,
        "result_format": "json",
        "result_type": "full",
    }
    return {
        "slice_name": cell["name"],
        "description": cell.get("description"),
        "viz_type": cell["viz"],
        "params": params,
        "query_context": json.dumps(context),
        "uuid": stable_id("chart", cell["name"]),
        "dataset_uuid": stable_id("dataset", cell["mart"]),
        "version": "1.0.0",
    }


def _query(cell: Spec) -> Spec:
    """What the chart asks, as Superset's API takes it."""
    time = cell.get("time")
    columns = [time] if time else [*cell.get("columns", []), *cell.get("groups", [])]
    metrics = [_metric(metric) for metric in cell.get("metrics", [])]
    order = [time, True] if time else cell.get("order")
    query: Spec = {
        "columns": columns,
        "filters": [{"col": col, "op": op, "val": value} for col, op, value in cell.get("where", [])],
        "orderby": [order] if order else [],
        "row_limit": cell.get("limit", _SERIES_ROWS),
        "time_range": _WHOLE_HISTORY,
    }
    # Without the key Superset takes the rows as they are; an empty list would group them.
    return query | ({"metrics": metrics} if metrics else {})


def _metric(metric: str | Spec) -> str | Spec:
    if isinstance(metric, str):
        return metric
    return {
        "expressionType": "SQL",
        "sqlExpression": metric["sql"],
        "label": metric["label"],
        "hasCustomLabel": True,
        "optionName": f"metric_{metric['label'].lower().replace(' ', '_')}",
    }


def _params(cell: Spec, query: Spec) -> Spec:
    """The form of Superset's chart editor, which the dashboard draws from."""
    params: Spec = {"viz_type": cell["viz"], "datasource": "0__table", "adhoc_filters": _filters(cell)}
    metrics = query.get("metrics", [])
    if cell["viz"] == "big_number_total":
        sizes = {"header_font_size": 0.4, "subheader_font_size": 0.125}
        return params | {"metric": metrics[0], "subheader": cell["subheader"]} | sizes
    if cell["viz"] in _TIMESERIES:
        return params | _series_params(cell, metrics)
    return params | _table_params(cell, metrics)


def _series_params(cell: Spec, metrics: list[Any]) -> Spec:
    return {
        "x_axis": cell["time"],
        "time_grain_sqla": "P1D",
        "metrics": metrics,
        "groupby": [],
        "row_limit": _SERIES_ROWS,
        "stack": "Stack" if cell.get("is_stacked") else None,
        "y_axis_format": cell["format"],
        "show_legend": True,
        "rich_tooltip": True,
        "truncate_metric": True,
        "x_axis_time_format": "smart_date",
    }


def _table_params(cell: Spec, metrics: list[Any]) -> Spec:
    names = [*cell.get("columns", []), *(metric["label"] for metric in metrics if not isinstance(metric, str))]
    shared = {
        "row_limit": cell["limit"],
        "table_timestamp_format": "%Y-%m-%d %H:%M",
        "show_cell_bars": False,
        "column_config": {name: {"d3NumberFormat": ".1%" if "_ratio" in name else ",d"} for name in names},
    }
    if not metrics:
        order = [json.dumps(cell["order"])] if "order" in cell else []
        return shared | {"query_mode": "raw", "all_columns": cell["columns"], "order_by_cols": order}
    metric, is_ascending = cell["order"]
    grouped = {"query_mode": "aggregate", "groupby": cell["groups"], "metrics": metrics}
    return shared | grouped | {"timeseries_limit_metric": metric, "order_desc": not is_ascending}


def _filters(cell: Spec) -> list[Spec]:
    return [
        {"clause": "WHERE", "expressionType": "SIMPLE", "subject": column, "operator": operator, "comparator": value}
        for column, operator, value in cell.get("where", [])
    ]


def _dashboard(spec: Spec, stable_id: StableId) -> Spec:
    return {
        "dashboard_title": spec["title"],
        "description": spec["description"],
        "slug": spec["slug"],
        "position": _positions(spec, stable_id),
        "metadata": {
            "refresh_frequency": 0,
            "native_filter_configuration": [_time_filter(spec)],
            "label_colors": spec["colors"],
        },
        "published": True,
        "uuid": stable_id("dashboard", spec["slug"]),
        "version": "1.0.0",
    }


def _time_filter(spec: Spec) -> Spec:
    return {
        "id": "NATIVE_FILTER-days",
        "name": "Days",
        "type": "NATIVE_FILTER",
        "filterType": "filter_time",
        "targets": [{}],
        "defaultDataMask": {"extraFormData": {}, "filterState": {}},
        "controlValues": {"enableEmptyFilter": False},
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "description": f"Days of {spec['title']} that have a date; tables over fixed windows keep theirs.",
    }


def _positions(spec: Spec, stable_id: StableId) -> Spec:
    positions: Spec = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": spec["title"]}},
    }
    for number, row in enumerate(spec["rows"]):
        row_id = f"ROW-{number}"
        cells = [_positioned(cell, f"{number}-{index}", row_id, stable_id) for index, cell in enumerate(row)]
        positions["GRID_ID"]["children"].append(row_id)
        positions[row_id] = {
            "type": "ROW",
            "id": row_id,
            "children": [cell["id"] for cell in cells],
            "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        positions |= {cell["id"]: cell for cell in cells}
    return positions


def _positioned(cell: Spec, at: str, row_id: str, stable_id: StableId) -> Spec:
    meta: Spec = {"width": cell["width"], "height": cell["height"]}
    if "text" in cell:
        kind, meta = "MARKDOWN", meta | {"code": cell["text"]}
    else:
        name = cell["name"]
        kind, meta = "CHART", meta | {"sliceName": name, "chartId": 0, "uuid": stable_id("chart", name)}
    return {
        "type": kind,
        "id": f"{kind}-{at}",
        "children": [],
        "parents": ["ROOT_ID", "GRID_ID", row_id],
        "meta": meta,
    }


def _file_name(cell: Spec) -> str:
    return "".join(char if char.isalnum() else "_" for char in cell["name"]).strip("_")
