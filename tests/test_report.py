"""The report's page: what it says, what it never says, and that texts from the API stay texts.

How it looks and works in a browser is tested in tests/browser/.
"""

import base64
import gzip
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines import cli, nightly
from pipelines.assets import PUBLISHED_FILE, published_assets
from pipelines.clock import fixed
from pipelines.core_schema import apply_core
from pipelines.errors import ReportFailed
from pipelines.report import bundle, charts
from pipelines.report.beside import Beside
from pipelines.report.board import Line, board
from pipelines.report.page import Script, context, render
from pipelines.report.queries import Answers
from pipelines.resources import Pipeline
from pipelines.settings import Settings
from pipelines.warehouse import Warehouse
from tests import report_worlds as worlds
from tests.warehouse_builder import NOW

LIBRARY = "/* the charting library */"


class Seen(HTMLParser):
    """What a browser would make of the page: elements, attributes, scripts and visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.text = ""
        self._inside: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._inside = tag if tag in ("script", "style") else None
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            kind, text = self.scripts.pop()
            self.scripts.append((kind, text + data))
        elif self._inside is None:
            self.text += data

    def policy(self) -> str:
        return next(value for _, name, value in self.attributes if name == "content" and "default-src" in value)

    def specs(self) -> list[dict[str, Any]]:
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]


@pytest.fixture(scope="module")
def busy() -> Answers:
    return worlds.busy()


@pytest.fixture(scope="module")
def html(busy: Answers) -> str:
    return render(busy, LIBRARY)


@pytest.fixture(scope="module")
def said(busy: Answers) -> dict[str, Any]:
    """What the page says, before the template."""
    return context(busy)


@pytest.fixture(scope="module")
def lines(busy: Answers) -> dict[str, Line]:
    """The board's lines by task."""
    return dict(zip((row["task_id"] for row in busy.health), board(busy.health), strict=True))


@pytest.fixture(scope="module")
def empty() -> Answers:
    return worlds.empty()


@pytest.fixture(scope="module")
def seen(html: str) -> Seen:
    return Seen(html)


class TestHostileTexts:
    def test_make_no_element_and_no_handler(self, seen: Seen) -> None:
        assert not {"img", "svg", "b"} & set(seen.tags)
        assert not [name for _, name, _ in seen.attributes if name.startswith("on")]

    def test_start_no_script(self, seen: Seen) -> None:
        assert [text.strip() for kind, text in seen.scripts if kind is None][0] == LIBRARY
        assert len([kind for kind, _ in seen.scripts if kind is None]) == 2

    def test_are_readable_as_they_are(self, seen: Seen) -> None:
        for text in (worlds.IMAGE, worlds.SCRIPT.strip(), worlds.MESSAGE, "{{ 7 * 7 }}"):
            assert text in seen.text

    def test_stay_whole_in_the_charts(self, seen: Seen) -> None:
        titles = {
            row["name"] for spec in seen.specs() for rows in spec["datasets"].values() for row in rows if "name" in row
        }
        assert {worlds.IMAGE, " ".join(worlds.SCRIPT.split()), worlds.ACCOUNT} <= titles

    def test_are_data_and_no_part_of_an_expression(self, seen: Seen) -> None:
        for spec in seen.specs():
            grammar = json.dumps({name: value for name, value in spec.items() if name != "datasets"})
            assert not [word for word in ("alert", "</script", "onerror", "<b>") if word in grammar]

    def test_end_no_json_and_no_line_of_it(self, html: str) -> None:
        for part in html.split('<script type="application/json"')[1:]:
            written = part.partition(">")[2].partition("</script>")[0]
            assert "<" not in written
            assert "\u2028" not in written


class TestPolicy:
    def test_allows_nothing_but_the_two_scripts_and_the_style(self, seen: Seen) -> None:
        allowed = [rule.strip() for rule in seen.policy().split(";")]
        hashes = [
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for kind, text in seen.scripts
            if kind is None
        ]
        assert "default-src 'none'" in allowed
        assert f"script-src {' '.join(hashes)}" in allowed
        assert not [rule for rule in allowed if "http" in rule or "unsafe-eval" in rule or "*" in rule]

    def test_nothing_points_out_of_the_page(self, seen: Seen) -> None:
        links = [value for _, name, value in seen.attributes if name in ("href", "src", "action", "srcset")]
        assert links
        assert all(link.startswith("#") for link in links)

    @pytest.mark.parametrize("text", ["a </script> b", "a </SCRIPT", "<!-- b"])
    def test_a_script_that_would_end_early_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="cannot stand in a page"):
            Script.of(text)


