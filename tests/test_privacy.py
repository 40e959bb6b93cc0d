"""Privacy: nothing private of the source, and no key, reaches what people open, the logs, or Dagster's storage.

Canaries stand in every field. Blocks are written uncompressed, so that searching bytes finds even what a file forgot.
"""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import duckdb
import pytest
import zstandard
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines.dagster_home import prepare_dagster_home
from pipelines.definitions import build_defs
from pipelines.poll import poll
from pipelines.publish import publish
from pipelines.rebuild import rebuild
from pipelines.recoup import gate
from pipelines.report import write_report
from pipelines.settings import Settings
from pipelines.sqlfiles import run_flatten
from pipelines.warehouse import Warehouse, open_published
from tests.bodies import EXAMPLES, NOON, body, run, runs_body, task

ROOT = Path(__file__).resolve().parent.parent
KEY = "recoup_sk_canary_of_the_api_key"
# The doctor fails, since the last of these polls was long ago.
OVERDUE = 1
TONIGHT = NOON + timedelta(hours=12)
# In the title, which is no secret: whoever searches must find it, or the search proves nothing.
CONTROL = "control-of-the-search"
# Every private text holds this word; nothing else does.
CANARY = re.compile(rb"(?i)canary[\w.:-]*")

# As the command line, but DuckDB leaves every block readable, those that it does not use any more too.
CLI_UNCOMPRESSED = """
import duckdb, sys
from pipelines import cli

connect = duckdb.connect

def connect_uncompressed(*arguments, **options):
    con = connect(*arguments, **options)
    if not options.get("read_only"):
        con.execute("set force_compression = 'uncompressed'")
    return con

duckdb.connect = connect_uncompressed
for command in sys.argv[1:]:
    print("exit", cli.run(command.split(";")))
"""


def text(place: str) -> str:
    """A private text, long enough that DuckDB never stores it inline."""
    return f"canary-of-{place} which nobody but the owner may read"


def address(place: str) -> str:
    return f"canary.{place}+x@label.example"


def talkative(place: str) -> str:
    """Text that people may read, with things in it that they may not, in the forms in which programs write them."""
    return (
        f"{place}:\nto {address(place)}, <{address(place)}>\n{address(place)}\tmailto:canary.{place}%40label.example "
        f"key recoup_sk_canary{place} Bearer canary.{place} sk-canary-{place} tr_prod_canary{place} "
        f"https://canary_user:canary-pw@db.example/x https://s3.example/a?X-Amz-Signature=canary{place}&b=1 "
        f'password: canary-{place} {{"apiKey": "canary-{place}"}} jürgen.canary@label.example'
    )


def error(place: str) -> dict[str, Any]:
    told = {"name": f"Error {address(place)}", "message": talkative(f"{place}-message")}
    return told | {"stackTrace": text(f"{place}-stack"), "more": text(f"{place}-more")}


def private_run(run_id: str, hours_ago: float = 3, **over: Any) -> dict[str, Any]:
    """A run of both shapes at once, with a canary wherever the source can hold something private."""
    place = run_id.replace("_", "-")
    fields: dict[str, Any] = {
        "status": "FAILED",
        "idempotencyKey": talkative(f"{place}-idempotency"),
        "payload": {"prompt": text(f"{place}-payload"), text(f"{place}-payload-key"): 1},
        "output": text(f"{place}-output"),
        "payloadPresignedUrl": f"https://store.example/{text(f'{place}-payload-url')}",
        "outputPresignedUrl": f"https://store.example/{text(f'{place}-output-url')}",
        "title": text(f"{place}-title"),
        "email_subject": text(f"{place}-subject"),
        "error": error(place),
        "metadata": {
            address(f"{place}-metadata-key"): talkative(f"{place}-metadata"),
            "nested": [{"accessToken": f"canary-{place}-token", "tokens": 7, "token": None}],
            "as json": json.dumps({"secret": f'canary-{place} "quoted"', "to": address(place)}),
        },
        "tags": [f"account:{place}", f"to:{address(f'{place}-tag')}", f"recoup_sk_canary{place}"],
        "env": {"id": "env_1", "name": "prod", "user": text(f"{place}-user")},
        "schedule": {
            "id": "sched_task_1",
            "externalId": "task_1",
            "deduplicationKey": talkative(f"{place}-dedup"),
            "generator": {"type": "CRON", "expression": "0 9 * * *", "description": talkative(f"{place}-description")},
        },
        "relatedRuns": {"root": {"id": "run_root", "payload": text(f"{place}-related")}},
        "attemptCount": 1,
        "triggerFunction": "trigger",
        "batchId": talkative(f"{place}-batch"),
        "version": talkative(f"{place}-version"),
        "region": talkative(f"{place}-region"),
        "ttl": talkative(f"{place}-ttl"),
        "taskKind": talkative(f"{place}-kind"),
        "attempts": [
            {
                "id": f"attempt_{run_id}",
                "status": "FAILED",
                "createdAt": "2026-08-20T09:00:00Z",
                "updatedAt": "2026-08-20T09:01:00Z",
                "error": error(f"{place}-attempt"),
            }
        ],
        "queue": {"owner": text(f"{place}-unknown-key"), "version": text(f"{place}-unknown-safe")},
        address(f"{place}-unknown-name"): {address("inner"): text("inner")},
    }
    return run(run_id, NOON - timedelta(hours=hours_ago), **(fields | over))


