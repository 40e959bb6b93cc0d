"""What is read back is what was received, byte for byte, whatever was received; and a poll writes what is new."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import xxhash
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.archive import pack_writer
from pipelines.archive.packs import Packs
from pipelines.archive.store import Archive
from pipelines.archive.verify import verify
from pipelines.recoup.endpoints import Request
from tests.support.archives import (
    POLLS,
    answer,
    as_before_packs,
    begin,
    end,
    fill,
    ledgers,
    packs,
    read_back,
    records,
    told,
)
from tests.support.bodies import body, few, run, runs_body, task

TASKS = [task(f"task_{n}", runs=[run(f"run_{n}_{m}") for m in range(2)]) for n in range(6)]

# Drawn again and again, so that polls share objects: reordered, twice, with other fields, spaced otherwise.
objects = st.lists(st.sampled_from([*TASKS, TASKS[0] | {"title": "Another"}, {"id": 7}]), max_size=8)
spaced = st.sampled_from([None, 1, "\r\n"])
answers = st.builds(
    lambda of, indent: json.dumps({"status": "success", "tasks": of}, indent=indent).encode(), objects, spaced
)
listings = st.builds(runs_body, st.lists(st.sampled_from([run(f"run_{n}") for n in range(5)]), max_size=6))
cut = st.builds(lambda whole, at: whole[: len(whole) * at // 10], answers, st.integers(0, 10))
received = st.one_of(answers, listings, cut, st.binary(max_size=80), st.just(b""), st.just(body([])))


@few
@given(st.lists(st.lists(received, max_size=5), max_size=7), st.randoms(use_true_random=False))
def test_what_is_read_back_is_what_was_received(
    tmp_path_factory: pytest.TempPathFactory, polls: list[list[bytes]], dice: random.Random
) -> None:
    archive = Archive(tmp_path_factory.mktemp("any") / "archive")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack_writer, "POLLS_A_PACK", 3)
        patch.setattr(pack_writer, "ENTRY_BYTES", 2000)
        for number, bodies in enumerate(polls):
            kind = dice.choice([Request.tasks(), Request.runs("account"), Request.run("run_1")])
            told(archive, number, *bodies, request=kind)
    assert read_back(Archive(archive.root)) == polls
    assert verify(archive).damages == []
    assert len(packs(archive)) <= (len(polls) + 2) // 3


@few
@given(st.lists(st.lists(answers, max_size=3), max_size=4))
def test_a_hash_that_fits_something_else_is_not_believed(
    tmp_path_factory: pytest.TempPathFactory, polls: list[list[bytes]]
) -> None:
    archive = Archive(tmp_path_factory.mktemp("alike") / "archive")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xxhash, "xxh3_64_digest", lambda chunk: b"%08d" % (len(chunk) % 3))
        for number, bodies in enumerate(polls):
            told(archive, number, *bodies)
    assert read_back(archive) == polls


def fleet(dice: random.Random, size: int) -> list[dict[str, Any]]:
    return [changed(task(f"task_{n}", runs=[run(f"run_{n}_{m}") for m in range(5)]), dice) for n in range(size)]


def changed(one: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    runs = [
        old | {"id": f"run_{dice.getrandbits(60)}", "output": dice.randbytes(220).hex()} for old in one["recent_runs"]
    ]
    return one | {"recent_runs": runs}


@pytest.mark.slow
def test_a_poll_writes_what_is_new_and_a_fiftieth_of_the_rest(tmp_path: Path) -> None:
    """One object in a hundred changes at each poll, over as many polls as a pack takes."""
    dice, archive, whole = random.Random(3), Archive(tmp_path / "archive"), 0
    tasks, polls = fleet(dice, 100), pack_writer.POLLS_A_PACK + 1
    for number in range(polls):
        tasks[number % 100] = changed(tasks[number % 100], dice)
        told(archive, number, content := body(tasks))
        whole += len(zstandard.ZstdCompressor(level=1).compress(content))
    first, second = packs(archive)
    assert first.stat().st_size <= whole * (1.5 / 100 + 2 / 100)
    assert read_back(archive)[-1] == [body(tasks)]
    second.unlink()
    assert len(verify(archive).damages) == 1


def test_the_details_of_a_poll_are_no_file_each(tmp_path: Path) -> None:
    archive, polls, details = Archive(tmp_path / "archive"), 6, 20
    for number in range(polls):
        told(archive, number, *(runs_body([run(f"run_{number}_{each}")]) for each in range(details)))
    files = [path for path in archive.root.rglob("*") if path.is_file()]
    assert sorted(files) == sorted([*packs(archive), *ledgers(archive), archive.chain.path])
    assert (len(packs(archive)), verify(archive).body_count) == (1, polls * details)


def test_the_same_bytes_again_are_not_written_again(tmp_path: Path) -> None:
    archive = fill(Archive(tmp_path / "archive"), polls=1)
    [pack] = packs(archive)
    size = pack.stat().st_size
    told(archive, 1, *read_back(archive)[0], b"")
    assert packs(archive) == [pack]
    assert pack.stat().st_size == size


def test_the_first_entry_is_looked_at_once_a_poll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a large poll appends makes another file of its pack each time; the entry is unpacked for the first of them."""
    archive, looked = fill(Archive(tmp_path / "archive"), polls=1), list[int]()
    monkeypatch.setattr(Packs, "check_entry", lambda _self, _path, source: looked.append(source.offset))
    writer = begin(archive, 1)
    for number in range(3):
        answer(writer, *(body([task(f"task_{number}_{each}")]) for each in range(4)))
    end(writer)
    assert looked == [0, 0], "once before anything is written, once by the poll that packs against it"
    assert len(read_back(archive)[1]) == 12


