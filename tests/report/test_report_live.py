"""The report beside the data: a library made once, a page that goes live or fails loudly, and the command that shows it."""

import gzip
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipelines.cli import main as cli
from pipelines.clock import fixed
from pipelines.database.connection import Warehouse
from pipelines.database.core_schema import apply_core
from pipelines.errors import ReportFailed
from pipelines.nightly import check_and_publish
from pipelines.orchestrate.assets import PUBLISHED_FILE, published_assets
from pipelines.orchestrate.resources import Pipeline
from pipelines.report import vega_bundle
from pipelines.report.publish_hook import ReportAttachment, WriteReport
from pipelines.settings import Settings
from pipelines.transform.load_models import load_models
from pipelines.user_cache import cache_dir
from tests.support.report_worlds import LIBRARY
from tests.support.warehouse_builder import NOW


class TestBundle:
    @pytest.fixture(autouse=True)
    def made(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
        """How often the library was bundled, with a cache of the test's own."""
        made: list[str] = []

        def bundled() -> str:
            made.append("once")
            return LIBRARY

        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(vega_bundle, "_bundled", bundled)
        return made

    def test_is_made_once(self, made: list[str]) -> None:
        assert [vega_bundle.javascript(), vega_bundle.javascript()] == [LIBRARY, LIBRARY]
        assert len(made) == 1

    def test_a_damaged_one_is_made_again(self, made: list[str]) -> None:
        vega_bundle.javascript()
        [kept] = cache_dir().iterdir()
        for damaged in (b"", gzip.compress(LIBRARY.encode())[:-6], b"no gzip"):
            kept.write_bytes(damaged)
            assert vega_bundle.javascript() == LIBRARY
        assert len(made) == 4

    def test_does_without_a_cache(self, made: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        assert vega_bundle.javascript() == LIBRARY


def publish(settings: Settings, write: WriteReport) -> None:
    report = ReportAttachment(write)
    check_and_publish(settings, clock=fixed(NOW), models=load_models(), report=report)
    report.raise_failure()


def put(page: Path, text: str) -> None:
    page.write_text(text)


class TestGoingLive:
    @pytest.fixture
    def settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
        """A warehouse that can be published."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("RECOUP_HOME", str(tmp_path))
        settings = Settings.load(warehouse_dir=tmp_path / "warehouse")
        settings.layout.prepare()
        with Warehouse.of(settings).write() as con:
            apply_core(con)
        return settings

    @pytest.mark.slow
    def test_the_page_goes_live_with_the_data(self, settings: Settings) -> None:
        publish(settings, lambda copy, out: put(out, f"{copy.name} {copy.exists()}"))
        assert (settings.layout.current / "report.html").read_text() == "recoup.duckdb True"

    @pytest.mark.slow
    def test_a_page_that_fails_is_loud_and_holds_no_data_back(self, settings: Settings) -> None:
        def fail(_copy: Path, out: Path) -> None:
            out.write_text("half a page")
            raise ZeroDivisionError("a chart broke")

        with pytest.raises(ReportFailed, match=r"data are published.*ZeroDivisionError: a chart broke.*publish`"):
            publish(settings, fail)
        assert settings.layout.published_file.exists()
        assert not (settings.layout.current / "report.html").exists()

    @pytest.mark.slow
    def test_dagster_records_the_data_and_fails_the_step_of_the_page(self, settings: Settings) -> None:
        def fail(_copy: Path, _out: Path) -> None:
            raise ZeroDivisionError("a chart broke")

        pipeline = Pipeline(settings, load_models(), fixed(NOW), write_report=fail)
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
        beside = ReportAttachment(lambda _copy, out: None)
        beside(tmp_path / "recoup.duckdb", tmp_path)
        beside.raise_failure()

    @pytest.mark.slow
    def test_the_command_names_the_page(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["report"]) == 10
        assert "recoup-warehouse publish" in capsys.readouterr().err
        publish(settings, lambda _copy, out: put(out, "page"))
        assert cli.run(["report"]) == 0
        assert capsys.readouterr().out == "warehouse/current/report.html\n"

    @pytest.mark.slow
    def test_the_command_opens_the_page(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        publish(settings, lambda _copy, out: put(out, "page"))
        opened: list[str] = []

        def no_browser(address: str) -> bool:
            opened.append(address)
            return False

        monkeypatch.setattr("webbrowser.open", no_browser)
        assert cli.run(["report", "--open"]) == 0
        assert opened == [(settings.layout.current / "report.html").resolve().as_uri()]
        assert "no browser" in capsys.readouterr().err


@pytest.mark.slow
def test_charts_cost_nothing_before_they_are_drawn() -> None:
    code = "import sys, pipelines.cli.main, pipelines.nightly; print({'altair', 'vl_convert', 'jinja2'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "set()"
