"""The generated documents and `describe`: up to date, whole, and their expressions run."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pipelines.cli import main as cli
from pipelines.docgen.data_dictionary import as_json, in_reading_order, markdown
from pipelines.docgen.model_docs import DOCS_DIR, GENERATORS, stale, write
from pipelines.docgen.semantic_layer import semantic_layer
from pipelines.transform.model_files import LOADER
from tests.support.warehouse_builder import WarehouseBuilder, models

TABLES = yaml.load(semantic_layer(models()), Loader=LOADER)["tables"]


def test_generated_documents_are_up_to_date() -> None:
    assert stale(models()) == [], "run `make docs` and commit what it writes"


@pytest.mark.slow
def test_a_changed_description_makes_all_of_them_stale(tmp_path: Path) -> None:
    write(tmp_path)
    assert stale(models(), tmp_path) == []
    changed = [
        replace(one, description=f"New. {one.description}") if one.name == "spend_daily" else one for one in models()
    ]
    assert stale(changed, tmp_path) == list(GENERATORS)
    (tmp_path / "semantic_layer.yml").unlink()
    assert stale(models(), tmp_path) == ["semantic_layer.yml"]


def test_the_dictionary_holds_every_column_of_every_table() -> None:
    sections = dict(part.split("\n", 1) for part in re.split(r"^## ", markdown(models()), flags=re.MULTILINE)[1:])
    assert list(sections) == [one.relation for one in in_reading_order(models())]
    tables = {f"{table['schema']}.{table['name']}": table for table in json.loads(as_json(models()))["tables"]}
    for one in models():
        rows = re.findall(r"^\| `(\w+)` \| ([A-Z].*?) \| (\S.*) \|$", sections[one.relation], re.MULTILINE)
        told = [(column.name, column.data_type) for column in one.columns]
        assert [row[:2] for row in rows if row[0] in dict(told)][: len(told)] == told
        assert [(column["name"], column["type"]) for column in tables[one.relation]["columns"]] == told


def test_text_of_a_cell_cannot_end_it_or_become_html() -> None:
    odd = [replace(one, description="a | b <n>. One row per x.") for one in models()[:1]]
    assert "| a \\| b &lt;n&gt;. One row per x. |" in markdown(odd)


@pytest.mark.slow
def test_every_metric_and_dimension_can_be_asked_for() -> None:
    house = WarehouseBuilder().task().run("r", outcome="failed").run("s")
    house.build()
    assert len(TABLES) > 10
    for table in TABLES:
        dimensions = [dimension["name"] for dimension in table["dimensions"]]
        metrics = [f"{metric['expression']} as {metric['name']}" for metric in table["metrics"]]
        grouped = ", ".join([*dimensions, *metrics])
        house.query(f"select {grouped} from {table['table']} group by {', '.join(dimensions)}")
        assert set(table["completeness"]) <= {"runs_missing_count", "coverage_status"}
        for metric in table["metrics"]:
            assert metric["format"] == {"ratio": ".1%", "usd": "$,.4f"}.get(metric["unit"], ",.0f")
    found = house.query("select sum(failed_count) / nullif(sum(n), 0) from marts.fleet_daily")
    assert found == [(0.5,)]


def test_every_metric_is_explained_in_the_documentation() -> None:
    text = (DOCS_DIR / "metrics.md").read_text()
    explained = set(re.findall(r"`(\w+)`", "\n".join(line for line in text.splitlines() if line.startswith("| `"))))
    assert {metric["name"] for table in TABLES for metric in table["metrics"]} - explained == set()
    known = {column.name for one in models() for column in one.columns}
    known |= {metric.name for one in models() for metric in one.metrics}
    firsts = {name for line in text.splitlines() if line.startswith("| `") for name in _names(line)}
    assert firsts - known - {"isFailed"} == set()


def _names(line: str) -> list[str]:
    return re.findall(r"`(\w+)`", line.split(" | ")[0])


def test_describe_lists_tables_and_prints_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.run(["describe"]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines() if line.startswith(("marts.", "core."))] == [
        one.relation for one in in_reading_order(models())
    ]
    assert cli.run(["describe", "core.quarantine"]) == 0
    shown = capsys.readouterr().out
    assert "Key: poll_id, response_number, path" in shown
    assert "Path in the body, such as tasks[3].recent_runs[0]." in shown
    assert cli.run(["describe", "FAILURE_RATES"]) == 0
    assert "failure_ratio_low" in capsys.readouterr().out


def test_describe_knows_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["describe", "failur_rates"]) == 2
    assert "the nearest: marts.failure_rates" in capsys.readouterr().err
    assert cli.run(["describe", "xyzzy"]) == 2
    assert "there are: marts." in capsys.readouterr().err
