"""What cannot be listed or read now is neither nothing nor lost: it is said, and nobody goes on as if it were not there."""

import errno
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.archive.poll_record import raise_unless_damaged
from pipelines.archive.store import Archive
from pipelines.cli.doctor.archive_files import examine_archive
from pipelines.database.connection import Warehouse
from pipelines.errors import ArchiveDamaged, PublishRefused
from pipelines.ingest.poll import poll
from pipelines.load.rebuild import rebuild
from pipelines.publish.continuity import refuse_lost_polls
from pipelines.settings import Settings
from tests.cli.conftest import run as command
from tests.support.bodies import NOON, body, run, task
from tests.support.publish_harness import publish_as_it_is


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOUP_HOME", str(tmp_path))
    monkeypatch.setenv("RECOUP_PRIVACY_KEY", "k")
    settings = Settings.load(warehouse_dir=tmp_path / "warehouse", privacy_key="k")
    (tmp_path / "saved.json").write_bytes(body([task(runs=[run()])]))
    poll(settings, clock=lambda: NOON, load_files=[tmp_path / "saved.json"])
    return settings


@pytest.mark.slow
@pytest.mark.parametrize("name", ["polls", "."])
def test_a_file_in_the_place_of_a_folder_is_not_an_empty_one(settings: Settings, name: str) -> None:
    """`glob` leaves out in silence what it may not enter; a backup of such an archive would be one of no polls."""
    folder = settings.layout.archive / name
    folder.rename(settings.layout.root / "moved")
    assert Archive(settings.layout.archive).poll_ids() == []
    folder.write_text("in the way")
    with pytest.raises(NotADirectoryError):
        Archive(settings.layout.archive).poll_ids()
    assert command("backup", "copy") == 14


@pytest.mark.slow
def test_a_ledger_that_is_cut_or_gone_is_missed(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Cut before its end it looks like one of a killed poll, which a rebuild would load as such, without its runs."""
    publish_as_it_is(settings.layout)
    archive = Archive(settings.layout.archive)
    [ledger] = map(archive.ledger, archive.poll_ids())
    whole = ledger.read_bytes()
    assert [finding.level for finding in examine_archive(settings.layout, is_deep=True)] == ["ok"]
    for kept in (whole[:-9], b"", None):
        ledger.unlink() if kept is None else ledger.write_bytes(kept)
        [finding] = examine_archive(settings.layout, is_deep=True)
        assert (finding.level, str(ledger) in finding.text, "missing" in finding.text) == ("fail", True, True)
        assert command("rebuild") == 13
        assert f"nothing was changed: {ledger} is damaged" in capsys.readouterr().err


@pytest.mark.slow
def test_what_readers_know_of_is_missed_when_work_file_and_ledger_are_gone(settings: Settings) -> None:
    publish_as_it_is(settings.layout)
    [lost] = Archive(settings.layout.archive).poll_ids()
    Archive(settings.layout.archive).ledger(lost).unlink()
    settings.layout.work_file.unlink()
    with pytest.raises(ArchiveDamaged, match=lost):
        rebuild(settings)
    poll(settings, clock=lambda: NOON + timedelta(hours=1), load_files=[settings.layout.root.parent / "saved.json"])
    with Warehouse.of(settings).write() as con, pytest.raises(PublishRefused, match=f"first is {lost}.*accept-loss"):
        refuse_lost_polls(con, settings.layout)
    settings.layout.work_file.unlink()
    assert len(rebuild(settings, accept_loss=True).lost) == 1
    with Warehouse.of(settings).write() as con:
        refuse_lost_polls(con, settings.layout)
        assert con.execute("select status from core.polls order by poll_id").fetchall() == [("failed",), ("succeeded",)]
    assert rebuild(settings).lost == [], "said once is enough"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE])
def test_a_file_that_may_not_be_read_now_is_not_given_up(number: int) -> None:
    with pytest.raises(OSError, match="reader"):
        raise_unless_damaged(OSError(number, "of the reader"))
    raise_unless_damaged(OSError(errno.EIO, "of the file"))
