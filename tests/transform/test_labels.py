"""How people read names and numbers, in the semantic layer and in Superset alike."""

from pathlib import Path

import pytest
import yaml

from pipelines.docgen.semantic_layer import semantic_layer
from pipelines.publish.superset_bundle import bundle
from pipelines.transform.labels import label
from pipelines.transform.load_models import load_models


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("failure_ratio", "Failure ratio"),
        ("rescued_run_count", "Rescued runs"),
        ("failed_count_7d", "Failed 7d"),
        ("wasted_usd", "Wasted (USD)"),
        ("account_id", "Account ID"),
        ("n", "n"),
    ],
)
def test_names_are_read_by_people(name: str, read: str) -> None:
    assert label(name) == read


@pytest.mark.slow
def test_the_layer_and_the_bundle_say_the_same_of_each_metric(tmp_path: Path) -> None:
    tables = yaml.safe_load(semantic_layer(load_models()))["tables"]
    files = bundle(load_models(), tmp_path / "recoup.duckdb")
    assert len(tables) > 15
    for table in tables:
        dataset = yaml.safe_load(files[f"datasets/recoup/{table['name']}.yaml"])
        told = [(m["name"], m["label"], m["expression"], m["format"]) for m in table["metrics"]]
        shown = [(m["metric_name"], m["verbose_name"], m["expression"], m["d3format"]) for m in dataset["metrics"]]
        assert told == shown, table["name"]