class TestNumbers:
    def test_a_rate_comes_with_n_and_interval(self, lines: dict[str, Line]) -> None:
        week = lines["often"].cells[1]
        assert (week.text, week.below) == ("80 % (49-94 %)", "8 of 10")

    def test_small_money_keeps_its_digits(self, lines: dict[str, Line]) -> None:
        assert lines["seldom"].cells[3].text == "0.043 ¢"

    def test_a_cost_that_nobody_told_is_not_zero(self, lines: dict[str, Line]) -> None:
        assert lines["unpriced"].cells[3].text == "not observed"

    def test_a_rate_without_runs_is_not_zero(self, lines: dict[str, Line]) -> None:
        assert lines["quiet"].cells[1].text == "no run ended"

    def test_missing_runs_stand_beside_the_rate(self, lines: dict[str, Line]) -> None:
        assert lines["quiet"].cells[5].text == "2 runs missing"

    def test_the_worst_is_the_one_that_surely_fails(self, busy: Answers) -> None:
        assert [row["task_id"] for row in busy.worst] == ["often", "seldom"]

    def test_spend_is_said_not_to_be_the_models_bill(self, said: dict[str, Any]) -> None:
        assert all("not the language model's bill" in figure.caption for figure in said["spend"])
        assert "not the language model's bill" in said["cards"][1].more[0]

    def test_causes_are_counted(self, said: dict[str, Any]) -> None:
        assert said["causes"].table.rows[0][:5] == ("pushed out of the window of five", "1", "2", "0", "2")

    def test_tasks_of_one_title_are_told_apart(self, lines: dict[str, Line]) -> None:
        assert lines["quiet"].title == "Same · quiet"
        assert lines["unpriced"].title == "Same · unpriced"

    def test_every_chart_has_its_numbers_as_a_table(self, seen: Seen) -> None:
        assert len(seen.specs()) == 8
        assert seen.text.count("The numbers as a table") == 8


@pytest.mark.parametrize(
    ("ratio", "step"), [(None, 4), (0.0, 3), (0.49, 3), (0.5, 2), (0.899, 2), (0.9, 1), (0.999, 1), (1.0, 0)]
)
def test_adherence_is_coloured_by_step(ratio: float | None, step: int) -> None:
    assert charts.heat_step(ratio) == (*charts.HEAT_STEPS, charts.UNCLEAR)[step]


@pytest.mark.parametrize(
    ("status", "ratio", "word"),
    [
        ("complete", 1.0, "all runs seen"),
        ("complete", None, "all runs seen"),
        ("unknown", 1.0, "not known whole"),
        ("gap", 0.999, "95 % or more"),
        ("gap", 0.9, "less"),
    ],
)
def test_a_day_with_missing_runs_is_never_called_complete(status: str, ratio: float | None, word: str) -> None:
    assert charts.known_step({"coverage_status": status, "coverage_ratio": ratio}) == word


def test_an_empty_warehouse_says_so(empty: Answers) -> None:
    page = Seen(render(empty, LIBRARY))
    assert page.specs() == []
    for words in ("No run has ended yet.", "No cost was told yet.", "No task was seen yet.", "no poll was loaded"):
        assert words in page.text
    assert "0 %" not in page.text
    assert "$0" not in page.text


@pytest.mark.parametrize(("source", "is_loud"), [("simulator", True), ("api", False), ("file", False)])
def test_simulated_data_are_announced(empty: Answers, source: str, is_loud: bool) -> None:
    html = render(replace(empty, info=empty.info | {"source": source}), LIBRARY)
    assert ("Simulated data." in html) is is_loud
    assert ("(simulated data)</title>" in html) is is_loud


def test_a_poll_that_is_not_to_be_trusted_is_announced(empty: Answers) -> None:
    said = context(replace(empty, info=empty.info | {"last_poll_status": "suspect"}))["warnings"]
    assert said[0].startswith("The last poll is not to be trusted: suspect.")