def private_task(task_id: str, *runs: dict[str, Any], **over: Any) -> dict[str, Any]:
    place = task_id.replace("_", "-")
    fields: dict[str, Any] = {
        "title": f"{CONTROL} {talkative(f'{place}-title')}",
        "prompt": text(f"{place}-prompt") * 200,
        "owner_email": address(f"{place}-owner"),
        "artist_name": talkative(f"{place}-artist"),
        "model": talkative(f"{place}-model"),
        "api_key": f"recoup_sk_canary_{place}",
        "notes": {
            address("k"): [text(f"{place}-notes")],
            "version": text(f"{place}-notes-version"),
            "phone": 491701234,
        },
    }
    return task(task_id, runs, **(fields | over))


def first_tasks() -> bytes:
    bad_run = private_run("run_bad", 5, createdAt=text("bad-created"), costInCents=text("bad-cost"))
    bad_attempts = private_run("run_half", 6)
    bad_attempts["attempts"] = [{"id": "a", "status": text("bad-attempt"), "error": error("bad-attempt")}]
    return body(
        [
            private_task("task_1", private_run("run_1"), bad_run, bad_attempts),
            private_task("task_2", schedule=talkative("schedule"), timezone=talkative("zone"), recent_runs=None),
            private_task("task_3", private_run("run_3"), title={"text": text("bad-title")}, id=text("bad-id")),
            {address("whole"): text("whole")},
        ]
    )


def later_tasks() -> bytes:
    """Everything has changed since, so that what was stored before is rewritten."""
    changed = private_run(
        "run_1", updatedAt="2026-08-20T11:00:00Z", output=text("changed-output"), error=talkative("told")
    )
    return body([private_task("task_1", changed, prompt=text("changed-prompt"), owner_email=address("new-owner"))])


@dataclass
class Source:
    """An API on loopback: answers to `/api/tasks` one after the other, the last one for ever."""

    answers: list[tuple[int, bytes]]
    asked: int = 0

    def answer(self, path: str, key: str | None) -> tuple[int, bytes]:
        assert key == KEY
        url = urlsplit(path)
        if url.path.endswith("/runs"):
            wanted = parse_qs(url.query).get("runId", ["run_listed"])[0]
            return 200, runs_body([private_run(wanted, status="FAILED")])
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@contextmanager
def served(source: Source) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = source.answer(self.path, self.headers["x-api-key"])
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
        environment = os.environ | {f"RECOUP_{name}": value for name, value in environment.items()}
        polls = [f"poll;--at;2026-08-20T{hour}:00:00Z" for hour in range(13, 17)]
        commands = ["nightly;--at;2026-08-20T12:00:00Z", f"--traceback;{polls[0]}", *polls[1:]]
        commands += ["doctor", "summary", "query;--format;json;from core.quarantine", "rebuild"]
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
        assert [int(code) for code in exits] == [0, 3, 4, 5, 0, OVERDUE, 0, 0, 0], told
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


def canaries(content: bytes) -> set[str]:
    return {found.decode(errors="replace") for found in CANARY.findall(content)}


def dump(file: Path) -> bytes:
    """Everything that a reader of the file can see, as text: rows, definitions, comments, settings of the file."""
    with duckdb.connect(str(file), read_only=True) as con:
        tables = con.execute("select table_schema, table_name from information_schema.tables").fetchall()
        rows = [con.execute(f"select t::varchar from {schema}.{name} as t").fetchall() for schema, name in tables]
        rows += [
            con.execute(f"from {name}()").fetchall() for name in ("duckdb_tables", "duckdb_views", "duckdb_columns")
        ]
        rows += [con.execute("select * from duckdb_functions() where not internal").fetchall()]
    return repr(rows).encode()


@pytest.mark.slow
def test_the_published_file_holds_nothing_private(nights: Nights) -> None:
    snapshots = sorted(nights.settings.layout.snapshots.glob("*/recoup.duckdb"))
    assert len(snapshots) == 2
    for file in snapshots:
        assert canaries(file.read_bytes()) == set()
        assert CONTROL.encode() in file.read_bytes()
    seen = dump(nights.settings.layout.published_file)
    assert canaries(seen) == set()
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
    assert {layout.work_file, layout.privacy_key_file} <= set(files)
    assert {path.name: found for path in files if (found := canaries(path.read_bytes()))} == {}


@pytest.mark.slow
def test_the_report_and_dagsters_storage_hold_nothing_private(nights: Nights) -> None:
    layout = nights.settings.layout
    stored = [path for path in layout.dagster_home.rglob("*") if path.is_file()]
    assert any(b"nightly" in path.read_bytes() for path in stored)
    reports = sorted(layout.snapshots.glob("*/report.html"))
    assert len(reports) == 2, "one by the command line, one by Dagster"
    assert all(CONTROL.encode() in path.read_bytes() for path in reports)
    beside = [path for path in layout.snapshots.rglob("*") if path.is_file() and path.suffix != ".duckdb"]
    assert {path.name: found for path in stored + beside if (found := canaries(path.read_bytes()))} == {}


