"""Damage in the archive is found and named; no rebuild loses a poll unless told to, and no poll is stopped by a file."""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.archive.store import Archive
from pipelines.archive.verify import verify
from pipelines.atomic_write import append_whole, write_whole
from pipelines.database.connection import Warehouse
from pipelines.errors import ArchiveDamaged
from pipelines.ingest.poll import poll
from pipelines.load.rebuild import rebuild
from pipelines.settings import Settings
from tests.cli.conftest import run as command
from tests.support.archives import as_before_packs
from tests.support.bodies import NOON, body, run, task

HOUR = timedelta(hours=1)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Three polls, each of which saw a run of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOUP_HOME", str(tmp_path))
    monkeypatch.setenv("RECOUP_PRIVACY_KEY", "k")
    settings = Settings.load(warehouse_dir=tmp_path / "warehouse", privacy_key="k")
    for number in range(3):
        poll_one(settings, number)
    return settings


def poll_one(settings: Settings, number: int) -> None:
    saved = settings.layout.root.parent / f"saved-{number}.json"
    saved.write_bytes(body([task(runs=[run(f"run_{number}", NOON - HOUR)])]))
    poll(settings, clock=lambda: NOON + number * HOUR, load_files=[saved])


def archive_of(settings: Settings) -> Archive:
    return Archive(settings.layout.archive)


def ledger(settings: Settings, number: int = 1) -> Path:
    return archive_of(settings).ledger(archive_of(settings).poll_ids()[number])


def bodies_of(settings: Settings, number: int = 1) -> Path:
    archive = archive_of(settings)
    record = archive.poll(archive.poll_ids()[number])
    assert record is not None
    return archive.bodies.path(record.responses[0])


def runs(settings: Settings) -> list[str]:
    with Warehouse.of(settings).write() as con:
        return [row[0] for row in con.execute("select run_id from core.runs order by 1").fetchall()]


def flip(path: Path, at: int = -3) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


def first_line_is_bad(settings: Settings) -> Path:
    flip(ledger(settings), 3)
    return ledger(settings)


def a_line_is_gone(settings: Settings) -> Path:
    lines = ledger(settings).read_bytes().splitlines(keepends=True)
    ledger(settings).write_bytes(b"".join(lines[1:]))
    return ledger(settings)


def it_goes_on_after_its_end(settings: Settings) -> Path:
    with ledger(settings).open("ab") as file:
        file.write(b'{"event":')
    return ledger(settings)


def it_is_that_of_another_poll(settings: Settings) -> Path:
    ledger(settings).write_bytes(ledger(settings, 0).read_bytes())
    return ledger(settings)


def a_byte_of_a_body_is_flipped(settings: Settings) -> Path:
    archive = archive_of(settings)
    record = archive.poll(archive.poll_ids()[1])
    assert record is not None
    place = record.responses[0].place
    flip(bodies_of(settings), place.offset + place.length - 3 if place else -3)
    return bodies_of(settings)


def a_body_is_another(settings: Settings) -> Path:
    bodies_of(settings).write_bytes(bodies_of(settings, 0).read_bytes())
    return bodies_of(settings)


def a_body_is_empty(settings: Settings) -> Path:
    bodies_of(settings).write_bytes(b"")
    return bodies_of(settings)


def a_body_is_gone(settings: Settings) -> Path:
    path = bodies_of(settings)
    path.unlink()
    return path


def a_ledger_is_gone(settings: Settings) -> Path:
    path = ledger(settings)
    path.unlink()
    return path


FOUND_BY_READING = [
    first_line_is_bad,
    a_line_is_gone,
    it_goes_on_after_its_end,
    it_is_that_of_another_poll,
    a_byte_of_a_body_is_flipped,
]
# Of polls before there were packs.
FOUND_BY_READING_FILES = [
    a_byte_of_a_body_is_flipped,
    a_body_is_another,
    a_body_is_empty,
    a_body_is_gone,
]


@pytest.mark.slow
def test_a_sound_archive_is_said_to_be_sound(settings: Settings) -> None:
    assert verify(archive_of(settings)).damages == []


