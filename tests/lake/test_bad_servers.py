"""A server that takes a connection and never answers, and a bucket that is full: one line each, in time, nothing torn."""

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import LakeFailed
from pipelines.lake.faults import in_words_of_a_lake
from pipelines.settings import Settings
from tests.lake.conftest import Services
from tests.support.lake_harness import change, differences, into_the_lake, local_settings, newest_version

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lake")]

SECONDS_TO_FAIL = 15
MORE_THAN_THE_QUOTA = """
insert into core.runs by name
select uuid()::varchar || i as run_id, date '2026-08-01' as created_date, uuid()::varchar as outcome
from range(50000) as rows (i)
"""


@pytest.mark.parametrize("port", [9000, 40300, 1403])
def test_the_number_of_a_port_is_no_answer_of_a_server(tmp_path: Path, port: int) -> None:
    settings = local_settings(tmp_path, lake_data="s3://conflict-403/fatal:", lake_catalog=str(tmp_path / "lake"))
    address = f"http://127.0.0.1:{port}/conflict-403/fatal:/accessdenied"
    with pytest.raises(LakeFailed, match="does not answer as it should"), in_words_of_a_lake(settings):
        raise duckdb.HTTPException(f"HTTP Error: Timeout was reached error for HTTP PUT to '{address}'")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where the system takes connections that no program ever reads from."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("server", ["catalog", "bucket"])
def test_a_server_that_hangs_is_told_in_time(services: Services, tmp_path: Path, silent_port: int, server: str) -> None:
    places = services.new_places()
    if server == "bucket":
        places["lake_s3_endpoint"] = f"http://127.0.0.1:{silent_port}"
    else:
        places["lake_catalog"] = re.sub(r"port=\d+", f"port={silent_port}", places["lake_catalog"])
    settings = local_settings(tmp_path, **places)
    change(settings, "create schema core; create table core.accounts (account_id varchar)")
    began = time.monotonic()
    with pytest.raises(LakeFailed, match=rf"the {server} .*does not answer") as caught:
        into_the_lake(settings)
    assert time.monotonic() - began < SECONDS_TO_FAIL
    assert "\n" not in str(caught.value)


def test_a_full_bucket_is_told_in_time_and_the_next_publish_catches_up(settings: Settings, services: Services) -> None:
    change(settings, MORE_THAN_THE_QUOTA)
    before = into_the_lake(settings).version
    change(settings, "update core.runs set outcome = uuid()::varchar")
    with services.s3.full():
        began = time.monotonic()
        with pytest.raises(
            LakeFailed, match="the bucket of s3://lake/.* does not answer as it should .*HTTP 500"
        ) as caught:
            into_the_lake(settings)
        assert time.monotonic() - began < SECONDS_TO_FAIL
    assert "\n" not in str(caught.value)
    assert newest_version(settings) == before
    assert into_the_lake(settings).is_changed
    assert differences(settings) == []