@pytest.mark.slow
def test_nothing_private_is_printed_or_logged(nights: Nights) -> None:
    assert "tried once" in nights.told
    assert "Traceback" in nights.told
    assert canaries(nights.told.encode()) == set()


@pytest.mark.slow
def test_the_archive_holds_the_source_but_never_the_key(nights: Nights) -> None:
    archive = nights.settings.layout.archive
    bodies = [zstandard.ZstdDecompressor().decompress(path.read_bytes()) for path in archive.rglob("*.zst")]
    assert any(b"canary-of-task-1-prompt" in content for content in bodies)
    ledgers = [path.read_bytes() for path in archive.rglob("*.ndjson")]
    assert ledgers
    assert not any(KEY.encode() in content for content in bodies + ledgers)
    assert {canary for content in ledgers for canary in canaries(content)} == set()


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


def test_keeping_a_column_and_taking_that_back_leaves_no_trace(tmp_path: Path) -> None:
    saved = save(tmp_path, first_tasks())
    kept = Settings.load(warehouse_dir=tmp_path / "w", privacy_keep="prompt")
    poll(kept, clock=lambda: NOON, load_files=[saved])
    in_clear = publish(kept.layout, kept=3, clock=lambda: NOON).path
    assert canaries(dump(in_clear)) == {"canary-of-task-1-prompt", "canary-of-task-2-prompt"}
    settings = Settings.load(warehouse_dir=tmp_path / "w")
    rebuild(settings)
    masked = publish(settings.layout, kept=3, clock=lambda: NOON).path
    assert canaries(dump(masked) + masked.read_bytes() + settings.layout.work_file.read_bytes()) == set()


@pytest.mark.slow
def test_hashes_differ_between_warehouses_unless_they_share_a_key(tmp_path: Path) -> None:
    saved = save(tmp_path, first_tasks())

    def prompt_hash(folder: str, key: str | None) -> str:
        settings = Settings.load(warehouse_dir=tmp_path / folder, privacy_key=key)
        poll(settings, clock=lambda: NOON, load_files=[saved])
        with Warehouse.of(settings).write() as con:
            return str(con.execute("select prompt_hash from core.tasks where task_id = 'task_1'").fetchall()[0][0])

    assert prompt_hash("a", "shared") == prompt_hash("b", "shared")
    assert len({prompt_hash("a", "shared"), prompt_hash("c", None), prompt_hash("d", None)}) == 3


def save(folder: Path, content: bytes) -> Path:
    file = folder / "saved.json"
    file.write_bytes(content)
    return file


LETTERS = st.text(alphabet=st.sampled_from('ab@.\\"\n\t\x01é<>:= ,{}[]%40&?'), max_size=12)
WORDS = st.sampled_from(["sk-abc", "Bearer x", "password", "token:", '"secret":"', "recoup_sk_a", "a@b.c", "\n", "\\"])
TEXTS = st.lists(WORDS | LETTERS, max_size=4).map("".join)
VALUES = st.recursive(
    TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=6
)


@pytest.fixture(scope="module")
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        run_flatten(con, "00_session")
        yield con


@given(values=st.lists(VALUES, min_size=20, max_size=40))
@hypothesis_settings(max_examples=6 * EXAMPLES, deadline=None)
def test_scrubbing_leaves_json_readable_and_of_the_same_shape(
    session: duckdb.DuckDBPyConnection, values: list[Any]
) -> None:
    raws = [json.dumps(value, ensure_ascii=False) for value in values]
    scrubbed = session.execute("select scrubbed(raw::json::varchar) from (select unnest(?) as raw)", [raws]).fetchall()
    assert [shape(json.loads(text)) for (text,) in scrubbed] == [shape(value) for value in values]


def shape(part: Any) -> Any:
    if isinstance(part, dict):
        return "dict"  # two addresses may become the same name
    return [shape(inner) for inner in part] if isinstance(part, list) else type(part)


@pytest.mark.parametrize(
    "harmless",
    [
        "task-runner: disk-full, risk-free",
        "run_06g3v8ouk9oupl71ni64n51301 of task_1",
        "used 7 tokens, token count: 12",
        "customer-prompt-task",
        "Failed to fetch https://api.example/v1/items?page=2&limit=5",
    ],
)
def test_scrubbing_leaves_harmless_text_alone(session: duckdb.DuckDBPyConnection, harmless: str) -> None:
    assert session.execute("select scrubbed(?)", [harmless]).fetchall() == [(harmless,)]


def test_names_of_unknown_keys_are_told_unless_they_may_be_private() -> None:
    names = {"queuePosition": 1, address("name"): 2, text("name"): 3}
    gated = gate.gate([(0, json.dumps(run(**{"run_id": "r"}) | names).encode())], "runs")
    assert "runs[].queuePosition" in gated.unknown_keys
    assert canaries(repr(gated.unknown_keys).encode()) == set()
