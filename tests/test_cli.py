"""The command line as a person meets it: help, output, exit codes, one-line errors, and how fast it starts.

What the commands do is tested with the parts that do it; the demo runs here over real HTTP, only shorter.
"""

import contextlib
import fcntl
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import click
import duckdb
import pytest

from pipelines import cli, demo, figures, playground
from pipelines.errors import RecoupError
from pipelines.layout import Layout
from pipelines.tables import aligned, trimmed
from tests import bodies

PROGRAM = Path(sys.executable).parent / "recoup-warehouse"
BODY_TIME = "2026-08-20T12:00:00Z"


@pytest.fixture(scope="session", autouse=True)
def no_settings() -> Iterator[None]:
    """No RECOUP_ variable of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RECOUP_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder without .env, in which `warehouse/` is the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@dataclass(frozen=True)
class Published:
    """A warehouse taken from a saved body to a published copy, and what the commands told on the way."""

    warehouse: Path
    told: str


@pytest.fixture(scope="session")
def published_once(no_settings: None, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Published:
    """Made once for all test processes, since most tests only start from it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "published"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = folder / "told.txt"
        if not told.exists():
            told.write_text(_publish_in(folder))
        return Published(folder / "warehouse", told.read_text())


def _publish_in(folder: Path) -> str:
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told):
        patch.chdir(folder)
        path = save_body(folder)
        assert run("poll", "--load", str(path), "--at", BODY_TIME) == 0
        assert run("build", "--at", BODY_TIME) == 0
        assert run("publish") == 0
    return told.getvalue()


@pytest.fixture
def published(published_once: Published, own_folder: Path) -> Path:
    """A copy of it, in this test's folder."""
    shutil.copytree(published_once.warehouse, own_folder / "warehouse", symlinks=True)
    return own_folder / "warehouse"


def save_body(folder: Path) -> Path:
    """Save an answer of the API with one task and one failed run."""
    path = folder / "monday.json"
    path.write_bytes(bodies.body([bodies.task(runs=[bodies.run(status="FAILED")])]))
    return path


def run(*arguments: str) -> int:
    """Run one command in this process."""
    return cli.run(arguments)


