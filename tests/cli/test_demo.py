"""demo: over real HTTP as `make run`, only shorter."""

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.archive.store import Archive
from pipelines.clock import utc_now
from pipelines.demo import run as demo
from pipelines.demo import simulated_api
from pipelines.ingest import simulated_marker
from pipelines.paths import Layout
from tests.cli.conftest import run


class TestDemo:
    """`make run`: shorter here, over the same real HTTP."""

    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(demo, "MOST_POLLS", 2)
        monkeypatch.setattr(demo, "PACE", timedelta(days=7))
        monkeypatch.setattr(demo, "QUIET_PACE", timedelta(days=28))
        monkeypatch.setenv("RECOUP_DETAILS_PER_POLL", "5")

    @pytest.mark.slow
    def test_demo_continues_and_never_mixes(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("demo") == 0
        first = capsys.readouterr().out
        assert "SIMULATED" in first
        assert "warehouse/current/recoup.duckdb" in first
        assert "rescued" in first

        assert run("demo") == 0
        assert "1 poll from" in capsys.readouterr().out
        with duckdb.connect("warehouse/current/recoup.duckdb", read_only=True) as con:
            assert con.execute("select count(*), max(source) from core.polls").fetchall() == [(4, "simulator")]

        assert run("demo", "--at", "2026-01-01T00:00:00Z") == 2
        assert "name a later instant" in capsys.readouterr().err

        monkeypatch.setenv("RECOUP_API_KEY", "recoup_sk_real")
        note = Path("warehouse/simulated.json")
        noted = note.read_text()
        for is_noted in (True, False):  # a person may delete the note; the polls themselves tell
            for command in ("demo", "poll", "nightly", "dev"):
                assert run(command) == 2
                assert "must not mix" in capsys.readouterr().err
            assert note.exists() == is_noted
            note.unlink(missing_ok=True)
        monkeypatch.delenv("RECOUP_API_KEY")
        assert run("demo") == 2
        assert "demo --forget" in capsys.readouterr().err
        note.write_text(noted)

        assert run("demo", "--forget") == 0
        assert not Path("warehouse/simulated.json").exists()
        assert not Path("warehouse/archive").exists()
        assert not Path("warehouse/budgets.csv").exists()

    @pytest.mark.slow
    def test_other_data_are_left_alone(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("demo") == 2
        assert run("demo", "--forget") == 2
        assert "nothing was deleted" in capsys.readouterr().err
        assert Path("warehouse/archive").exists()

    def test_a_world_with_other_polls_is_not_forgotten(self, published: Path, tmp_path: Path) -> None:
        simulated_marker.keep_world(Layout(tmp_path / "warehouse"), simulated_api.new_world())
        assert run("demo", "--forget") == 2
        assert Path("warehouse/archive").exists()

    @pytest.mark.slow
    def test_simulated_data_do_not_come_into_a_warehouse_of_real_ones(
        self, published: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        archive = Archive(Layout(Path("warehouse").resolve()).archive)
        archive.start_poll(utc_now(), source="api", is_full_scope=True, account_ids=[], accept_deletions=False)
        polls = archive.poll_ids()
        monkeypatch.setenv("RECOUP_API_KEY", "recoup_sk_simulated")
        monkeypatch.setenv("RECOUP_API_URL", "http://127.0.0.1:9")
        for command in ("poll", "nightly", "dev"):
            assert run(command) == 2
            assert "data of the real API" in capsys.readouterr().err
        assert archive.poll_ids() == polls
