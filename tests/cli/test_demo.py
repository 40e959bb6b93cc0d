"""demo: over real HTTP as `make run`, only shorter."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.demo import run as demo
from pipelines.demo import simulated_api
from pipelines.demo.simulated_api import DAYS
from pipelines.ingest import simulated_marker
from pipelines.paths import Layout
from tests.cli.conftest import run


class TestDemo:
    """`make run`: shorter here, over the same real HTTP."""

    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(demo, "MOST_POLLS", 2)
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
            assert con.execute("select count(*), max(source) from core.polls").fetchall() == [(3, "simulator")]

        monkeypatch.setenv("RECOUP_API_KEY", "recoup_sk_real")
        for command in ("demo", "poll", "nightly", "dev"):
            assert run(command) == 2
            assert "must not mix" in capsys.readouterr().err
        monkeypatch.delenv("RECOUP_API_KEY")

        assert run("demo", "--forget") == 0
        assert not Path("warehouse/simulated.json").exists()
        assert not Path("warehouse/archive").exists()

    def test_other_data_are_left_alone(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("demo") == 2
        assert run("demo", "--forget") == 2
        assert "nothing was deleted" in capsys.readouterr().err
        assert Path("warehouse/archive").exists()

    def test_a_world_with_other_polls_is_not_forgotten(self, published: Path, tmp_path: Path) -> None:
        simulated_marker.keep_world(Layout(tmp_path / "warehouse"), simulated_api.new_world())
        assert run("demo", "--forget") == 2
        assert Path("warehouse/archive").exists()

    def test_polls_of_two_weeks_end_now(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        now = datetime(2026, 8, 20, 10, tzinfo=UTC)
        times = demo.poll_times(now - timedelta(days=14), None, now)
        assert times[-1] == now
        assert len(times) == demo.MOST_POLLS
        assert times == sorted(set(times))
        assert demo.poll_times(now - timedelta(days=14), now - timedelta(minutes=3), now) == [now]
        after_a_year = demo.poll_times(now - timedelta(days=400), now - timedelta(days=380), now)
        assert len(after_a_year) == demo.MOST_POLLS
        assert after_a_year[-1] == now

    def test_a_slow_machine_polls_less_and_still_ends_now(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = datetime(2026, 8, 20, tzinfo=UTC)
        times = [now + timedelta(hours=6 * step) for step in range(56)]

        def polled(seconds_a_poll: float) -> list[datetime]:
            ticks = itertools.count(0, seconds_a_poll)
            return list(demo.in_time(times, lambda: next(ticks)))

        assert polled(0.5) == times
        slow = polled(4)
        assert DAYS <= len(slow) < 30
        assert slow == sorted(set(slow))
        # A little too slow costs a few polls, not half of them, and no hole among those that stay.
        assert 48 <= len(polled(1)) <= 51
        assert max(later - at for at, later in itertools.pairwise(polled(1))) == timedelta(hours=12)
