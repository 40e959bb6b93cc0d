"""The chain of an archive: whatever is altered, taken out or put elsewhere is named."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from pipelines.archive import chain
from pipelines.archive.chain import Head
from pipelines.archive.store import Archive
from pipelines.archive.verify import Known, verify
from tests.support.archives import POLLS, as_before_packs, bodies, change_lines, faults, fill, ledgers, lines_of, swap
from tests.support.simulator_helpers import PART

MANY_BODIES = int(10_000 * PART)


def alter_time(lines: list[bytes]) -> None:
    """Another hour, as well-formed as before."""
    lines[2] = lines[2].replace(b'"received_at":"2026-08-20T14', b'"received_at":"2026-08-20T15')


def an_answer_twice(lines: list[bytes]) -> None:
    lines.insert(3, lines[2])


def exchange_answers(lines: list[bytes]) -> None:
    lines[1], lines[3] = lines[3], lines[1]


def take_out_an_answer(lines: list[bytes]) -> None:
    del lines[2]


def take_off_the_end(lines: list[bytes]) -> None:
    del lines[-2:]


def take_off_the_last(lines: list[bytes]) -> None:
    del lines[-1]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (alter_time, "line 3 was altered"),
        (an_answer_twice, "was added"),
        (exchange_answers, "lines 2, 4 stand in another order"),
        (take_out_an_answer, "line 3 was taken out"),
        (take_off_the_end, "its end is missing, from line 5 on"),
    ],
)
def test_a_line_of_a_ledger_that_is_not_what_was_sealed_is_named(
    archive: Archive, change: Callable[[list[bytes]], None], told: str
) -> None:
    path = ledgers(archive)[2]
    change_lines(path, change)
    [fault] = faults(archive)
    assert str(path) in fault
    assert told in fault


def test_a_poll_that_is_gone_and_ledgers_that_changed_places_are_named(archive: Archive) -> None:
    first, second, third, *_, last = ledgers(archive)
    swap(first, second)
    for gone in (third, last):
        gone.unlink()
    found = faults(archive)
    assert [str(path) in fault for path, fault in zip((third, last, first, second), found, strict=True)] == [True] * 4
    assert ["is missing" in fault for fault in found] == [True, True, False, False]


def test_a_body_that_is_altered_gone_or_another_is_named(archive: Archive) -> None:
    """Of polls before there were packs; of packs, test_packs.py."""
    as_before_packs(archive)
    first, second, third, fourth, fifth, *_ = bodies(archive)
    swap(first, second)
    third.unlink()
    repacked = zstandard.ZstdDecompressor().decompress(fourth.read_bytes())
    fourth.write_bytes(zstandard.ZstdCompressor(level=19).compress(repacked))
    content = fifth.read_bytes()
    fifth.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert sorted(fault.split()[0] for fault in faults(archive)) == sorted(
        map(str, (first, second, third, fourth, fifth))
    )


@pytest.mark.slow
def test_one_byte_of_any_of_many_bodies_is_found(tmp_path: Path) -> None:
    """First each alone in some of them, then one in every one at once."""
    archive, dice = as_before_packs(fill(Archive(tmp_path / "archive"), MANY_BODIES // 100, 100)), random.Random(7)
    every = bodies(archive)
    assert verify(archive).body_count == len(every) == MANY_BODIES
    for path in dice.sample(every, 3):
        content = flip(path, dice)
        assert [fault.split()[0] for fault in faults(archive)] == [str(path)]
        path.write_bytes(content)
    for path in every:
        flip(path, dice)
    assert sorted(fault.split()[0] for fault in faults(archive)) == list(map(str, every))


def flip(path: Path, dice: random.Random) -> bytes:
    content = path.read_bytes()
    at = dice.randrange(len(content))
    path.write_bytes(content[:at] + bytes([content[at] ^ 1 << dice.randrange(8)]) + content[at + 1 :])
    return content


def test_each_line_of_the_chain_that_is_altered_taken_out_or_moved_is_found(archive: Archive) -> None:
    path, noted = archive.chain.path, Known(heads={"a note": archive.chain.read().head or Head(0, "")})
    whole = lines_of(path)
    for number in range(POLLS):
        altered = [*whole]
        altered[number] = altered[number].replace(b'"ledger_hash":"', b'"ledger_hash":"0')
        moved = [*whole[:number], *whole[number + 1 :], whole[number]]
        for lines in (altered, whole[:number] + whole[number + 1 :], moved):
            if lines == whole:
                continue
            path.write_bytes(b"".join(lines))
            assert faults(archive, noted) != [], (number, lines)
    path.write_bytes(b"".join(whole))
    assert faults(archive, noted) == []


def test_what_was_cut_off_the_end_is_known_by_who_noted_the_head(archive: Archive) -> None:
    """Without a note nobody can tell: an archive of four polls looks just so."""
    head = archive.chain.head()
    assert head is not None
    ledgers(archive)[-1].unlink()
    change_lines(archive.chain.path, take_off_the_last)
    assert faults(archive) == []
    fill(archive, 2, first=POLLS)
    assert faults(archive) == []
    [fault] = faults(archive, Known(heads={"a note": head}))
    assert "line 5 is gone or another than a note noted" in fault


@pytest.mark.parametrize("block", [1, 100, 4096])
def test_the_head_is_the_same_read_from_the_end_or_from_the_beginning(
    archive: Archive, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "_BLOCK", block)
    fill(archive, 2, 1, first=POLLS)
    head = archive.chain.head()
    assert head == archive.chain.read().head == Head.of(str(head))


def test_what_is_no_head_is_refused() -> None:
    for text in ("", "5", "0:" + "0" * 64, "5:abc", "x:" + "0" * 64):
        with pytest.raises(ValueError):
            Head.of(text)
