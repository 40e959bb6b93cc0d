"""Privacy: nothing private of the source, and no key, reaches what people open, the logs, or Dagster's storage.

Secret markers stand in every field. Blocks are written uncompressed, so that searching bytes finds even what a file forgot.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
import duckdb
import pytest

from pipelines.archive.store import Archive
from pipelines.database.connection import open_published
from pipelines.definitions import build_defs
from pipelines.orchestrate.dagster_home import prepare_dagster_home
from pipelines.report import write_report
from pipelines.settings import Settings
from tests.support.archives import read_back
from tests.support.bodies import NOON
from tests.support.marked_source import KEY, Source, served
from tests.support.secret_markers import (
    CONTROL,
    dump,
    first_tasks,
    later_tasks,
    secret_markers,
    talkative,
    text,
)

# The doctor fails, since the last of these polls was long ago.
OVERDUE = 1
TONIGHT = NOON + timedelta(hours=12)

# As the command line, but DuckDB leaves every block readable, those that it does not use any more too.
CLI_UNCOMPRESSED = """
import duckdb, os, sys
from pipelines.cli import main as cli

connect = duckdb.connect

def connect_uncompressed(*arguments, **options):
    con = connect(*arguments, **options)
    if not options.get("read_only"):
        con.execute("set force_compression = 'uncompressed'")
    return con

duckdb.connect = connect_uncompressed
for command in sys.argv[1:]:
    if command == "as json":
        os.environ["RECOUP_LOG_FORMAT"] = "json"
    else:
        print("exit", cli.run(command.split(";")))
