"""What is too old leaves the lake, but never the newest rows, a pinned version's, or a file that a reader may have open."""

from pathlib import Path

import pytest

from pipelines.errors import LakeFailed
from tests.support.lake_harness import TABLES, ask, change, differences, in_the_lake, into_the_lake, local_settings

pytestmark = pytest.mark.slow

OUTCOMES = "select distinct outcome from lake.core.runs"


def test_expiry_keeps_the_newest_rows_and_pinned_versions(tmp_path: Path) -> None:
    settings = local_settings(tmp_path, lake_kept_days=10)
    change(settings, TABLES)
    versions = {}
    for outcome in ("pinned", "forgotten", "newest"):
        change(settings, f"update core.runs set outcome = '{outcome}'")
        versions[outcome] = into_the_lake(settings).version
    in_the_lake(settings, f"insert into lake.publishing.pins values ({versions['pinned']}, 'an audit')")
    stray = tmp_path / "lake/data/core/runs/left-by-a-killed-publish.parquet"
    stray.write_bytes(b"")

    into_the_lake(settings, days_later=9)
    assert ask(settings, f"{OUTCOMES} at (version => {versions['forgotten']})") == [("forgotten",)]
    into_the_lake(settings, days_later=11)
    assert not stray.exists()
    assert differences(settings) == []
    assert ask(settings, f"{OUTCOMES} at (version => {versions['pinned']})") == [("pinned",)]
    with pytest.raises(LakeFailed, match="No snapshot found"):
        ask(settings, f"{OUTCOMES} at (version => {versions['forgotten']})")


def test_what_readers_saw_within_the_days_kept_stays_however_long_ago_it_was_published(tmp_path: Path) -> None:
    settings = local_settings(tmp_path, lake_kept_days=1)
    change(settings, TABLES)
    old = into_the_lake(settings).version
    into_the_lake(settings, days_later=400)
    assert ask(settings, f"{OUTCOMES} at (version => {old})") == [("failed",)]
    assert differences(settings) == []
