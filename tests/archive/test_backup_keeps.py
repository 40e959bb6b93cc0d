"""What a backup never lets go of: a chain, a ledger, a poll set aside, a key, whatever became of the warehouse since."""

import pytest

from pipelines.archive.backup import copy_warehouse
from pipelines.archive.store import Archive
from pipelines.paths import Layout
from tests.support.archives import files
from tests.support.polled_world import PolledWorld


@pytest.mark.slow
def test_a_chain_that_says_otherwise_never_replaces_its_copy(world: PolledWorld, copy: Layout) -> None:
    """Who writes an archive again, chain and all, does not reach the copy, and is told of."""
    copy_warehouse(world.settings.layout, copy)
    kept, archive = files(copy), Archive(world.settings.layout.archive)
    archive.chain.path.unlink()
    archive.chain.seal([archive.ledger(poll_id) for poll_id in reversed(archive.poll_ids())])
    copied = copy_warehouse(world.settings.layout, copy)
    assert [str(archive.chain.path) in what for what in copied.damaged] == [True]
    assert files(copy) == kept


def test_a_ledger_that_was_cut_never_replaces_its_longer_copy(world: PolledWorld, copy: Layout) -> None:
    copy_warehouse(world.settings.layout, copy)
    kept = files(copy)
    ledger = max((world.settings.layout.archive / "polls").rglob("*.ndjson"))
    ledger.write_bytes(ledger.read_bytes().split(b"\n")[0] + b"\n")
    copied = copy_warehouse(world.settings.layout, copy)
    assert [str(ledger) in what for what in copied.damaged] == [True]
    assert files(copy) == kept


def test_a_poll_that_was_set_aside_since_does_not_come_back(world: PolledWorld, copy: Layout) -> None:
    copy_warehouse(world.settings.layout, copy)
    archive, kept = Archive(world.settings.layout.archive), Archive(copy.archive)
    archive.set_aside(archive.poll_ids()[0])
    copy_warehouse(world.settings.layout, copy)
    assert (kept.poll_ids(), kept.aside_ids()) == (archive.poll_ids(), archive.aside_ids())
    assert len(kept.aside_ids()) == 1


def test_another_key_takes_the_place_of_no_copy(world: PolledWorld, copy: Layout) -> None:
    """A mistake in the warehouse must not reach the only other copy."""
    key, source = copy.privacy_key_file, world.settings.layout.privacy_key_file
    written = [b"ab" * 32, b"cd" * 32, b"", b""]
    for content in written:
        source.write_bytes(content)
        copy_warehouse(world.settings.layout, copy)
    kept = [key.with_name(f"privacy.key.{number}").read_bytes() for number in (1, 2)]
    assert [*kept, key.read_bytes()] == written[:3]
    assert len(list(key.parent.glob("privacy.key*"))) == 3
