"""The Superset bundle without Superset: made from the models alone, whole, and the same bytes every time.

What a real Superset makes of it is tested in tests/bi/.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.cli import main as cli
from pipelines.errors import BadModel
from pipelines.paths import Layout
from pipelines.publish import superset_bundle
from pipelines.publish.superset_bundle import bundle, write_bundle
from pipelines.transform.load_models import load_models
from pipelines.transform.model_files import LOADER

MODELS = load_models()
FILE = Path("/srv/recoup/warehouse/current/recoup.duckdb")


@pytest.fixture(scope="module")
def files() -> dict[str, Any]:
    return {name: yaml.load(text, Loader=LOADER) for name, text in bundle(MODELS, FILE).items()}


def of(files: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [content for name, content in files.items() if name.startswith(f"{kind}/")]


@pytest.mark.slow
def test_every_mart_is_a_dataset_with_the_meanings_and_metrics_of_its_yml(files: dict[str, Any]) -> None:
    datasets = {dataset["table_name"]: dataset for dataset in of(files, "datasets")}
    marts = {model.name: model for model in MODELS if not model.is_base}
    assert datasets.keys() == marts.keys()
    for name, mart in marts.items():
        told = [(column["column_name"], column["description"]) for column in datasets[name]["columns"]]
        assert told == [(column.name, column.description) for column in mart.columns]
        told = [(metric["metric_name"], metric["expression"]) for metric in datasets[name]["metrics"]]
        assert told == [(metric.name, metric.expression) for metric in mart.metrics]


@pytest.mark.slow
def test_the_database_is_the_published_file_read_only(files: dict[str, Any]) -> None:
    [database] = of(files, "databases")
    assert database["sqlalchemy_uri"] == f"duckdb:///{FILE}"
    assert database["extra"]["engine_params"] == {"connect_args": {"read_only": True}}
    assert not any(database[name] for name in database if name.startswith("allow_"))


def test_every_chart_has_its_dataset_and_its_place(files: dict[str, Any]) -> None:
    [dashboard] = of(files, "dashboards")
    placed = {cell["meta"]["uuid"] for cell in dashboard["position"].values() if "CHART" in str(cell)[:20]}
    charts = of(files, "charts")
    assert {chart["uuid"] for chart in charts} == placed
    assert {chart["dataset_uuid"] for chart in charts} <= {dataset["uuid"] for dataset in of(files, "datasets")}
    for row in (cell for cell in dashboard["position"].values() if str(cell).startswith("{'type': 'ROW'")):
        assert sum(dashboard["position"][child]["meta"]["width"] for child in row["children"]) == 12
    assert all(json.loads(chart["query_context"])["form_data"] == chart["params"] for chart in charts)


def test_failure_spend_adherence_and_completeness_are_shown(files: dict[str, Any]) -> None:
    shown = {chart["slice_name"]: chart["dataset_uuid"] for chart in of(files, "charts")}
    datasets = {dataset["uuid"]: dataset["table_name"] for dataset in of(files, "datasets")}
    marts = {datasets[uuid] for uuid in shown.values()}
    assert {"fleet_daily", "failure_rates", "schedule_adherence_daily", "coverage_daily", "warehouse_info"} <= marts


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mart": "gone"}, "marts.gone"),
        ({"metrics": ["gone"]}, "gone"),
        ({"time": "gone"}, "gone"),
        ({"where": [["gone", "==", 1]]}, "gone"),
    ],
)
def test_a_chart_of_what_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    spec = yaml.safe_load(superset_bundle.DASHBOARD.read_text())
    spec["rows"][1][0] |= change
    (tmp_path / "dashboard.yaml").write_text(yaml.safe_dump(spec))
    monkeypatch.setattr(superset_bundle, "DASHBOARD", tmp_path / "dashboard.yaml")
    with pytest.raises(BadModel, match=told):
        bundle(MODELS, FILE)


@pytest.mark.slow
def test_the_same_models_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_bundle(bundle(MODELS, FILE), tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.zip", "b.zip"]


def test_the_command_writes_a_zip_for_this_warehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECOUP_WAREHOUSE_DIR", str(tmp_path / "warehouse"))
    Layout(tmp_path / "warehouse").prepare()
    assert cli.run(["export", "--format", "superset", "--out", str(tmp_path / "recoup.zip")]) == 0
    assert "charts over" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "recoup.zip") as archive:
        database = yaml.safe_load(archive.read("recoup/databases/recoup.yaml"))
    assert database["sqlalchemy_uri"] == f"duckdb:///{tmp_path / 'warehouse/current/recoup.duckdb'}"