"""


@dataclass(frozen=True)
class Nights:
    """A warehouse after good and bad nights, through the command line and through Dagster, and all that was printed."""

    settings: Settings
    told: str


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    folder = tmp_path_factory.mktemp("private") / "warehouse"
    refusal = json.dumps({"status": "error", "error": talkative("500"), "message": text("500")}).encode()
    source = Source([(200, first_tasks()), (500, refusal), (401, refusal), (200, b"{" + refusal), (200, later_tasks())])
    with served(source) as origin, pytest.MonkeyPatch.context() as patch:
        settings = Settings.load(warehouse_dir=folder, api_url=origin, api_key=KEY, max_attempts=1)
        environment = {"API_URL": origin, "API_KEY": KEY, "WAREHOUSE_DIR": str(folder), "MAX_ATTEMPTS": "1"}
        environment |= {"INCIDENT_SINKS": f"file:{folder}/told/messages", "DIGEST": "daily"}
        environment |= {"METRICS_FILE": f"{folder}/told/figures.prom"}
        environment = os.environ | {f"RECOUP_{name}": value for name, value in environment.items()}
        polls = [f"poll;--at;2026-08-20T{hour}:00:00Z" for hour in range(13, 17)]
        commands = ["nightly;--at;2026-08-20T12:00:00Z", f"--traceback;{polls[0]}", *polls[1:]]
        commands += ["doctor", "summary", "query;--format;json;from core.quarantine", "rebuild"]
        commands += ["as json", f"--traceback;{polls[0]}", "query;select nothing", "metrics"]
        done = subprocess.run(
            [sys.executable, "-c", CLI_UNCOMPRESSED, *commands],
            env=environment,
            cwd=folder.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        told = done.stdout + done.stderr
        exits = re.findall(r"^exit (\d+)$", done.stdout, re.MULTILINE)
        assert [int(code) for code in exits] == [0, 3, 4, 5, 0, OVERDUE, 0, 0, 0, 0, 1, 0], told
        patch.setenv("DAGSTER_HOME", str(prepare_dagster_home(settings.layout)))
        yield Nights(settings, told + through_dagster(settings, source))


def through_dagster(settings: Settings, source: Source) -> str:
    """Run a good night and a refused poll as Dagster jobs; return all that their events say."""
    defs = build_defs(settings=settings, clock=lambda: TONIGHT, write_report=write_report)
    told = ""
    with dg.DagsterInstance.get() as instance:
        for job, status, answer in (("nightly", 200, first_tasks()), ("poll", 401, talkative("401").encode())):
            source.answers = [(status, answer)]
            result = defs.resolve_job_def(job).execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
            told += "\n".join(str(event) for event in result.all_events)
            assert result.success is (status == 200), told
    return told


@pytest.mark.slow
def test_the_published_file_holds_nothing_private(nights: Nights) -> None:
    snapshots = sorted(nights.settings.layout.snapshots.glob("*/recoup.duckdb"))
    assert len(snapshots) == 2
    for file in snapshots:
        assert secret_markers(file.read_bytes()) == set()
        assert CONTROL.encode() in file.read_bytes()
    seen = dump(nights.settings.layout.published_file)
    assert secret_markers(seen) == set()
    assert CONTROL.encode() in seen


@pytest.mark.slow
def test_what_people_read_of_a_scrubbed_text_remains(nights: Nights) -> None:
    with open_published(nights.settings.layout) as con:
        [(message, metadata, tags)] = con.execute(
            "select error_message, metadata, list(tag order by tag) from core.runs join core.run_tags using (run_id)"
            " where run_id = 'run_half' group by all"
        ).fetchall()
        [(title,)] = con.execute("select title from core.tasks where task_id = 'task_2'").fetchall()
    assert message.startswith("run-half-message:\nto <address>, <<address>>\n<address>\tmailto:<address> key <secret> ")
    assert title.startswith(f"{CONTROL} task-2-title:\nto <address>")
    assert json.loads(metadata)["nested"] == [{"accessToken": "<secret>", "tokens": 7, "token": None}]
    assert tags == ["<secret>", "account:run-half", "to:<address>"]


@pytest.mark.slow
def test_the_work_file_and_its_neighbours_hold_nothing_private_but_the_archive(nights: Nights) -> None:
    layout = nights.settings.layout
    files = [path for path in layout.root.rglob("*") if path.is_file() and layout.archive not in path.parents]
    assert {layout.work_file, layout.privacy_key_file, layout.root / "told/figures.prom"} <= set(files)
    told = [json.loads(line) for line in (layout.root / "told/messages").read_text().splitlines()]
    assert {one.get("kind", one["event"]) for one in told} >= {"digest", "task_failing", "new_error", "poll_failing"}
    assert any(CONTROL in one["title"] for one in told if one.get("kind") == "task_failing")
    assert all("<address>" in one["cause"] for one in told if one.get("kind") == "new_error")
    assert {path.name: found for path in files if (found := secret_markers(path.read_bytes()))} == {}


@pytest.mark.slow
def test_the_report_and_dagsters_storage_hold_nothing_private(nights: Nights) -> None:
    layout = nights.settings.layout
    stored = [path for path in layout.dagster_home.rglob("*") if path.is_file()]
    assert any(b"nightly" in path.read_bytes() for path in stored)
    reports = sorted(layout.snapshots.glob("*/report.html"))
    assert len(reports) == 2, "one by the command line, one by Dagster"
    assert all(CONTROL.encode() in path.read_bytes() for path in reports)
    beside = [path for path in layout.snapshots.rglob("*") if path.is_file() and path.suffix != ".duckdb"]
    assert {path.name: found for path in stored + beside if (found := secret_markers(path.read_bytes()))} == {}


@pytest.mark.slow
def test_nothing_private_is_printed_or_logged(nights: Nights) -> None:
    assert "tried once" in nights.told
    assert "Traceback" in nights.told
    assert '"event": "poll"' in nights.told
    assert "recoup_coverage_ratio" in nights.told
    assert secret_markers(nights.told.encode()) == set()


@pytest.mark.slow
def test_the_archive_holds_the_source_but_never_the_key(nights: Nights) -> None:
    archive = nights.settings.layout.archive
    bodies = [body for poll in read_back(Archive(archive)) for body in poll]
    assert any(b"canary-of-task-1-prompt" in content for content in bodies)
    ledgers = [path.read_bytes() for path in archive.rglob("*.ndjson")]
    assert ledgers
    assert not any(KEY.encode() in content for content in bodies + ledgers)
    assert {marker for content in ledgers for marker in secret_markers(content)} == set()


@pytest.mark.slow
def test_rejects_are_kept_without_their_private_parts(nights: Nights) -> None:
    with open_published(nights.settings.layout) as con:
        rejects = con.execute("select level, reason, raw::varchar from core.quarantine").fetchall()
        paths = {path for (path,) in con.execute("select path from core.schema_changes").fetchall()}
    assert {level for level, _, _ in rejects} == {"task", "run", "attempt"}
    assert "tasks[].recent_runs[].queue" in paths
    assert all("491701234" not in raw for _, _, raw in rejects)


@pytest.mark.slow
def test_files_are_private_and_the_published_one_cannot_be_written(nights: Nights) -> None:
    layout = nights.settings.layout
    for folder in (layout.archive, layout.work, layout.dagster_home):
        inside = [folder, *folder.rglob("*")]
        modes = {path: path.stat().st_mode & 0o777 for path in inside}
        assert modes[folder] == 0o700
        if folder != layout.dagster_home:  # Dagster's own files, behind the closed folder
            assert {oct(modes[path]) for path in inside if path.is_dir()} == {"0o700"}
            assert {oct(modes[path]) for path in inside if path.is_file()} == {"0o600"}
    assert layout.published_file.stat().st_mode & 0o777 == 0o444
    with open_published(layout) as con:
        for change in ("delete from core.runs", "create table core.mine (i integer)", "drop table core.tasks"):
            with pytest.raises(duckdb.InvalidInputException, match="read-only"):
                con.execute(change)
