"""Figures for a monitor, judged by Prometheus' own parser, and the daily digest among the messages."""

import json
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.clock import fixed, parse_instant
from pipelines.errors import ChecksFailed
from pipelines.incidents.ledger import open_ledger
from pipelines.incidents.watch import Night, note_night, note_poll
from pipelines.schedule.poll_interval import Cadence, write_state
from pipelines.settings import Settings
from tests.cli.conftest import BODY_TIME, run
from tests.support import bodies

NOON = parse_instant(BODY_TIME)
Samples = dict[tuple[str, str], float]


def samples(text: str) -> Samples:
    """Values by name and by the value of the one label."""
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type == "gauge" for family in families)
    return {
        (sample.name.removeprefix("recoup_"), "".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def shown(published: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Samples]:
    # Saved bodies are no polls, so one is noted here.
    write_state(Settings.load().layout, Cadence(NOON, failed_in_row_count=2))
    assert run("metrics") == 0
    yield samples(capsys.readouterr().out)


def test_a_monitor_sees_when_all_was_last_well_what_is_open_and_how_big(shown: Samples, published: Path) -> None:
    assert shown["last_poll_timestamp_seconds", ""] == NOON.timestamp()
    assert shown["polls_failed_in_row", ""] == 2
    assert (
        shown["last_good_night_timestamp_seconds", ""] >= shown["last_publish_timestamp_seconds", ""] > NOON.timestamp()
    )
    kinds = {label for name, label in shown if name == "open_incidents"}
    assert {"task_failing", "poll_failing", "disk_filling"} <= kinds
    assert (shown["runs_observed", ""], shown["runs_missing", ""], shown["coverage_ratio", ""]) == (1, 0, 1)
    assert shown["messages_waiting", ""] == 0
    for folder in ("archive", "work", "snapshots"):
        files = [path for path in (published / folder).rglob("*") if path.is_file()]
        assert shown["size_bytes", folder] == sum(path.stat().st_size for path in files) > 0


def test_what_is_not_known_has_no_sample(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own_folder / "warehouse/archive").mkdir(parents=True)
    assert run("metrics") == 0
    shown = samples(capsys.readouterr().out)
    assert {name for name, _ in shown} == {"figures_timestamp_seconds", "size_bytes"}


def test_nobody_is_named(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("query", "--format", "csv", "select title from core.tasks union select account_id from core.tasks") == 0
    names = capsys.readouterr().out.splitlines()[1:]
    assert run("metrics") == 0
    text = capsys.readouterr().out
    assert names
    assert not [name for name in names if name in text]
    assert bodies.task()["id"] not in text


def test_the_file_is_written_whole_after_each_night_and_everybody_may_read_it(
    published: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECOUP_METRICS_FILE", "metrics/recoup.txt")
    assert run("publish") == 2
    assert "RECOUP_METRICS_FILE must end with .prom" in capsys.readouterr().err
    monkeypatch.setenv("RECOUP_METRICS_FILE", "metrics/recoup.prom")
    file = Path("metrics/recoup.prom")
    note_night(Settings.load(), fixed(NOON), Night(), ChecksFailed("no"))
    shown = samples(file.read_text())
    assert shown["open_incidents", "night_failing"] == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [path.name for path in file.parent.iterdir()] == ["recoup.prom"]
    note_night(Settings.load(), fixed(NOON + timedelta(days=1)), Night())
    later = samples(file.read_text())
    assert later["open_incidents", "night_failing"] == 0
    assert later["last_good_night_timestamp_seconds", ""] == (NOON + timedelta(days=1)).timestamp()


def test_polls_tell_the_sizes_of_the_last_night(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding them up looks at every file of the history, so only nights do."""
    monkeypatch.setenv("RECOUP_METRICS_FILE", "metrics/recoup.prom")
    file, settings = Path("metrics/recoup.prom"), Settings.load()
    note_night(settings, fixed(NOON), Night())
    night = samples(file.read_text())["size_bytes", "archive"]
    (published / "archive" / "packs" / "more.pack").write_bytes(b"x" * 1000)
    note_poll(settings, fixed(NOON + timedelta(minutes=5)))
    assert samples(file.read_text())["size_bytes", "archive"] == night
    note_night(settings, fixed(NOON + timedelta(days=1)), Night())
    assert samples(file.read_text())["size_bytes", "archive"] == night + 1000


def test_a_file_that_cannot_be_written_fails_no_night(
    published: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RECOUP_METRICS_FILE", "/proc/none/recoup.prom")
    note_night(Settings.load(), fixed(NOON), Night())
    assert "figures for the monitor were not written" in caplog.text


class TestDigest:
    """Off by default; on, once for each day of the reporting zone and each sink."""

    @pytest.fixture
    def told(self, published: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        told = published.parent / "told.jsonl"
        monkeypatch.setenv("RECOUP_INCIDENT_SINKS", f"file:{told}")
        monkeypatch.setenv("RECOUP_REPORTING_TIMEZONE", "Asia/Tokyo")
        return told

    def test_it_is_off_by_default(self, told: Path) -> None:
        note_night(Settings.load(), fixed(NOON), Night())
        assert not told.exists()

    @pytest.mark.slow
    def test_once_a_day_whatever_happens(self, told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RECOUP_DIGEST", "daily")
        settings = Settings.load()
        # 14:00 and 16:00 UTC are two days in Tokyo; a bad night brings none.
        for hours in (0, 1, 2, 2, 4, 5):
            note_night(settings, fixed(NOON + timedelta(hours=hours)), Night())
        note_night(settings, fixed(NOON + timedelta(days=2)), Night(), ChecksFailed("no"))
        messages = [json.loads(line) for line in told.read_text().splitlines()]
        digests = [one for one in messages if one["event"] == "digest"]
        assert [one["day"] for one in digests] == ["2026-08-20", "2026-08-21"]
        assert [one["subject_line"] for one in digests] == [f"[recoup] digest of {one['day']}" for one in digests]
        assert len({one["key"] for one in digests}) == 2
        assert all("Recoup fleet, as of" in one["text"] for one in digests)
        with open_ledger(settings.layout) as con:
            assert con.execute("select count(*) from messages where event = 'digest'").fetchone()[0] == 2
