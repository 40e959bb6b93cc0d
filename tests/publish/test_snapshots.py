"""How many snapshots stay on disk, which, and what stands in their way. Copies themselves are tested in test_publish.py."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipelines.errors import PublishRefused
from pipelines.paths import Layout
from pipelines.publish import snapshots
from pipelines.publish.snapshots import Snapshot, current_snapshot, snapshot_numbers
from tests.support.publish_harness import NOON, add_runs, publish_at, published_runs


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "warehouse")


def lay_down(layout: Layout, *published_at: datetime) -> None:
    """Put numbered snapshots on disk, the last one live, without the cost of real databases."""
    layout.prepare()
    for number, instant in enumerate(published_at, start=1):
        folder = layout.snapshots / str(number)
        folder.mkdir()
        snapshots.write_manifest(folder, Snapshot(number, folder / "recoup.duckdb", instant, 0, {}))
    snapshots.flip(layout, len(published_at))


def test_only_the_newest_snapshots_are_kept(layout: Layout) -> None:
    lay_down(layout, *(NOON + timedelta(hours=hour) for hour in range(8)))
    assert snapshots.prune(layout, kept=3, now=NOON + timedelta(hours=8)) == [1, 2, 3, 4, 5]
    assert snapshot_numbers(layout) == [6, 7, 8]


def test_a_publish_prunes(layout: Layout) -> None:
    lay_down(layout, *(NOON + timedelta(hours=hour) for hour in range(6)))
    add_runs(layout, 1)
    publish_at(layout, NOON + timedelta(hours=6))
    assert snapshot_numbers(layout) == [5, 6, 7]


def test_a_snapshot_replaced_a_moment_ago_stays_for_slow_readers(layout: Layout) -> None:
    lay_down(layout, *(NOON + timedelta(minutes=minute) for minute in (0, 1, 2, 3, 4)))
    assert snapshots.prune(layout, kept=3, now=NOON + timedelta(minutes=10)) == []
    assert snapshots.prune(layout, kept=3, now=NOON + timedelta(minutes=11)) == [1]
    assert snapshots.prune(layout, kept=3, now=NOON + timedelta(minutes=12)) == [2]


def test_a_burst_of_publishes_keeps_at_most_twice_as_many(layout: Layout) -> None:
    lay_down(layout, *[NOON] * 12)
    snapshots.prune(layout, kept=3, now=NOON)
    assert snapshot_numbers(layout) == [7, 8, 9, 10, 11, 12]


def test_a_snapshot_put_back_by_hand_is_not_pruned(layout: Layout) -> None:
    lay_down(layout, *(NOON + timedelta(hours=hour) for hour in range(4)))
    snapshots.flip(layout, 2)
    snapshots.prune(layout, kept=1, now=NOON + timedelta(days=1))
    assert snapshot_numbers(layout) == [2, 4]


def test_a_folder_in_the_place_of_the_symlink_is_refused(layout: Layout) -> None:
    add_runs(layout, 10)
    layout.current.mkdir()
    with pytest.raises(PublishRefused, match="not the symlink"):
        publish_at(layout)


def test_a_damaged_description_of_a_snapshot_reads_as_none(layout: Layout) -> None:
    add_runs(layout, 10)
    folder = publish_at(layout).path.parent
    (folder / "snapshot.json").chmod(0o644)
    (folder / "snapshot.json").write_text('{"number": "one"')
    assert current_snapshot(layout) is None
    assert published_runs(layout) == 10