@pytest.mark.slow
def test_every_kind_of_damage_names_its_file(settings: Settings) -> None:
    each_is_found(settings, FOUND_BY_READING)
    as_before_packs(archive_of(settings))
    each_is_found(settings, FOUND_BY_READING_FILES)


def each_is_found(settings: Settings, damages: Sequence[Callable[[Settings], Path]]) -> None:
    kept = {path: path.read_bytes() for path in settings.layout.archive.rglob("*") if path.is_file()}
    second = archive_of(settings).poll_ids()[1]
    for damage in damages:
        path = damage(settings)
        found = verify(archive_of(settings)).damages
        assert [(each.poll_id, str(path) in str(each.error)) for each in found] == [(second, True)], damage.__name__
        for each, content in kept.items():
            each.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [first_line_is_bad, a_byte_of_a_body_is_flipped, a_ledger_is_gone])
def test_a_rebuild_loses_no_poll_unless_told_to(
    settings: Settings, damage: Callable[[Settings], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = damage(settings)
    before = settings.layout.work_file.read_bytes()
    with pytest.raises(ArchiveDamaged, match=rf"nothing was changed.*{path.name}.*--accept-loss"):
        rebuild(settings)
    assert settings.layout.work_file.read_bytes() == before
    assert command("rebuild", "--accept-loss") == 0
    told = capsys.readouterr()
    assert path.name in told.err
    assert "rebuilt from" in told.out
    assert runs(settings) == ["run_0", "run_2"]


@pytest.mark.slow
def test_a_torn_last_line_of_a_killed_poll_is_no_damage(settings: Settings) -> None:
    last, chain = ledger(settings, 2), archive_of(settings).chain.path
    chain.write_bytes(b"".join(chain.read_bytes().splitlines(keepends=True)[:-1]))
    *lines, end = last.read_bytes().splitlines(keepends=True)
    for kept in (b"".join(lines) + end[:9], b"".join(lines), lines[0][:9], b""):
        last.write_bytes(kept)
        assert verify(archive_of(settings)).damages == []
    settings.layout.work_file.unlink()  # a killed poll is not loaded
    rebuild(settings)
    assert runs(settings) == ["run_0", "run_1"]


@pytest.mark.slow
def test_no_file_stops_a_poll(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    (ledger(settings).parent / "notes.ndjson").write_text("a person's notes")
    with Warehouse.of(settings).write() as con:
        con.execute("delete from core.polls where poll_id = (select max(poll_id) from core.polls)")
    flip(ledger(settings, 2), 3)
    poll_one(settings, 3)
    with Warehouse.of(settings).write() as con:
        polls = con.execute("select status, error_kind from core.polls order by poll_id").fetchall()
    assert polls[2:] == [("failed", "ArchiveDamaged"), ("succeeded", None)]
    assert command("doctor", "--deep") == 1
    told = capsys.readouterr().out
    assert "notes.ndjson is no ledger" in told
    assert f"{ledger(settings, 2)} is damaged" in told


def test_what_a_full_disk_cuts_short_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is as it was, so that the line which tells of the failure follows a whole one."""
    path = tmp_path / "ledger"
    path.write_bytes(b"first\n")
    counts: Iterator[int] = iter([3, 2])
    real = os.write

    def short(descriptor: int, content: bytes) -> int:
        length = next(counts, None)
        if length is None:
            raise OSError(28, "No space left on device")
        return real(descriptor, bytes(content)[:length])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="No space"):
        append_whole(path, b"second line\n")
    assert path.read_bytes() == b"first\n"
    counts = iter([3, 9])
    append_whole(path, b"second line\n")
    assert path.read_bytes() == b"first\nsecond line\n"


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken" / "file").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "taken", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.slow
def test_what_killed_writers_left_goes_at_the_next_lock(settings: Settings) -> None:
    layout = settings.layout
    left = [
        layout.rebuild_file,
        layout.work / "privacy.1-2.tmp",
        layout.scratch / "spill" / "duckdb_temp_storage-0.tmp",
    ]
    left += [layout.archive / "incoming" / "00.zst.1-2.tmp"]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("a prompt")
    poll_one(settings, 3)
    assert [path for path in left if path.exists()] == []
