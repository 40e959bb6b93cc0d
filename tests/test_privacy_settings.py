"""Privacy as a warehouse sets it: columns kept in clear and taken back, the key of its hashes, its folders' modes."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipelines.cli.doctor.files import examine_privacy
from pipelines.database.connection import Warehouse
from pipelines.errors import BadSettings
from pipelines.ingest.poll import poll
from pipelines.load.rebuild import rebuild
from pipelines.load.session import Loader
from pipelines.settings import Settings
from tests.support.bodies import NOON
from tests.support.publish_harness import publish_at
from tests.support.secret_markers import dump, first_tasks, save, secret_markers

HOUR = timedelta(hours=1)


@pytest.mark.slow
def test_keeping_a_column_and_taking_that_back_leaves_no_trace(tmp_path: Path) -> None:
    saved = save(tmp_path, first_tasks())
    kept = Settings.load(warehouse_dir=tmp_path / "w", privacy_keep="prompt")
    poll(kept, clock=lambda: NOON, load_files=[saved])
    in_clear = publish_at(kept.layout).path
    assert secret_markers(dump(in_clear)) == {f"canary-of-task-{number}-prompt" for number in (1, 2, 4)}
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


def polled(folder: Path, key: str | None = None) -> Settings:
    settings = Settings.load(warehouse_dir=folder / "w", privacy_key=key)
    poll(settings, clock=lambda: NOON, load_files=[save(folder, first_tasks())])
    return settings


def loads(settings: Settings) -> None:
    with Warehouse.of(settings).write() as con:
        Loader.of(con, settings)


def examines(settings: Settings) -> None:
    list(examine_privacy(settings))  # of an error `doctor` makes a finding


@pytest.mark.slow
@pytest.mark.parametrize("kept", [None, *(pytest.param(kept, marks=pytest.mark.slow) for kept in (0, 1, 63))])
def test_what_is_left_of_a_key_is_none_and_nothing_takes_its_place(tmp_path: Path, kept: int | None) -> None:
    """Hashes by an empty key could be guessed by everybody, and those by a new one join with none of the old."""
    settings = polled(tmp_path)
    file = settings.layout.privacy_key_file
    key = file.read_bytes()
    file.unlink() if kept is None else file.write_bytes(key[:kept])
    for refused in (loads, rebuild, examines):
        with pytest.raises(BadSettings, match="from a backup.*rebuild --new-privacy-key"):
            refused(settings)
    with pytest.raises(BadSettings):
        poll(settings, clock=lambda: NOON + HOUR, load_files=[save(tmp_path, first_tasks())])
    assert not file.exists() or file.read_bytes() == key[:kept]
    file.write_bytes(key)
    assert rebuild(settings).poll_count == 2, "what came meanwhile was kept"


@pytest.mark.slow
def test_a_lost_key_is_given_up_on_purpose_alone(tmp_path: Path) -> None:
    settings = polled(tmp_path)
    settings.layout.privacy_key_file.unlink()
    rebuild(settings, accept_new_key=True)
    loads(settings)


@pytest.mark.slow
@pytest.mark.parametrize("key", ["another", None])
def test_a_key_that_is_another_is_not_taken_in_silence(tmp_path: Path, key: str | None) -> None:
    """Set otherwise, taken back, or brought from another warehouse."""
    other = polled(tmp_path, "first").model_copy(update={"privacy_key": SecretStr(key) if key else None})
    other.layout.privacy_key_file.write_bytes(b"ab" * 32)
    for refused in (loads, rebuild):
        with pytest.raises(BadSettings, match="hashed by another key"):
            refused(other)
    publish_at(other.layout)
    other.layout.work_file.unlink()
    for refused in (rebuild, examines):
        with pytest.raises(BadSettings, match="hashed by another key"):
            refused(other)
    rebuild(other, accept_new_key=True)
    loads(other)