def test_an_archive_of_before_is_read_and_goes_on_in_packs(tmp_path: Path) -> None:
    archive = fill(Archive(tmp_path / "archive"))
    received = read_back(archive)
    as_before_packs(archive)
    assert (packs(archive), read_back(archive), verify(archive).damages) == ([], received, [])
    fill(archive, polls=1, first=POLLS)
    assert len(packs(archive)) == 1
    assert read_back(archive)[:-1] == received
    assert verify(archive).damages == []


@pytest.mark.parametrize("left", [1, 27, 40, -1])
def test_what_a_kill_left_in_a_pack_is_left_alone(tmp_path: Path, left: int) -> None:
    """Nothing of it is believed, and nothing is written after it: the next poll begins another pack."""
    archive = fill(Archive(tmp_path / "archive"), polls=1)
    [pack] = packs(archive)
    size = pack.stat().st_size
    answer(begin(archive, 1), body(TASKS))
    torn = pack.read_bytes()[:left] if left < 0 else pack.read_bytes()[: size + left]
    pack.write_bytes(torn)
    archive.ledger(archive.poll_ids()[1]).write_bytes(b"")
    told(archive, 2, body(TASKS))
    assert pack.read_bytes() == torn
    assert (len(packs(archive)), verify(archive).damages) == (2, [])
    assert read_back(archive)[-1] == [body(TASKS)]


@pytest.mark.parametrize("at", [5, 0], ids=["next poll", "poll of an older instant"])
@pytest.mark.parametrize("kept_polls", [0, 1, 2])
def test_nothing_is_written_where_a_pack_lost_its_end(tmp_path: Path, kept_polls: int, at: int) -> None:
    """Once the pack is put back from a backup, what came since would be gone from there."""
    archive, ends = Archive(tmp_path / "archive"), [0]
    for number in range(3):
        told(archive, number, body([TASKS[0] | {"title": f"Title {number}"}, *TASKS[1:]]))
        ends.append(packs(archive)[0].stat().st_size)
    told(archive, 3, body([TASKS[0] | {"title": "Title 2"}, *TASKS[1:]]))  # nothing new
    [pack] = packs(archive)
    sound = pack.read_bytes()
    pack.write_bytes(sound[: ends[kept_polls]])
    end(begin(archive, 4))  # nobody answered
    told(archive, at, body(TASKS[1:]))
    assert pack.read_bytes() == sound[: ends[kept_polls]]
    pack.write_bytes(sound)
    assert (len(packs(archive)), verify(archive).damages) == (2, [])
    assert [body(TASKS[1:])] in read_back(archive)


def test_each_byte_of_a_pack_is_told_and_each_poll_that_is_hurt_is_named(tmp_path: Path) -> None:
    archive, dice = Archive(tmp_path / "archive"), random.Random(5)
    for number in range(4):
        told(
            archive, number, body([*TASKS[:number], TASKS[number] | {"title": f"Title {number}"}, *TASKS[number + 1 :]])
        )
    told(archive, 4, b"no JSON")
    received, poll_ids = read_back(archive), archive.poll_ids()
    [pack] = packs(archive)
    sound = pack.read_bytes()
    for at in dice.sample(range(len(sound)), 30):
        pack.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << dice.randrange(8)]) + sound[at + 1 :])
        found = verify(archive).damages
        assert found
        assert all(str(each.error).startswith(f"{pack} is damaged") for each in found)
        for poll_id, bodies in zip(poll_ids, received, strict=True):
            record = archive.poll(poll_id)
            if record and poll_id not in {each.poll_id for each in found}:
                assert [archive.body(stored) for stored in record.responses] == bodies
    pack.unlink()
    assert [each.poll_id for each in verify(archive).damages] == poll_ids


def test_damage_goes_no_further(tmp_path: Path) -> None:
    """What was damaged since is not taken for what is received now."""
    archive = Archive(tmp_path / "archive")
    told(archive, 0, body(TASKS))
    [pack] = packs(archive)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.write_bytes(content)
    now = body([TASKS[0] | {"title": "Another"}, *TASKS[1:]])
    told(archive, 1, now)
    assert [each.poll_id for each in verify(archive).damages] == archive.poll_ids()[:1]
    assert [archive.body(stored) for stored in records(archive)[1].responses] == [now]


def test_two_who_write_at_once_both_find_their_bodies(tmp_path: Path) -> None:
    """A lock keeps polls apart; if it did not, no body would be another's."""
    archive = Archive(tmp_path / "archive")
    one, other = begin(archive, 0), begin(archive, 1)
    for number in range(3):
        for writer in (one, other):
            answer(writer, body(TASKS[number:]), f"{number} of {writer.poll_id}")
    end(one)
    end(other)
    assert verify(archive).damages == []
    assert all(bodies[0::2] == [body(TASKS[number:]) for number in range(3)] for bodies in read_back(archive))
