"""The chain grows with the archive: what is killed, overlaps or is older than it is no damage, and it goes on."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from pipelines.archive.chain import Head
from pipelines.archive.store import Archive
from pipelines.archive.verify import verify
from tests.support.archives import POLLS, answer, begin, change_lines, end, faults, fill, ledgers


def test_an_archive_of_before_is_read_and_said_to_be_unchained_until(archive: Archive) -> None:
    archive.chain.path.unlink()
    found = verify(archive)
    assert (found.damages, found.head, found.unchained_until) == ([], None, archive.poll_ids()[-1])
    last = archive.poll_ids()[-1]
    fill(archive, 1, first=POLLS)
    archive.chain.seal_left(ledgers(archive))
    found = verify(archive)
    assert (found.damages, found.unchained_until, found.unsealed) == ([], last, [])
    assert found.head == archive.chain.head()


def kill(archive: Archive, number: int) -> list[Path]:
    """Leave all that a poll can leave behind that is killed: at each line, and within it."""
    writer = begin(archive, number)
    answer(writer, "first")
    path, before = archive.ledger(writer.poll_id), archive.chain.path.read_bytes()
    unfinished = path.read_bytes()
    end(writer)
    line = archive.chain.path.read_bytes()[len(before) :]
    left = []
    for each, (ledger, sealed) in enumerate(
        [
            (unfinished, b""),
            (unfinished[:-9], b""),
            (path.read_bytes(), b""),
            (path.read_bytes(), line[:30]),
            (path.read_bytes(), line[:-1]),
        ]
    ):
        root = archive.root.with_name(f"killed-{each}")
        shutil.copytree(archive.root, root)
        Archive(root).ledger(writer.poll_id).write_bytes(ledger)
        Archive(root).chain.path.write_bytes(before + sealed)
        left.append(root)
    return left


def test_a_kill_is_no_damage_and_what_it_left_is_sealed(archive: Archive) -> None:
    for root in kill(archive, POLLS):
        there = Archive(root)
        killed = there.poll_ids()[-1]
        assert (verify(there).damages, verify(there).unsealed) == ([], [killed])
        there.chain.seal_left([there.ledger(killed)])
        fill(there, 1, first=POLLS + 1)
        found = verify(there)
        assert (found.damages, found.unsealed) == ([], [])
        path = there.ledger(killed)
        path.write_bytes(path.read_bytes() + b"x\n")
        assert [str(path) in fault for fault in faults(there)] == [True]


def test_polls_that_overlap_are_no_damage(archive: Archive) -> None:
    """Side by side in time and in threads, with stamps of earlier, one of them taken for dead while it lives."""
    alive = begin(archive, POLLS)
    answer(alive, "alive")
    archive.chain.seal_left([archive.ledger(alive.poll_id)])
    writers = [begin(archive, number) for number in (POLLS + 1, -3, POLLS + 1, -2)]
    threads = [threading.Thread(target=end, args=[writer]) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer(alive, "still alive")
    end(alive)
    discarded = begin(archive, POLLS + 4)
    discarded.discard()
    found = verify(archive)
    assert (found.damages, found.unsealed, found.unchained_until) == ([], [], None)
    assert found.head == archive.chain.head() == Head(POLLS + 6, found.head.line_hash if found.head else "")


def test_what_was_set_aside_is_still_compared(archive: Archive) -> None:
    poll_id = archive.poll_ids()[1]
    archive.set_aside(poll_id)
    assert faults(archive) == []
    change_lines(archive.aside_ledger(poll_id), list.reverse)
    assert [str(archive.aside_ledger(poll_id)) in fault for fault in faults(archive)] == [True]


def torn(path: Path) -> Iterator[bytes]:
    whole = path.read_bytes()
    yield from (whole[:size] for size in range(1, len(whole), 97))


def test_a_chain_that_is_cut_anywhere_goes_on(archive: Archive, tmp_path: Path) -> None:
    for number, content in enumerate(torn(archive.chain.path)):
        there = Archive(Path(shutil.copytree(archive.root, tmp_path / str(number))))
        there.chain.path.write_bytes(content)
        fill(there, 2, 1, first=POLLS)
        there.chain.seal_left(ledgers(there))
        assert faults(there) == []
