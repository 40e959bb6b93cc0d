"""Two clocks: what the server's says about ours, what that costs, and what a poll stamped ahead costs later ones."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipelines.archive.poll_record import PollEnd, Stored
from pipelines.archive.store import Archive
from pipelines.cli.doctor.history import examine_history
from pipelines.cli.doctor.settings_and_api import examine_api
from pipelines.clock import fixed
from pipelines.database.connection import Warehouse
from pipelines.errors import BadSettings
from pipelines.ingest import poll as polling
from pipelines.ingest.clock_check import clock_skew
from pipelines.load.poll_rows import PollSummary
from pipelines.load.rebuild import Rebuilt, rebuild, rebuild_locked
from pipelines.recoup.endpoints import Kind, Request, Response
from pipelines.recoup.response_errors import server_time
from pipelines.settings import Settings
from pipelines.simulator import serve
from tests.support.polled_world import HOUR, MINUTE, SECOND, START, PolledWorld


def look(world: PolledWorld, hours: float, ours: timedelta = timedelta()) -> PollSummary:
    """Poll at a true time, with our clock off by `ours`."""
    return world.poll(hours, lambda: START + hours * HOUR + ours)


@pytest.fixture
def world(tmp_path: Path) -> PolledWorld:
    """A server with a right clock, and a machine whose clock may be wrong."""
    world = PolledWorld(tmp_path, run_details="off", max_attempts=1)
    world.sim.date_offset = timedelta()
    return world


@pytest.fixture
def rebuilds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each rebuild that a poll made."""
    made: list[int] = []

    def counted(warehouse: Warehouse, settings: Settings) -> Rebuilt:
        made.append(1)
        return rebuild_locked(warehouse, settings)

    monkeypatch.setattr(polling, "rebuild_locked", counted)
    return made


# ---------- the header
@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({"date": "Mon, 17 Aug 2026 09:00:00 GMT"}, START + 9 * HOUR),
        ({"date": "Mon, 17 Aug 2026 11:00:00 +0200"}, START + 9 * HOUR),
        ({"date": "Mon, 17 Aug 2026 09:00:00 -0000"}, START + 9 * HOUR),
        ({"date": "Mon, 17 Aug 2026 09:00:00 GMT", "age": "60"}, START + 9 * HOUR + MINUTE),
        ({"date": "Mon, 17 Aug 2026 09:00:00 GMT", "age": "-5"}, START + 9 * HOUR),
        ({"date": "Mon, 17 Aug 2026 09:00:00 GMT", "age": "9" * 30}, START + 9 * HOUR),
        ({"date": "Mon, 99 Aug 2026 09:00:00 GMT"}, None),
        ({"date": "yesterday"}, None),
        ({"date": ""}, None),
        ({}, None),
    ],
)
def test_the_header_date_is_read_or_is_absent(headers: dict[str, str], at: datetime | None) -> None:
    assert server_time(headers) == at


@pytest.mark.parametrize(
    ("server", "skew"),
    [
        (None, timedelta()),
        (START, timedelta()),
        (START + 40 * SECOND, timedelta()),
        (START + 90 * SECOND, timedelta()),
        (START - SECOND, timedelta()),
        (START + 100 * SECOND, 10 * SECOND),
        (START - 31 * SECOND, -30 * SECOND),
        (START - 2 * HOUR, SECOND - 2 * HOUR),
    ],
)
def test_the_time_under_way_is_no_difference(server: datetime | None, skew: timedelta) -> None:
    answer = Response(Request.tasks(), 200, b"", START, START + 90 * SECOND, 1, server)
    assert clock_skew(answer) == skew


@pytest.mark.parametrize(
    ("server", "observed"),
    [(None, START), (START + HOUR, START), (START - SECOND, START), (START - MINUTE, START - MINUTE)],
)
def test_an_answer_shows_no_later_instant_than_the_servers(server: datetime | None, observed: datetime) -> None:
    stored = Stored(1, Kind.TASKS, "/api/tasks", [], 200, START, START, 1, 0, "", server)
    assert stored.observed_at == observed


# ---------- a poll by a wrong clock
@pytest.mark.slow
@pytest.mark.parametrize(
    ("ours", "known_until", "warned"),
    [
        (timedelta(), timedelta(), 0),
        (MINUTE, timedelta(), 0),
        (9 * MINUTE, timedelta(), 1),
        (-MINUTE, -MINUTE, 0),
        (-2 * HOUR, -2 * HOUR, 1),
    ],
)
def test_a_poll_knows_no_later_than_the_server(
    world: PolledWorld, ours: timedelta, known_until: timedelta, warned: int
) -> None:
    look(world, 9, ours)
    assert world.rows("select server_at from core.responses") == [(START + 9 * HOUR,)]
    assert world.rows("select observed_until_at from core.tasks") == [(START + 9 * HOUR + known_until,)]
    assert len(world.rows(Path("sql/tests/clock_is_wrong.sql").read_text())) == warned
    before = world.dump()
    rebuild(world.settings)
    assert world.dump() == before


