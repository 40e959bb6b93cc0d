"""What commands say: quiet, as JSON, and never a secret, whoever wrote it into their words."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.console import log
from tests.cli.conftest import BODY_TIME, Published, run, save_body


@pytest.fixture
def as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOUP_LOG_FORMAT", "json")


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.slow
def test_quiet_says_only_what_needs_a_look(
    published: Published, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    poll = ["poll", "--load", str(save_body(tmp_path)), "--at", BODY_TIME]
    assert run("--quiet", *poll) == 0
    assert capsys.readouterr() == ("", "")
    assert run("--quiet", "query", "select 42 as n", "--format", "csv") == 0
    assert capsys.readouterr().out == "n\n42\n"
    assert run("-q", "poll") == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert "RECOUP_API_KEY" in err
    assert run("-q", "doctor") == 1
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == {"warn", "fail"}
    assert run(*poll) == 0
    assert "poll succeeded" in capsys.readouterr().out


@pytest.mark.slow
def test_each_line_is_an_object_with_time_level_event_and_fields(
    as_json: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("poll", "--load", str(save_body(tmp_path)), "--at", BODY_TIME) == 0
    assert run("build", "--at", BODY_TIME) == 0
    assert run("publish") == 0
    out, err = capsys.readouterr()
    assert out == ""
    told = lines(err)
    assert [(one["level"], one["event"]) for one in told if one["event"] != "check"] == [
        ("warning", "new"), ("info", "poll"), ("info", "build"), ("info", "checks"), ("info", "publish"),
    ]  # fmt: skip
    assert all(one["time"].endswith("+00:00") and one["message"] for one in told)
    by_event = {one["event"]: one for one in told}
    assert (by_event["poll"]["run_count"], by_event["publish"]["snapshot"]) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "event"),
    [(["poll"], 4, "failed"), (["query"], 2, "usage"), (["--no-such"], 2, "usage"), (["summary"], 10, "failed")],
)
def test_errors_are_objects_too(
    as_json: None, arguments: list[str], code: int, event: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == code
    last = lines(capsys.readouterr().err)[-1]
    assert (last["level"], last["event"], last["exit_code"]) == ("error", event, code)


def test_a_wrong_setting_elsewhere_leaves_the_form_and_a_wrong_form_is_named(
    as_json: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECOUP_CONCURRENCY", "many")
    assert run("summary") == 2
    assert "RECOUP_CONCURRENCY" in lines(capsys.readouterr().err)[0]["message"]
    monkeypatch.setenv("RECOUP_LOG_FORMAT", "xml")
    assert run("summary") == 2
    assert "RECOUP_LOG_FORMAT" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_setting_is_said_even_by_an_error_that_holds_it(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = {
        "API_KEY": "recoup_sk_hush", "PRIVACY_KEY": 'hush"hush\\', "SERVE_TOKEN": "hush-hush-token",
        "INCIDENT_SINKS": "https://h.example/hush1 https://h.example/hush2", "HEARTBEAT_URL": "https://b.example/hush3",
    }  # fmt: skip
    monkeypatch.setenv("RECOUP_LOG_FORMAT", form)
    for name, value in secrets.items():
        monkeypatch.setenv(f"RECOUP_{name}", value)
    log.configure()
    try:
        raise ValueError(" and ".join(secrets.values()))
    except ValueError as error:
        log.fail("failed", f"it said: {error}", with_traceback=True, url="https://h.example/hush2")
    err = capsys.readouterr().err
    assert "it said" in err
    assert "hush" not in err.replace("tests/cli/test_log.py", "")
