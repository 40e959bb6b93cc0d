"""A past night, made again from the archive: row for row what was published then, and only from what was known then.

The world has what makes nights differ: an outage, runs that are recovered late, a killed poll, a renamed task.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.archive.poll_record import PollRecord
from pipelines.archive.store import Archive
from pipelines.clock import fixed
from pipelines.database.begun import remove_begun
from pipelines.database.connection import Warehouse, open_published
from pipelines.errors import ArchiveDamaged, BadSettings
from pipelines.load.poll_rows import PollSummary
from pipelines.load.session import Loader
from pipelines.nightly import check_and_publish
from pipelines.past import publish_past
from pipelines.paths import Layout
from pipelines.publish.publisher import published_relations
from pipelines.simulator import Fault, SimTask
from pipelines.transform.load_models import load_models
from tests.support.polled_world import HOUR, HOURLY, START, PolledWorld
from tests.support.simulator_helpers import PART

DAY = 24
DAILY = SimTask(
    task_id="1a81abcb-50cc-411b-935c-b2a9ba4ae623",
    cron="0 9 * * *",
    mix={"failed": 0.2},
    changes=((START + 2 * DAY * HOUR, {"title": "Another name"}),),
    deleted_at=START + 5 * DAY * HOUR,
)
BREAKS = SimTask(
    task_id="7c1a8f4e-1d0b-4f43-9d5c-6a0a3c1f2b10",
    cron="30 */6 * * *",
    mix={},
    changes=((START + DAY * HOUR, {"mix": {"failed": 1.0}}),),
)
# Incidents go on, and have their newest words; what tells of the building itself: a past night builds all days.
COMPARED_APART = {"core.incidents", "core.built_days", "core.day_builds"}
Tables = dict[str, list[Any]]

pytestmark = pytest.mark.slow


def tables(layout: Layout) -> Tables:
    with open_published(layout) as con:
        names = set(published_relations(con)) - COMPARED_APART
        return {name: sorted(con.execute(f"from {name}").fetchall(), key=repr) for name in sorted(names)}


def incidents(layout: Layout) -> list[Any]:
    with open_published(layout) as con:
        return con.execute("select incident_id, kind, opened_at, closed_at from core.incidents order by all").fetchall()


@dataclass
class Lived:
    """A warehouse after some nights, and what each of them published."""

    world: PolledWorld
    nights: dict[datetime, Tables] = field(default_factory=dict)
    incidents: dict[datetime, list[Any]] = field(default_factory=dict)

    def live(self, days: int) -> None:
        """Poll every six hours, and publish each night; one poll dies after its answers were archived."""
        for number in range(1, 4 * days + 1):
            at = START + number * 6 * HOUR
            if number == 6:
                writer = Archive(self.world.settings.layout.archive).start_poll(
                    at - HOUR, source="simulator", is_full_scope=True, account_ids=[], accept_deletions=False
                )
                assert writer.record.end is None
            self.world.poll(number * 6)
            if number % 4 == 0:
                check_and_publish(self.world.settings, clock=fixed(at), models=load_models())
                self.nights[at] = tables(self.world.settings.layout)
                self.incidents[at] = incidents(self.world.settings.layout)


def lived(folder: Path, days: int) -> Lived:
    made = Lived(PolledWorld(folder, HOURLY, DAILY, BREAKS, details_per_poll=10))
    made.world.sim.add_fault(Fault(kind="silent_outage", from_at=START + 30 * HOUR, to_at=START + 40 * HOUR))
    made.world.sim.add_fault(Fault(kind="bad_status", from_at=START + 60 * HOUR, to_at=START + 61 * HOUR))
    made.live(days)
    return made


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return lived(tmp_path_factory.mktemp("past"), max(3, round(8 * PART)))


def compare(house: Lived, night: datetime, into: Path) -> None:
    publish_past(house.world.settings, night, into)
    made, then = tables(Layout(into)), house.nights[night]
    assert made.keys() == then.keys()
    differing = {name: (then[name][:2], made[name][:2]) for name in then if made[name] != then[name]}
    assert not differing
    assert incidents(Layout(into)) == house.incidents[night]


def test_each_past_night_is_what_was_published_then(house: Lived, tmp_path: Path) -> None:
    before = tables(house.world.settings.layout)
    for number, night in enumerate(house.nights):
        compare(house, night, tmp_path / f"night-{number}")
    assert before != house.nights[min(house.nights)]
    assert len({len(told) for told in house.incidents.values()}) > 1
    assert tables(house.world.settings.layout) == before
    assert {path.name for path in (tmp_path / "night-0").iterdir()} == {"current", "snapshots"}
    assert (tmp_path / "night-0" / "current" / "report.html").exists()


def test_a_later_night_begins_where_an_earlier_ended(
    house: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, nights = house.world.settings.layout, sorted(house.nights)
    loaded: list[str] = []
    load = Loader.load

    def spied(loader: Loader, record: PollRecord) -> PollSummary:
        loaded.append(record.poll_id)
        return load(loader, record)

    monkeypatch.setattr(Loader, "load", spied)
    for night in (nights[1], nights[0], nights[2]):
        compare(house, night, tmp_path / f"{night:%Y%m%d}")
    polls = Archive(layout.archive).poll_ids()
    until = [sum(poll_id <= f"{Archive.stem(night)}-~" for poll_id in polls) for night in nights]
    assert loaded == polls[: until[1]] + polls[: until[0]] + polls[until[0] : until[2]]
    # While another looks back, and after the policy changed, nothing is shared.
    with Warehouse.of(house.world.settings).looking_back():
        loaded.clear()
        compare(house, nights[2], tmp_path / "beside")
    assert loaded == polls[: until[2]]
    other = house.world.settings.model_copy(update={"privacy_keep": frozenset({"prompt"})})
    with Warehouse.of(other).locked():
        assert not layout.past_file.exists()
    assert not Layout.basis_file(layout.past_file).exists()


def test_a_poll_that_had_not_ended_is_not_known(house: Lived, tmp_path: Path) -> None:
    newest = max(house.nights)
    publish_past(house.world.settings, newest - timedelta(microseconds=1), tmp_path / "before")
    last = [row[0] for row in tables(Layout(tmp_path / "before"))["core.polls"]][-1]
    assert last < Archive.stem(newest)


def test_what_cannot_be_made_is_refused_and_leaves_nothing(house: Lived, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"nothing was known on 2026-08-16 at .* the first poll began at 20260817T"):
        publish_past(house.world.settings, START - DAY * HOUR, tmp_path / "early")
    (tmp_path / "taken").mkdir()
    with pytest.raises(BadSettings, match="is there already; name a folder that is not"):
        publish_past(house.world.settings, max(house.nights), tmp_path / "taken")
    empty = house.world.settings.model_copy(update={"warehouse_dir": tmp_path / "no-warehouse"})
    with pytest.raises(BadSettings, match="nothing was polled yet"):
        publish_past(empty, max(house.nights), tmp_path / "none")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_damaged_body_is_named_and_nothing_is_made(house: Lived, tmp_path: Path) -> None:
    archive = Archive(house.world.settings.layout.archive)
    record = archive.poll(archive.poll_ids()[0])
    assert record
    # What was loaded while it was sound stays known.
    remove_begun(house.world.settings.layout.past_file)
    path = archive.bodies.path(record.responses[0])
    sound = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(sound[:20] + b"?????" + sound[25:])
    try:
        with pytest.raises(ArchiveDamaged, match=path.name):
            publish_past(house.world.settings, max(house.nights), tmp_path / "damaged")
    finally:
        path.write_bytes(sound)
    assert list(tmp_path.iterdir()) == []
