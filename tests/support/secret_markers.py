"""Answers with a secret marker wherever the source can hold something private, and the search for the markers.

No assertions here.
"""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.support.bodies import NOON, body, run, task

# In the title, which is no secret: whoever searches must find it, or the search proves nothing.
CONTROL = "control-of-the-search"
# Older than a week, so that errors of this week can be called new.
OLD_RUN = "run_old"
# Every private text holds the word canary; nothing else does.
SECRET_MARKER = re.compile(rb"(?i)canary[\w.:-]*")


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
    """A run of both shapes at once, with a secret marker wherever the source can hold something private."""
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
    # A task that fails, with an error that is new since there is a week of past: both are told as incidents.
    failing = [private_run(f"run_fail_{hours}", hours) for hours in (7, 8, 9)]
    old = private_run(OLD_RUN, 24 * 9)
    return body(
        [
            private_task("task_1", private_run("run_1"), bad_run, bad_attempts),
            private_task("task_2", schedule=talkative("schedule"), timezone=talkative("zone"), recent_runs=None),
            private_task("task_3", private_run("run_3"), title={"text": text("bad-title")}, id=text("bad-id")),
            private_task("task_4", *failing, old),
            {address("whole"): text("whole")},
        ]
    )


def later_tasks() -> bytes:
    """Everything has changed since, so that what was stored before is rewritten."""
    changed = private_run(
        "run_1", updatedAt="2026-08-20T11:00:00Z", output=text("changed-output"), error=talkative("told")
    )
    return body([private_task("task_1", changed, prompt=text("changed-prompt"), owner_email=address("new-owner"))])


def save(folder: Path, content: bytes) -> Path:
    file = folder / "saved.json"
    file.write_bytes(content)
    return file


def secret_markers(content: bytes) -> set[str]:
    return {found.decode(errors="replace") for found in SECRET_MARKER.findall(content)}


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
