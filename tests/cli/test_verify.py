"""`verify` as people run it, and `doctor --deep`, which looks the same way: what they name and know from elsewhere."""

import json
from pathlib import Path

import pytest

from pipelines.archive.store import Archive
from pipelines.cli.main import run
from pipelines.paths import Layout
from pipelines.publish.snapshots import current_snapshot
from tests.support.polled_world import PolledWorld
from tests.support.publish_harness import publish_as_it_is


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Two polls, of which readers have a copy, and a third one since."""
    world = PolledWorld(tmp_path / "warehouse", run_details="off")
    for hours in (1, 2):
        world.poll(hours)
    publish_as_it_is(world.settings.layout)
    world.poll(3)
    monkeypatch.setenv("RECOUP_WAREHOUSE_DIR", str(world.settings.layout.root))
    return world.settings.layout


@pytest.mark.slow
def test_what_is_sound_is_said_with_the_head_to_note(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    head = str(Archive(layout.archive).chain.head())
    assert run(["verify", "--head", head]) == 0
    told = capsys.readouterr().out
    assert "3 polls and 3 bodies read, every byte as it was written" in told
    assert f"the chain ends at {head}" in told
    assert run(["verify", "--head", head.replace("3:", "2:")]) == 13
    assert run(["verify", "--head", "3"]) == 2


@pytest.mark.slow
def test_an_answer_is_written_out_as_it_came(layout: Layout, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    archive = Archive(layout.archive)
    [poll_id, *_] = archive.poll_ids()
    record = archive.poll(poll_id)
    assert record
    assert run(["answer", poll_id, "1"]) == 0
    assert capfdbinary.readouterr().out == archive.body(record.responses[0])
    assert run(["answer", poll_id, "9"]) == run(["answer", "../chain", "1"]) == 2
    assert b"the archive has no answer 9 of a poll" in capfdbinary.readouterr().err


@pytest.mark.slow
def test_a_chain_that_was_cut_behind_what_readers_have_is_found(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest poll and its line can be taken away unseen; what was published cannot, nor be written again."""
    snapshot, archive = current_snapshot(layout), Archive(layout.archive)
    assert snapshot is not None
    assert str(snapshot.archive_head).startswith("2:")
    archive.ledger(archive.poll_ids()[-1]).unlink()
    lines = archive.chain.path.read_bytes().splitlines(keepends=True)
    archive.chain.path.write_bytes(b"".join(lines[:2]))
    assert run(["verify"]) == 0
    ledger = archive.ledger(archive.poll_ids()[-1])
    ledger.write_bytes(ledger.read_bytes().replace(b'"tries":1', b'"tries":2'))
    archive.chain.path.unlink()
    archive.chain.seal([archive.ledger(poll_id) for poll_id in archive.poll_ids()])
    capsys.readouterr()
    assert run(["verify"]) == 13
    assert "line 2 is gone or another than snapshot 1 noted" in capsys.readouterr().err
    assert run(["doctor", "--deep", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    [fault] = [each["text"] for each in found if each["topic"] == "archive" and each["level"] == "fail"]
    assert "line 2 is gone or another than snapshot 1 noted" in fault