@pytest.mark.slow
@pytest.mark.parametrize("ours", [11 * MINUTE, 48 * HOUR, timedelta(days=400)])
def test_a_poll_far_ahead_is_refused_and_leaves_nothing(
    world: PolledWorld, ours: timedelta, rebuilds: list[int]
) -> None:
    look(world, 2)
    before = world.dump()
    with pytest.raises(BadSettings, match="Set the clock") as raised:
        look(world, 9, ours)
    assert raised.value.exit_code == 2
    assert world.dump() == before
    assert len(Archive(world.settings.layout.archive).poll_ids()) == 1
    look(world, 10)
    assert rebuilds == []
    assert world.rows("select runs_missing_count from core.coverage_gaps") == [(3,)]


@pytest.mark.slow
def test_a_pretended_now_is_nobodys_clock(world: PolledWorld) -> None:
    world.poll(9, fixed(START + 57 * HOUR))
    assert world.rows("select server_at from core.responses") == [(None,)]


# ---------- polls stamped ahead by an older version
def stamp_ahead(world: PolledWorld, hours: float, ours: timedelta) -> None:
    world.sim.date_offset = None
    look(world, hours, ours)
    world.sim.date_offset = timedelta()


@pytest.mark.slow
def test_a_poll_stamped_ahead_costs_one_rebuild(world: PolledWorld, rebuilds: list[int]) -> None:
    look(world, 2)
    stamp_ahead(world, 3, 48 * HOUR)
    for hours in (10, 11, 12, 60):
        look(world, hours)
    assert len(rebuilds) == 1
    archive = Archive(world.settings.layout.archive)
    assert (len(archive.poll_ids()), len(archive.aside_ids())) == (5, 1)
    assert world.rows("select sum(runs_missing_count) from core.coverage_gaps where to_at < '2026-08-17 12:00'") == [
        (3,)
    ]
    before = world.dump()
    rebuild(world.settings)
    assert world.dump() == before


@pytest.mark.slow
@pytest.mark.parametrize("server", [None, 48 * HOUR])
def test_nothing_is_set_aside_by_a_clock_that_nobody_confirms(world: PolledWorld, server: timedelta | None) -> None:
    look(world, 60)
    world.sim.date_offset = server
    look(world, 12)
    archive = Archive(world.settings.layout.archive)
    assert (len(archive.poll_ids()), archive.aside_ids()) == (2, [])


# ---------- what a person is told
@pytest.mark.slow
def test_the_doctor_names_polls_stamped_ahead(world: PolledWorld) -> None:
    look(world, 2)
    stamp_ahead(world, 3, 48 * HOUR)
    now = fixed(START + 10 * HOUR)
    said = [f.text for f in examine_history(world.settings, now) if f.topic == "clock"]
    assert said == ["1 poll stamped later than now: 20260819T030000.000000Z-01"]
    look(world, 10)
    said = [f.text for f in examine_history(world.settings, now) if f.topic == "clock"]
    assert said == ["1 poll set aside, stamped by a clock that was ahead: 20260819T030000.000000Z-01"]


@pytest.mark.parametrize(
    ("offset", "levels"), [(timedelta(), []), (HOUR, ["warn"]), (-5 * MINUTE, ["warn"]), (-HOUR, ["fail"])]
)
def test_the_doctor_compares_the_clocks(world: PolledWorld, offset: timedelta, levels: list[str]) -> None:
    world.sim.date_offset = offset
    with serve(world.sim) as origin:
        settings = world.settings.model_copy(update={"api_url": origin})
        found = [finding for finding in examine_api(settings, lambda: START) if finding.topic == "clock"]
    assert [finding.level for finding in found] == levels


@pytest.mark.slow
def test_ledgers_from_before_the_header_was_kept_still_load(world: PolledWorld) -> None:
    look(world, 2)
    archive = Archive(world.settings.layout.archive)
    path = next(world.settings.layout.archive.glob("polls/*/*.ndjson"))
    path.write_bytes(path.read_bytes().replace(b',"server_at":"2026-08-17T02:00:00Z"', b""))
    archive.chain.path.unlink()  # which those archives had not
    record = archive.poll(archive.poll_ids()[0])
    assert record is not None
    assert record.responses[0].server_at is None
    assert isinstance(record.end, PollEnd)
    rebuild(world.settings)
    assert world.rows("select server_at from core.responses") == [(None,)]
