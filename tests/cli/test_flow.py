"""poll, build, publish, rebuild and nightly as commands. What they do is tested with the parts that do it."""

from pathlib import Path

import duckdb
import pytest

from tests.cli.conftest import BODY_TIME, Published, run, save_body
from tests.support import bodies


class TestFlow:
    """poll, build, publish and rebuild from saved bodies, each telling what it did."""

    def test_from_a_saved_body_to_a_published_number(self, published_once: Published) -> None:
        told = published_once.told
        assert "1 task (1 new), 1 run in view (1 new)" in told
        assert "published snapshot 1: warehouse/current/recoup.duckdb" in told
        with duckdb.connect(str(published_once.warehouse / "current/recoup.duckdb"), read_only=True) as con:
            assert con.execute("select outcome from core.runs").fetchall() == [("failed",)]
            assert con.execute("select as_of_at = ? from core.build_context", [BODY_TIME]).fetchall() == [(True,)]

    @pytest.mark.slow
    def test_several_files_after_one_load(self, tmp_path: Path) -> None:
        other = tmp_path / "other.json"
        other.write_bytes(bodies.body([bodies.task("task_2")]))
        assert run("poll", "--load", str(save_body(tmp_path)), str(other), "--at", BODY_TIME) == 0
        with duckdb.connect("warehouse/work/recoup.duckdb", read_only=True) as con:
            assert con.execute("select count(*) from core.tasks").fetchall() == [(2,)]

    @pytest.mark.slow
    def test_rebuild_counts_the_polls(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("rebuild") == 0
        assert "rebuilt from 1 poll" in capsys.readouterr().out

    def test_nightly_without_an_api_leaves_what_is_published(
        self, published: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RECOUP_API_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("RECOUP_API_KEY", "recoup_sk_any")
        monkeypatch.setenv("RECOUP_MAX_ATTEMPTS", "1")
        assert run("nightly") == 3
        assert run("query", "select count(*) from core.polls") == 0
