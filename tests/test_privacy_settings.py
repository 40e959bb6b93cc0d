"""Privacy as a warehouse sets it: columns kept in clear and taken back, the key of its hashes, its folders' modes."""

from pathlib import Path

import pytest

from pipelines.database.connection import Warehouse
from pipelines.errors import BadSettings
from pipelines.ingest.poll import poll
from pipelines.load.hash_key import hash_key
from pipelines.load.rebuild import rebuild
from pipelines.settings import Settings
from tests.support.bodies import NOON
from tests.support.publish_harness import publish_at
from tests.support.secret_markers import dump, first_tasks, save, secret_markers


@pytest.mark.slow
def test_keeping_a_column_and_taking_that_back_leaves_no_trace(tmp_path: Path) -> None:
    saved = save(tmp_path, first_tasks())
    kept = Settings.load(warehouse_dir=tmp_path / "w", privacy_keep="prompt")
    poll(kept, clock=lambda: NOON, load_files=[saved])
    in_clear = publish_at(kept.layout).path
    assert secret_markers(dump(in_clear)) == {"canary-of-task-1-prompt", "canary-of-task-2-prompt"}
    settings = Settings.load(warehouse_dir=tmp_path / "w")
    rebuild(settings)
    masked = publish_at(settings.layout).path
    assert secret_markers(dump(masked) + masked.read_bytes() + settings.layout.work_file.read_bytes()) == set()


@pytest.mark.slow
def test_hashes_differ_between_warehouses_unless_they_share_a_key(tmp_path: Path) -> None:
    saved = save(tmp_path, first_tasks())

    def prompt_hash(folder: str, key: str | None) -> str:
        settings = Settings.load(warehouse_dir=tmp_path / folder, privacy_key=key)
        poll(settings, clock=lambda: NOON, load_files=[saved])
        with Warehouse.of(settings).write() as con:
            return str(con.execute("select prompt_hash from core.tasks where task_id = 'task_1'").fetchall()[0][0])

    assert prompt_hash("a", "shared") == prompt_hash("b", "shared")
    assert len({prompt_hash("a", "shared"), prompt_hash("c", None), prompt_hash("d", None)}) == 3


def test_private_folders_and_files_are_private(tmp_path: Path) -> None:
    settings = Settings.load(warehouse_dir=tmp_path / "w")
    poll(settings, clock=lambda: NOON, load_files=[save(tmp_path, first_tasks())])
    layout = settings.layout
    for folder in (layout.archive, layout.work):
        assert folder.stat().st_mode & 0o777 == 0o700
        for path in folder.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("kept", [0, 1, 63])
def test_what_a_kill_or_a_full_disk_left_of_a_key_is_none(tmp_path: Path, kept: int) -> None:
    """Hashes by an empty key could be guessed by everybody."""
    file = tmp_path / "privacy.key"
    key = hash_key(None, file)
    assert (len(key), hash_key(None, file)) == (64, key)
    file.write_bytes(key[:kept])
    with pytest.raises(BadSettings, match="put it back from a backup"):
        hash_key(None, file)
