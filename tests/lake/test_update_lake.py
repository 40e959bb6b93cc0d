"""When the lake fails the published file stays good, code and incident are the lake's own, and the next catches up."""

import json
import re
from pathlib import Path

import pytest

from pipelines.cli.main import run
from pipelines.clock import utc_now
from pipelines.database.connection import open_published
from pipelines.errors import BadSettings, LakeFailed
from pipelines.incidents.ledger import newest
from pipelines.nightly import update_lake
from pipelines.settings import Settings
from tests.support.lake_harness import TABLES, change, differences, local_settings


def incidents(settings: Settings) -> list[tuple[str, str]]:
    return [(one["kind"], one["state"]) for one in newest(settings.layout, are_open_only=False)]


@pytest.mark.slow
def test_a_lake_that_fails_has_its_own_code_and_incident_and_the_next_publish_catches_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = local_settings(tmp_path)
    change(settings, TABLES)
    (tmp_path / "lake").write_text("in the place of the folder")
    update = update_lake(settings, utc_now)
    assert isinstance(update.error, LakeFailed)
    assert incidents(settings) == [("lake_failing", "open")]
    with open_published(settings.layout) as con:
        assert con.execute("select count(*) from core.runs").fetchone() == (100,)

    for name in ("lake_catalog", "lake_data"):
        monkeypatch.setenv(f"RECOUP_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("RECOUP_HOME", str(tmp_path))
    run(["doctor"])
    assert re.search(r"ok +lake +lake/catalog.ducklake, data in lake/data", capsys.readouterr().out)
    assert run(["lake"]) == 15
    assert "the published file is good" in capsys.readouterr().err
    (tmp_path / "lake").unlink()
    assert run(["lake"]) == 0
    assert "snapshot 1 is its version" in capsys.readouterr().out
    assert incidents(settings) == [("lake_failing", "recovered")]
    assert differences(settings) == []


def test_without_a_lake_nothing_is_written_and_the_command_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = local_settings(tmp_path, lake_catalog=None, lake_data=None)
    change(settings, TABLES)
    assert update_lake(settings, utc_now).report is None
    monkeypatch.setenv("RECOUP_HOME", str(tmp_path))
    assert run(["lake"]) == BadSettings.exit_code
    assert "set RECOUP_LAKE_CATALOG and RECOUP_LAKE_DATA" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"lake_catalog": "postgres:host=x"}, "RECOUP_LAKE_DATA and RECOUP_LAKE_CATALOG belong together"),
        ({"lake_catalog": None, "lake_data": "s3://x"}, "RECOUP_LAKE_DATA and RECOUP_LAKE_CATALOG belong together"),
        ({"lake_catalog": "postgres:host=x password=s3cret"}, "RECOUP_LAKE_CATALOG must hold no password"),
        ({"lake_catalog": "postgres://u:s3cret@host/db"}, "RECOUP_LAKE_CATALOG must be like postgres:host="),
        ({"lake_s3_endpoint": "s3.example"}, "RECOUP_LAKE_S3_ENDPOINT must begin with https://"),
        ({"lake_kept_days": 0}, "RECOUP_LAKE_KEPT_DAYS"),
    ],
)
def test_settings_of_a_wrong_form_are_named_and_not_shown(settings: dict[str, str], told: str) -> None:
    with pytest.raises(BadSettings, match=told) as caught:
        Settings.load(_env_file=None, **settings)
    assert "s3cret" not in json.dumps(str(caught.value))
