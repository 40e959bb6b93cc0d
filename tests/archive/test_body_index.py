"""A body that comes again is not read again; whatever becomes of the index, the warehouse is the same."""

from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.archive.body_index import BodyIndex
from pipelines.archive.store import Archive
from tests.support.bodies import NOON, LoadHarness, body, run, task

HOUR = timedelta(hours=1)
TASKS = [task(f"task_{n}", runs=[run(f"run_{n}_{m}") for m in range(2)]) for n in range(3)]
HASHES = ["00" * 16, "0f" * 16]
BAD_RUN = task("task_bad", runs=[run("run_bad", createdAt="yesterday")])


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bodies that were taken out of the archive."""
    names: list[str] = []
    archived = Archive.body

    def spied(archive: Archive, stored: object) -> bytes:
        names.append(stored.body_hash)  # type: ignore[attr-defined]
        return archived(archive, stored)  # type: ignore[arg-type]

    monkeypatch.setattr(Archive, "body", spied)
    return names


def test_the_same_body_is_read_once_and_seen_twice(tmp_path: Path, read: list[str]) -> None:
    harness = LoadHarness(tmp_path)
    harness.poll(NOON, TASKS)
    assert len(read) == 1
    row = harness.poll(NOON + HOUR, TASKS)
    assert len(read) == 1
    assert (row.task_count, row.unchanged_task_count, row.new_run_count) == (3, 3, 0)
    assert harness.one("select count(*) from core.tasks where last_seen_at = ?", NOON + HOUR) == 3


@pytest.mark.slow
def test_one_changed_task_has_its_body_read(tmp_path: Path, read: list[str]) -> None:
    harness = LoadHarness(tmp_path)
    harness.poll(NOON, TASKS)
    row = harness.poll(NOON + HOUR, [*TASKS[:2], TASKS[2] | {"title": "Another"}])
    assert len(read) == 2
    assert (row.unchanged_task_count, row.changed_task_count) == (2, 1)


@pytest.mark.slow
def test_a_body_with_something_bad_in_it_is_read_every_time(tmp_path: Path, read: list[str]) -> None:
    harness = LoadHarness(tmp_path)
    for number in range(3):
        row = harness.poll(NOON + number * HOUR, [*TASKS, task(id=7)])
        assert (row.task_count, len(read)) == (3, number + 1)
    assert harness.one("select count(*) from core.quarantine where level = 'task'") == 3


@pytest.mark.slow
def test_a_deleted_task_that_comes_back_is_read(tmp_path: Path, read: list[str]) -> None:
    harness = LoadHarness(tmp_path)
    for number, tasks in enumerate((TASKS, TASKS[:2], TASKS)):
        harness.poll(NOON + number * HOUR, tasks)
    assert len(read) == 3
    assert harness.one("select count(*) from core.tasks where deleted_at is null") == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", marks=pytest.mark.slow),
        b"\xc1 no msgpack",
        pytest.param(b"\x81\xa1a\x01", marks=pytest.mark.slow),
        None,
    ],
)
def test_a_broken_or_lost_index_costs_nothing_but_time(tmp_path: Path, content: bytes | None, read: list[str]) -> None:
    harness, other = LoadHarness(tmp_path / "kept"), LoadHarness(tmp_path / "broken")
    path = other.settings.layout.scratch / "bodies.msgpack"
    for number, tasks in enumerate((TASKS, TASKS, [*TASKS, BAD_RUN], TASKS[:1])):
        for each in (harness, other):
            each.poll(NOON + number * HOUR, tasks)
        path.unlink() if content is None else path.write_bytes(content)
    assert len(read) == 3 + 4
    assert harness.dump() == other.dump()


def test_under_another_key_nothing_is_found(tmp_path: Path) -> None:
    index = BodyIndex(tmp_path / "index", seed=1)
    index.put("body", HASHES)
    index.save()
    assert BodyIndex(tmp_path / "index", seed=1).get("body") == HASHES
    assert BodyIndex(tmp_path / "index", seed=2).get("body") == []


@pytest.mark.slow
def test_the_index_forgets_what_the_last_poll_did_not_have(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path)
    path = harness.settings.layout.scratch / "bodies.msgpack"
    sizes = []
    for number in range(4):
        harness.load(harness.archive_poll(NOON + number * HOUR, body([task(f"task_{number}")])))
        sizes.append(path.stat().st_size)
    assert len(set(sizes)) == 1
    assert path.stat().st_mode & 0o777 == 0o600