class TestHelp:
    """Nobody has to read the source to use a command."""

    @pytest.mark.parametrize("name", list(cli.cli.commands))
    def test_every_command_shows_examples(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(name, "--help") == 0
        text = capsys.readouterr().out
        assert f"recoup-warehouse {name}" in text.partition("Example")[2]

    @pytest.mark.parametrize("name", list(cli.cli.commands))
    def test_every_option_says_what_it_does(self, name: str) -> None:
        options = [one for one in cli.cli.commands[name].params if isinstance(one, click.Option)]
        assert all(option.help for option in options)

    def test_exit_codes_are_listed(self, capsys: pytest.CaptureFixture[str]) -> None:
        run("--help")
        text = capsys.readouterr().out
        for kind in RecoupError.__subclasses__():
            assert f" {kind.exit_code}  " in text

    def test_exit_codes_are_distinct(self) -> None:
        kinds = RecoupError.__subclasses__()
        assert len({kind.exit_code for kind in kinds}) == len(kinds)

    @pytest.mark.parametrize(
        ("arguments", "forbidden"),
        [
            (["--help"], ("dagster", "duckdb", "pydantic", "httpx", "rich")),
            (["query", "select 1"], ("dagster", "httpx")),
        ],
    )
    def test_a_command_imports_only_what_it_needs(self, arguments: list[str], forbidden: tuple[str, ...]) -> None:
        code = (
            "import sys; from pipelines import cli; cli.run(sys.argv[1:]); "
            "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert not set(forbidden) & set(done.stderr.split("\n")[-2].split())


class TestErrors:
    """One line, what and where and what next, and the exit code of its kind."""

    def test_a_missing_key_names_the_variable(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("poll") == 4
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("recoup-warehouse: ")
        assert "RECOUP_API_KEY" in lines[0]

    def test_a_bad_setting_names_the_variable_and_not_the_value(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("RECOUP_API_URL", "http://api.example?token=hush")
        assert run("nightly") == 2
        text = capsys.readouterr().err
        assert "RECOUP_API_URL" in text
        assert "hush" not in text

    def test_a_bad_instant(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("poll", "--at", "yesterday") == 2
        assert "'yesterday' is not an ISO instant" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "arguments", [["nonsense"], ["poll", "--no-such-option"], ["poll", "stray.json"], ["query"]]
    )
    def test_wrong_usage(self, arguments: list[str]) -> None:
        assert run(*arguments) == 2

    def test_nothing_published(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("summary") == 10
        assert run("query", "select 1") == 10
        assert "recoup-warehouse nightly" in capsys.readouterr().err

    def test_a_body_that_is_not_tasks(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        page = tmp_path / "page.html"
        page.write_text("<html></html>")
        assert run("poll", "--load", str(page)) == 5
        assert capsys.readouterr().err.startswith("recoup-warehouse: ")

    def test_the_unexpected_says_how_to_see_more(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("pipelines.summary.print_summary", _explode)
        assert run("summary") == 1
        text = capsys.readouterr().err
        assert text.count("\n") == 1
        assert "recoup-warehouse --traceback summary" in text
        assert run("--traceback", "summary") == 1
        assert "Traceback (most recent call last)" in capsys.readouterr().err

    def test_control_characters_never_reach_the_terminal(self) -> None:
        assert cli.one_line("bad\x1b[31m \r\n title\x07") == "bad[31m title"


def _explode(*_: object) -> None:
    raise ZeroDivisionError("on\npurpose")


class TestFlow:
    """poll, build, publish and rebuild from saved bodies, each telling what it did."""

    def test_from_a_saved_body_to_a_published_number(self, published_once: Published) -> None:
        told = published_once.told
        assert "1 task (1 new), 1 run in view (1 new)" in told
        assert "published snapshot 1: warehouse/current/recoup.duckdb" in told
        with duckdb.connect(str(published_once.warehouse / "current/recoup.duckdb"), read_only=True) as con:
            assert con.execute("select outcome from core.runs").fetchall() == [("failed",)]
            assert con.execute("select as_of_at = ? from core.build_context", [BODY_TIME]).fetchall() == [(True,)]

    def test_several_files_after_one_load(self, tmp_path: Path) -> None:
        other = tmp_path / "other.json"
        other.write_bytes(bodies.body([bodies.task("task_2")]))
        assert run("poll", "--load", str(save_body(tmp_path)), str(other), "--at", BODY_TIME) == 0
        with duckdb.connect("warehouse/work/recoup.duckdb", read_only=True) as con:
            assert con.execute("select count(*) from core.tasks").fetchall() == [(2,)]

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


@pytest.mark.usefixtures("published")
class TestQuery:
    """Read-only, aligned for people, exact for programs."""

    def test_a_table_for_people(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert (
            run("query", "select 'a' as name, 1.50::decimal(38, 20) as cents union all select 'bcd', 12 order by 1")
            == 0
        )
        assert capsys.readouterr().out == "name  cents\n----  -----\na       1.5\nbcd      12\n(2 rows)\n"

    def test_csv_keeps_values_whole(self, capsys: pytest.CaptureFixture[str]) -> None:
        sql = "select 'a,\"b\"' as text, null as nothing, [1, 2] as list, repeat('x', 100) as long"
        assert run("query", "--format", "csv", sql) == 0
        expected = f'text,nothing,list,long\n"a,""b""",,"[1,2]",{"x" * 100}\n'
        assert capsys.readouterr().out == expected

    def test_json_keeps_types_and_every_cent(self, capsys: pytest.CaptureFixture[str]) -> None:
        sql = """select 0.00000000000000000001::decimal(38, 20) as cents, timestamptz '2026-08-20 09:00:00+02' as at,
            1 as n, 2 as n, {'a': true} as nested"""
        assert run("query", "--format", "json", sql) == 0
        rows = json.loads(capsys.readouterr().out, parse_float=Decimal)
        assert rows == [
            {"cents": Decimal("1E-20"), "at": "2026-08-20T07:00:00Z", "n": 1, "n_2": 2, "nested": {"a": True}}
        ]

    def test_json_without_rows(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("query", "--format", "json", "select 1 as a where false") == 0
        assert json.loads(capsys.readouterr().out) == []

    def test_nobody_writes_through_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("query", "delete from core.runs") == 1
        assert "read-only" in capsys.readouterr().err

    def test_a_refused_query_shows_why(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("query", "select nothing_like_it from core.runs") == 1
        assert "nothing_like_it" in capsys.readouterr().err

    def test_from_standard_input(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("select 7 as seven"))
        assert run("query", "-", "--format", "csv") == 0
        assert capsys.readouterr().out == "seven\n7\n"

    def test_titles_cannot_drive_the_terminal(self) -> None:
        lines = list(aligned(["title"], [("evil\x1b[2J\nline",), ("東京",)]))
        assert "\x1b" not in "".join(lines)
        assert lines[3] == "東京"

    def test_no_idle_zeros(self) -> None:
        assert [trimmed(Decimal(text)) for text in ("1.50", "0E-20", "100", "-0.0025000")] == [
            "1.5",
            "0",
            "100",
            "-0.0025",
        ]


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
        playground.keep_world(Layout(tmp_path / "warehouse"), playground.World.new())
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
        assert demo.DAYS <= len(slow) < 30
        assert slow == sorted(set(slow))
        # A little too slow costs a few polls, not half of them, and no hole among those that stay.
        assert 48 <= len(polled(0.9)) <= 51
        assert max(later - at for at, later in itertools.pairwise(polled(0.9))) == timedelta(hours=12)


class TestDoctor:
    """Each trouble becomes a line that says what to do; secrets never show."""

    def test_a_new_warehouse_is_no_failure(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("doctor") == 0
        text = capsys.readouterr().out
        assert "RECOUP_API_KEY is not set" in text
        assert not Path("warehouse").exists()

    def test_the_key_is_tried_and_never_shown(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from pipelines.simulator import serve

        Path(".env").write_text("RECOUP_API_KEY=recoup_sk_simulated\nRECOUP_PRIVACY_KEY=hush-hush\n")
        Path(".env").chmod(0o644)
        with serve(playground.World.new().simulator()) as origin:
            monkeypatch.setenv("RECOUP_API_URL", origin)
            assert run("doctor") == 0
            good = capsys.readouterr().out
            monkeypatch.setenv("RECOUP_API_KEY", "recoup_sk_wrong")
            assert run("doctor") == 1
            bad = capsys.readouterr().out
        assert f"{origin} accepts" in good
        assert "RECOUP_API_KEY (.env)" in good
        assert "chmod 600 .env" in good
        assert "fail  api" in bad
        assert "RECOUP_API_KEY (environment)" in bad
        for secret in ("recoup_sk_", "hush-hush"):
            assert secret not in good.replace("recoup_sk_...", "")
            assert secret not in bad.replace("(it starts with recoup_sk_)", "")

    def test_misspelt_settings_are_named(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("RECOUP_ACOUNT_IDS", "x")
        run("doctor")
        assert "did you mean RECOUP_ACCOUNT_IDS?" in capsys.readouterr().out

    def test_a_bad_setting_fails(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setenv("RECOUP_SNAPSHOTS_KEPT", "many")
        assert run("doctor") == 1
        assert "fail  settings   RECOUP_SNAPSHOTS_KEPT" in capsys.readouterr().out

    def test_open_folders_and_an_old_poll_fail(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Path("warehouse/archive").chmod(0o755)
        capsys.readouterr()
        assert run("doctor") == 1
        text = capsys.readouterr().out
        assert "chmod 700 warehouse/archive" in text
        assert "fail  polls" in text
        assert "runs are lost" in text

    def test_a_dangling_copy_fails(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Path("warehouse/snapshots/1").rename("warehouse/moved")
        assert run("doctor") == 1
        assert "leads nowhere" in capsys.readouterr().out

    def test_a_writer_is_named(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        holder = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from pipelines.layout import Layout; "
                "from pipelines.warehouse import Warehouse\n"
                "with Warehouse(Layout(Path('warehouse').resolve())).locked():\n"
                "    print('held', flush=True)\n"
                "    sys.stdin.read()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        run("doctor")
        holder.communicate()
        text = capsys.readouterr().out
        assert f"process {holder.pid} is writing now" in text
        # The copy is read instead of the work file.
        assert "the last one that brought tasks" in text


class TestFigures:
    """Small money is not nothing, and no share is rounded to a whole that it is not."""

    @pytest.mark.parametrize(
        ("cents", "text"),
        [
            ("0.04", "0.04 ¢"),
            ("0.0025", "0.0025 ¢"),
            ("0", "$0"),
            ("7.5", "7.5 ¢"),
            ("42.4", "42 ¢"),
            ("123456", "$1,234.56"),
        ],
    )
    def test_money(self, cents: str, text: str) -> None:
        assert figures.money(Decimal(cents)) == text

    @pytest.mark.parametrize(
        ("ratio", "text"),
        [(0, "0 %"), (0.0001, "0.1 %"), (0.9999, "99.9 %"), (1, "100 %"), (0.425, "42 %"), (None, "-")],
    )
    def test_share(self, ratio: float | None, text: str) -> None:
        assert figures.share(ratio) == text


def test_ctrl_c_ends_the_simulator_with_130() -> None:
    process = subprocess.Popen(
        [PROGRAM, "simulate", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert "Simulated Recoup API at http://127.0.0.1:" in process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.strip() == "recoup-warehouse: interrupted"