class TestBundle:
    @pytest.fixture(autouse=True)
    def made(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
        """How often the library was bundled, with a cache of the test's own."""
        made: list[str] = []
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(bundle, "_bundled", lambda: made.append("once") or LIBRARY)
        return made

    def test_is_made_once(self, made: list[str]) -> None:
        assert [bundle.javascript(), bundle.javascript()] == [LIBRARY, LIBRARY]
        assert len(made) == 1

    def test_a_damaged_one_is_made_again(self, made: list[str]) -> None:
        bundle.javascript()
        [kept] = bundle.cache_dir().iterdir()
        for damaged in (b"", gzip.compress(LIBRARY.encode())[:-6], b"no gzip"):
            kept.write_bytes(damaged)
            assert bundle.javascript() == LIBRARY
        assert len(made) == 4

    def test_does_without_a_cache(self, made: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        assert bundle.javascript() == LIBRARY


class TestGoingLive:
    @pytest.fixture
    def settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
        """A warehouse that can be published."""
        monkeypatch.chdir(tmp_path)
        settings = Settings.load(warehouse_dir=tmp_path / "warehouse")
        settings.layout.prepare()
        with Warehouse.of(settings).write() as con:
            apply_core(con)
        return settings

    def test_the_page_goes_live_with_the_data(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nightly, "write_report", lambda copy, out: out.write_text(f"{copy.name} {copy.exists()}"))
        nightly._publish(settings, fixed(NOW), [])
        assert (settings.layout.current / "report.html").read_text() == "recoup.duckdb True"

    def test_a_page_that_fails_is_loud_and_holds_no_data_back(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_copy: Path, out: Path) -> None:
            out.write_text("half a page")
            raise ZeroDivisionError("a chart broke")

        monkeypatch.setattr(nightly, "write_report", fail)
        with pytest.raises(ReportFailed, match=r"data are published.*ZeroDivisionError: a chart broke.*publish`"):
            nightly._publish(settings, fixed(NOW), [])
        assert settings.layout.published_file.exists()
        assert not (settings.layout.current / "report.html").exists()

    def test_dagster_records_the_data_and_fails_the_step_of_the_page(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_copy: Path, _out: Path) -> None:
            raise ZeroDivisionError("a chart broke")

        monkeypatch.setattr(Pipeline, "check", lambda _self: [])
        pipeline = Pipeline(settings, (), fixed(NOW), write_report=fail)
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize(
                [published_assets((), with_report=True)],
                resources={"pipeline": pipeline},
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        [failed] = [event for event in result.all_events if event.is_step_failure]
        recorded = [event.asset_key for event in result.get_asset_materialization_events()]
        assert recorded == [PUBLISHED_FILE]
        assert "a chart broke" in str(failed.step_failure_data.error)
        assert settings.layout.published_file.exists()

    def test_there_are_no_pictures_without_a_report(self, settings: Settings) -> None:
        assert Pipeline(settings, (), fixed(NOW)).pictures() == {}

    def test_a_page_that_worked_raises_nothing(self, tmp_path: Path) -> None:
        beside = Beside(lambda _copy, out: None)
        beside(tmp_path / "recoup.duckdb", tmp_path)
        beside.raise_failure()

    def test_the_command_names_the_page(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.run(["report"]) == 10
        assert "recoup-warehouse publish" in capsys.readouterr().err
        monkeypatch.setattr(nightly, "write_report", lambda _copy, out: out.write_text("page"))
        nightly._publish(settings, fixed(NOW), [])
        assert cli.run(["report"]) == 0
        assert capsys.readouterr().out == "warehouse/current/report.html\n"

    def test_the_command_opens_the_page(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(nightly, "write_report", lambda _copy, out: out.write_text("page"))
        nightly._publish(settings, fixed(NOW), [])
        opened: list[str] = []
        monkeypatch.setattr("webbrowser.open", lambda address: bool(opened.append(address)))
        assert cli.run(["report", "--open"]) == 0
        assert opened == [(settings.layout.current / "report.html").resolve().as_uri()]
        assert "no browser" in capsys.readouterr().err


def test_charts_cost_nothing_before_they_are_drawn() -> None:
    code = "import sys, pipelines.cli, pipelines.nightly; print({'altair', 'vl_convert', 'jinja2'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "set()"
