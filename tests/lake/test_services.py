"""A lake in PostgreSQL and S3: publishers are killed, both servers are stopped in mid-write, readers read meanwhile.

`make lake` does it many times; CI a few. What needs no server is in test_publish_into_lake.py.
"""

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import LakeFailed
from pipelines.lake.connection import open_lake
from pipelines.settings import Settings
from tests.lake.conftest import KILLS, PUBLISHES, Services
from tests.support.lake_harness import (
    TABLES,
    ask,
    change,
    differences,
    in_the_lake,
    into_the_lake,
    local_settings,
    newest_version,
)
from tests.support.repository import ROOT
from tests.support.seaweed_server import READER, WRITER

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lake")]

SECONDS_TO_FAIL = 15
MARK = """
update core.runs set outcome = '{0}'; update core.accounts set account_name = '{0}'; update marts.daily set n = {0}
"""
MARKS = """
select distinct outcome from lake.core.runs union all select account_name from lake.core.accounts
union all select distinct n::varchar from lake.marts.daily
"""
CHILD = f"""
import json, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from pipelines.clock import utc_now
from pipelines.errors import LakeFailed
from pipelines.lake.connection import open_lake
from pipelines.lake.update import publish_into_lake
from tests.support.lake_harness import local_settings
folder, places = json.loads(sys.argv[1])
settings = local_settings(Path(folder), **places)
"""
PUBLISH = (
    CHILD
    + """
print("begun", flush=True)
try:
    publish_into_lake(settings, utc_now)
except LakeFailed as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""
)
READ = (
    CHILD
    + f"""
reads = mixed = 0
with open_lake(settings) as con:
    print("begun", flush=True)
    while not Path(folder, "enough").exists():
        con.execute("begin")
        marks = {{mark for query in {MARKS!r}.split("union all") for (mark,) in con.execute(query).fetchall()}}
        con.execute("commit")
        reads, mixed = reads + 1, mixed + (len(marks) != 1)
print(json.dumps([reads, mixed]))
"""
)


def started(code: str, folder: Path, places: dict[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, json.dumps([str(folder), places])]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    return child


def marks(settings: Settings) -> set[Any]:
    return {mark for (mark,) in ask(settings, MARKS)}


@pytest.fixture
def places(services: Services) -> dict[str, str]:
    return services.new_places()


@pytest.fixture
def settings(places: dict[str, str], tmp_path: Path) -> Settings:
    """A warehouse whose lake holds mark 1."""
    settings = local_settings(tmp_path, **places)
    change(settings, TABLES)
    change(settings, MARK.format(1))
    into_the_lake(settings)
    return settings


@pytest.fixture
def took(settings: Settings, places: dict[str, str], tmp_path: Path) -> float:
    """How many seconds a program takes here that publishes mark 0 and ends by itself, once it has begun."""
    change(settings, MARK.format(0))
    with started(PUBLISH, tmp_path, places) as child:
        began = time.monotonic()
        assert child.wait() == 0
        seconds = time.monotonic() - began
    change(settings, MARK.format(1))
    into_the_lake(settings)
    return seconds


def instants(count: int, seconds: float) -> list[float]:
    """Return `count` random instants, one in each of so many equal parts of the seconds, so that the first is early."""
    return [random.uniform(part, part + 1) / (count + 1) * seconds for part in range(count)]


def test_a_lake_in_postgres_and_s3_equals_the_copy_and_expires(settings: Settings) -> None:
    assert differences(settings) == []
    versions = {}
    for mark in (2, 3, 4):
        change(settings, MARK.format(mark))
        versions[mark] = into_the_lake(settings).version
    in_the_lake(settings, f"insert into lake.publishing.pins values ({versions[2]}, 'an audit')")
    into_the_lake(settings, days_later=40)
    assert differences(settings) == []
    pinned = f"select distinct outcome from lake.core.runs at (version => {versions[2]})"
    assert ask(settings, pinned) == [("2",)]
    with pytest.raises(LakeFailed, match="No snapshot found"):
        ask(settings, pinned.replace(str(versions[2]), str(versions[3])))


def test_a_killed_publish_leaves_the_lake_as_before_or_complete(
    settings: Settings, places: dict[str, str], tmp_path: Path, took: float
) -> None:
    complete = 0
    for mark, after in enumerate(instants(KILLS, took), 2):
        change(settings, MARK.format(mark))
        with started(PUBLISH, tmp_path, places) as child:
            try:
                child.wait(after)
            except subprocess.TimeoutExpired:
                child.kill()
        found = marks(settings)
        assert found in ({str(mark - 1)}, {str(mark)}), f"kill {mark}"
        complete += found == {str(mark)}
        into_the_lake(settings)
        assert marks(settings) == {str(mark)}
    assert differences(settings) == []
    assert complete < KILLS, "no kill came before the end"


@pytest.mark.parametrize("stopped", ["postgres", "s3"])
def test_a_server_that_stops_in_mid_write_tears_nothing(
    settings: Settings, services: Services, places: dict[str, str], tmp_path: Path, took: float, stopped: str
) -> None:
    failures = 0
    for mark, after in enumerate(instants(max(1, KILLS // 3), took), 2):
        change(settings, MARK.format(mark))
        with started(PUBLISH, tmp_path, places) as child:
            time.sleep(after)
            if stopped == "postgres":
                services.postgres.stop(signal.SIGQUIT)
            else:
                services.s3.stop()
            try:
                code = child.wait(SECONDS_TO_FAIL)
            finally:
                child.kill()
                getattr(services, stopped).start()
        assert code in (0, LakeFailed.exit_code)
        failures += code != 0
        assert marks(settings) in ({str(mark - 1)}, {str(mark)})
        into_the_lake(settings)
        assert marks(settings) == {str(mark)}
    assert differences(settings) == []
    assert failures, "no stop came before the end"


def test_readers_in_transactions_see_one_version(settings: Settings, places: dict[str, str], tmp_path: Path) -> None:
    readers = [started(READ, tmp_path, places) for _ in range(2)]
    for mark in range(2, PUBLISHES + 2):
        change(settings, MARK.format(mark))
        into_the_lake(settings)
    (tmp_path / "enough").touch()
    told = [json.loads(reader.communicate(timeout=60)[0]) for reader in readers]
    assert all(reads >= PUBLISHES for reads, _ in told), told
    assert [mixed for _, mixed in told] == [0, 0]


def test_bad_input_is_one_line_without_secrets_and_tears_nothing(
    settings: Settings, services: Services, places: dict[str, str], tmp_path: Path
) -> None:
    before = newest_version(settings)
    change(settings, MARK.format(2))
    secret = "it's n\\ever sh0wn"
    catalog = places["lake_catalog"]
    nobody = re.sub(r"port=\d+", "port=1", catalog)
    wrong: dict[str, dict[str, str]] = {
        "does not know this key": {"lake_s3_secret": secret},
        "gives this key no right": {"lake_s3_key_id": READER[0], "lake_s3_secret": READER[1]},
        "does not answer as it should": {"lake_s3_endpoint": "http://127.0.0.1:1"},
        "does not answer": {"lake_catalog": nobody, "lake_catalog_password": secret},
        "refuses (": {"lake_catalog": catalog.replace("dbname=", "dbname=no_"), "lake_catalog_password": secret},
        "keeps its data elsewhere": {"lake_data": places["lake_data"] + "_other"},
    }
    for told, places_of_it in wrong.items():
        began = time.monotonic()
        with pytest.raises(LakeFailed) as caught:
            into_the_lake(local_settings(tmp_path, **places | places_of_it))
        words = str(caught.value)
        assert told in words
        assert not re.search(rf"sh0wn|{WRITER[1]}|{READER[1]}|\n", words), told
        assert time.monotonic() - began < SECONDS_TO_FAIL, told
    assert newest_version(settings) == before
    version = "update __ducklake_metadata_lake.ducklake_metadata set value = '{}' where key = 'version'"
    [(found,)] = ask(settings, "select value from __ducklake_metadata_lake.ducklake_metadata where key = 'version'")
    in_the_lake(settings, version.format("9.9"))
    with pytest.raises(LakeFailed, match="another version of DuckLake"):
        into_the_lake(settings)
    (database,) = re.findall(r"dbname=(\w+)", catalog)
    services.postgres.execute(database, f"update ducklake_metadata set value = '{found}' where key = 'version'")
    assert into_the_lake(settings).is_changed
    assert differences(settings) == []


def test_a_catalog_that_wants_a_password_gets_it_and_refuses_another(
    settings: Settings, places: dict[str, str], tmp_path: Path, services: Services
) -> None:
    password = "it's a \\ s3cret"
    services.postgres.demand_password("guarded", password)
    guarded = places | {"lake_catalog": places["lake_catalog"].replace("user=dagster", "user=guarded")}
    with open_lake(local_settings(tmp_path, **guarded, lake_catalog_password=password)) as con:
        assert con.execute("select count(*) from lake.core.runs").fetchone() == (100,)
    with pytest.raises(LakeFailed, match="refuses user or password") as caught:
        into_the_lake(local_settings(tmp_path, **guarded, lake_catalog_password="an0ther"))
    assert "an0ther" not in str(caught.value)
