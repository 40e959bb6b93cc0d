"""Ids as people write them, and what is said when the accounts that were asked show nothing."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.clock import fixed
from pipelines.errors import BadPayload, BadSettings
from pipelines.ingest.poll import poll
from pipelines.ingest.poll_words import headline, warnings
from pipelines.settings import Settings
from tests.support.account_polls import A, B, fleet, polled
from tests.support.bodies import NOON, LoadHarness, body
from tests.support.coverage_helpers import HOUR


@pytest.fixture
def harness(tmp_path: Path) -> LoadHarness:
    return LoadHarness(tmp_path)


# --- ids as they enter ---

VARIABLES = ("account_ids", "artist_account_ids", "task_ids")


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("given", [f"{A},{B}", f"{A.upper()},{B}", f" {A} ,, {B},{A.upper()}", f"{A},{A},{B}"])
def test_ids_are_written_as_the_api_writes_them_and_once(
    monkeypatch: pytest.MonkeyPatch, variable: str, given: str
) -> None:
    monkeypatch.setenv(f"RECOUP_{variable.upper()}", given)
    assert getattr(Settings.load(_env_file=None), variable) == (A, B)


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize(
    "wrong", [B[:-1], B + "0", B.replace("-", ""), f"{{{B}}}", B.replace("b", "g"), B[:-2] + "_1", "all", "*", f"'{B}'"]
)
def test_a_malformed_id_is_refused_by_name_and_place(variable: str, wrong: str) -> None:
    with pytest.raises(BadSettings, match=f"RECOUP_{variable.upper()} holds no UUID at position 2") as raised:
        Settings.load(_env_file=None, **{variable: f"{A},{wrong}"})
    assert raised.value.exit_code == 2


# --- nothing came ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ({"is_full_scope": False}, "RECOUP_TASK_IDS"),
        ({}, "only the key's own account is asked"),
        ({"source": "file"}, "saved answers"),
    ],
)
def test_no_task_at_all_is_explained(harness: LoadHarness, scope: dict[str, Any], said: str) -> None:
    row = polled(harness, NOON, {None: []}, **scope)
    assert headline(row).startswith("poll succeeded: 0 tasks")
    assert [said in warning for warning in warnings(row)] == [True]


def test_what_came_is_not_explained(harness: LoadHarness) -> None:
    assert warnings(polled(harness, NOON, {A: fleet(A)})) == []


def test_an_emptied_account_is_told_with_what_to_do(harness: LoadHarness) -> None:
    polled(harness, NOON, {A: fleet(A)})
    told = " ".join(warnings(polled(harness, NOON + HOUR, {A: []})))
    assert "--accept-deletions" in told and "two days" in told and A in told


def test_a_saved_file_that_holds_no_tasks_still_ends_the_poll(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(body(fleet(A)))
    bad.write_bytes(b'{"status":"success","tasks":[{')
    with pytest.raises(BadPayload, match=r"bad\.json"):
        poll(Settings.load(warehouse_dir=tmp_path / "w"), clock=fixed(NOON), load_files=[good, bad])
