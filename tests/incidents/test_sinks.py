"""Sinks and outbox with real receivers on loopback: each message arrives, none twice; no address with a key is shown."""

import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import BadSettings
from pipelines.incidents.ledger import open_ledger, record, transaction
from pipelines.incidents.limits import read_limits
from pipelines.incidents.observe import Observation
from pipelines.incidents.outbox import SENT_AT_ONCE, deliver
from pipelines.incidents.sinks import sinks_of
from pipelines.settings import Settings
from tests.support.bodies import NOON


class Clock:
    """Shows the time that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def webhook(answers: list[int]) -> Iterator[tuple[str, list[tuple[str | None, dict[str, Any]]]]]:
    """Serve a receiver that answers as told, then 200; yield its address and what it took."""
    taken: list[tuple[str | None, dict[str, Any]]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status = answers.pop(0) if answers else 200
            if status == 200:
                taken.append((self.headers["idempotency-key"], body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook?token=hush-hush", taken
        server.shutdown()


class MailServer(socketserver.StreamRequestHandler):
    """Speaks just enough SMTP to take a mail."""

    mails: list[str] = []

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        is_data, lines = False, list[str]()
        for raw in self.rfile:
            line = raw.decode().rstrip("\r\n")
            if is_data and line != ".":
                lines.append(line)
                continue
            if is_data:
                self.mails.append("\n".join(lines))
            word = line[:4].upper()
            is_data = word == "DATA"
            self.wfile.write({"DATA": b"354 go on\r\n", "QUIT": b"221 bye\r\n"}.get(word, b"250 ok\r\n"))
            if word == "QUIT":
                return


def trouble(folder: Path, sinks: str, *subjects: str) -> Settings:
    """Open one incident per subject; return the settings that name the sinks."""
    settings = Settings.load(warehouse_dir=folder, incident_sinks=sinks)
    found = [
        Observation("task_failing", s, f"Task {s}", 4.0, "4 of 5 failed", "complete", "select 1") for s in subjects
    ]
    with open_ledger(settings.layout) as con, transaction(con):
        names = list(sinks_of(settings))
        record(con, found, kinds=["task_failing"], limits=read_limits(None), sinks=names, now=NOON)
    return settings


def test_a_webhook_that_fails_gets_each_message_later_and_once(tmp_path: Path) -> None:
    clock = Clock()
    with webhook([500, 200, 429, 500]) as (url, taken):
        settings = trouble(tmp_path, url, "a", "b", "c")
        first = deliver(settings.layout, sinks_of(settings), clock)
        assert (first.sent_count, len(first.faults)) == (0, 1)  # who fails is left alone for the rest of the round
        assert "hush-hush" not in str(first)
        assert deliver(settings.layout, sinks_of(settings), clock).sent_count == 1  # the pause of the first is not over
        for _ in range(4):
            clock.now += timedelta(minutes=5)
            deliver(settings.layout, sinks_of(settings), clock)
    assert sorted(body["subject"] for _, body in taken) == ["a", "b", "c"]
    assert all(key == body["key"] for key, body in taken)
    assert "4 of 5 failed" in taken[0][1]["text"]
    assert "completeness: complete" in taken[0][1]["text"]


def test_a_title_calls_nobody_in_a_chat(tmp_path: Path) -> None:
    with webhook([]) as (url, taken):
        settings = trouble(tmp_path, url, "<!channel> & Co")
        deliver(settings.layout, sinks_of(settings), Clock())
    ((_, body),) = taken
    assert "Task &lt;!channel&gt; &amp; Co" in body["text"]
    assert body["title"] == "Task <!channel> & Co"


def test_messages_for_a_sink_that_is_gone_hold_up_no_others(tmp_path: Path) -> None:
    gone, kept = tmp_path / "gone.jsonl", tmp_path / "kept.jsonl"
    old = {f"old{number}" for number in range(2 * SENT_AT_ONCE)}
    trouble(tmp_path, f"file:{gone}", *old)
    settings = trouble(tmp_path, f"file:{kept}", "new")
    sent = [deliver(settings.layout, sinks_of(settings), Clock()).sent_count for _ in range(4)]
    assert sent == [SENT_AT_ONCE, SENT_AT_ONCE, 1, 0]  # what is open is told to a new sink, too
    assert {json.loads(line)["subject"] for line in kept.read_text().splitlines()} == {"new", *old}
    assert not gone.exists()


def test_an_end_is_never_told_before_what_ended(tmp_path: Path) -> None:
    clock = Clock()
    with webhook([500, 200, 500]) as (url, taken):
        settings = trouble(tmp_path, url, "a", "b")
        for minutes in (0, 0, 1):  # `a` is refused twice, `b` taken between
            clock.now = NOON + timedelta(minutes=minutes)
            deliver(settings.layout, sinks_of(settings), clock)
        with open_ledger(settings.layout) as con, transaction(con):
            well = [Observation("task_failing", subject, subject, 0.0, "ok", "complete", "") for subject in "ab"]
            record(
                con,
                well,
                kinds=["task_failing"],
                limits=read_limits(None),
                sinks=list(sinks_of(settings)),
                now=clock.now,
            )
        for _ in range(4):
            deliver(settings.layout, sinks_of(settings), clock)
            clock.now += timedelta(minutes=1)
    told = [(body["subject"], body["event"]) for _, body in taken]
    assert told == [("b", "opened"), ("b", "closed"), ("a", "opened"), ("a", "closed")]


@pytest.mark.slow
def test_mail_file_and_command_take_it_too(tmp_path: Path) -> None:
    program = tmp_path / "take.py"
    program.write_text(f"import sys; open({str(tmp_path / 'taken.json')!r}, 'w').write(sys.stdin.read())")
    with socketserver.TCPServer(("127.0.0.1", 0), MailServer) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        sinks = (
            f"smtp://127.0.0.1:{server.server_address[1]}?from=a+b@b.example&to=c@d.example "
            f"file:{tmp_path}/incidents.jsonl command:{sys.executable}%20{program}"
        )
        settings = trouble(tmp_path, sinks, "a")
        assert deliver(settings.layout, sinks_of(settings), Clock()).sent_count == 3
        server.shutdown()
    (mail,) = MailServer.mails
    assert "Subject: [recoup] opened: task failing: Task a" in mail
    assert "From: a+b@b.example" in mail
    (line,) = (tmp_path / "incidents.jsonl").read_text().splitlines()
    assert json.loads(line)["subject"] == json.loads((tmp_path / "taken.json").read_text())["subject"] == "a"


def test_a_password_is_not_sent_to_a_mail_server_without_tls(tmp_path: Path) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), MailServer) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        # No address of loopback by its name, though it leads there.
        host, query = f"0.0.0.0:{server.server_address[1]}", "from=a@b.example&to=c@d.example"
        settings = trouble(tmp_path, f"smtp://user:hush-hush@{host}?{query}", "a")
        done = deliver(settings.layout, sinks_of(settings), Clock())
        assert (done.sent_count, "offers no TLS" in done.faults[0]) == (0, True)
        settings = trouble(tmp_path, f"smtp://{host}?{query}", "a")
        assert deliver(settings.layout, sinks_of(settings), Clock()).sent_count == 1
        server.shutdown()


def test_a_file_does_not_get_twice_what_could_not_be_noted(tmp_path: Path) -> None:
    settings = trouble(tmp_path, f"file:{tmp_path}/incidents.jsonl", "a")
    deliver(settings.layout, sinks_of(settings), Clock())
    with open_ledger(settings.layout) as con:
        con.execute("update messages set delivered_at = null")
    deliver(settings.layout, sinks_of(settings), Clock())
    assert len((tmp_path / "incidents.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "sink",
    [
        "smtp://127.0.0.1:9?from=a@b.example&to=c@d.example",
        "http://127.0.0.1:9/x",
        "command:/does/not/exist",
        "file:/proc/x/y",
    ],
)
def test_what_cannot_be_reached_is_said_and_stays_due(tmp_path: Path, sink: str) -> None:
    settings = trouble(tmp_path, sink, "a")
    done = deliver(settings.layout, sinks_of(settings), Clock())
    assert (done.sent_count, len(done.faults)) == (0, 1)
    with open_ledger(settings.layout) as con:
        assert [tuple(row) for row in con.execute("select attempt_count, delivered_at from messages")] == [(1, None)]


@pytest.mark.parametrize(
    "entry", ["htp://x", "http://far.example/hook", "smtp://host", "file:", "file:told", "command:say", "just-words"]
)
def test_an_unknown_sink_is_named_by_its_place_and_never_by_its_value(tmp_path: Path, entry: str) -> None:
    settings = Settings.load(warehouse_dir=tmp_path, incident_sinks=f"file:{tmp_path}/a {entry}?token=hush-hush")
    with pytest.raises(BadSettings, match="RECOUP_INCIDENT_SINKS, entry 2") as raised:
        sinks_of(settings)
    assert "hush-hush" not in str(raised.value)
