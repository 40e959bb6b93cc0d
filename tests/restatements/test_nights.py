"""Nights in which every cause occurs, through the real client, archive, load, build and publish.

Two occur by the marks that a poll would leave. Between any two nights the causes add up, and nothing is unexplained.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations, product
from pathlib import Path
from random import Random

import duckdb
import pytest

from pipelines.clock import fixed
from pipelines.database.connection import Connection, Warehouse, open_published
from pipelines.load.rebuild import rebuild
from pipelines.publish.publisher import publish
from pipelines.restatements import compare, confirm
from pipelines.settings import PrivateColumn
from pipelines.simulator import Fault, Fleet, Lateness, SimTask
from pipelines.transform.build import build
from pipelines.transform.checks import run_checks
from pipelines.transform.model import Model
from tests.proof.world import DAY, HOUR, World
from tests.support.day_history import KEYS
from tests.support.restated import Numbers, prove_between, told_numbers
from tests.support.simulator_helpers import PART
from tests.support.warehouse_builder import models

START = datetime(2026, 9, 1, tzinfo=UTC)
NIGHTS = 90 if PART >= 1 else 16
ID = "0a81abcb-50cc-411b-935c-b2a9ba4ae62{}"
EVENING = SimTask(task_id=ID.format(1), cron="50 23 * * *", duration_ms=(3_600_000, 5_400_000), mix={"failed": 0.4})
LATE = SimTask(task_id=ID.format(2), cron="45 23 * * *", lateness=Lateness(late_ratio=1.0, late_s=(3600, 7200)))
HOURLY = SimTask(task_id=ID.format(3), cron="0 * * * *", mix={"failed": 0.3})
DOOMED = SimTask(task_id=ID.format(4), cron="0 * * * *", deleted_at=START + 5 * DAY + 23 * HOUR)
# As a poll leaves it: no answer of the simulator tells a cost anew, or gives a run to another task.
BY_HAND = {
    9: "update core.runs set details_observed_at = updated_at + interval 9 days, compute_cents = compute_cents + 1, "
    "total_cents = total_cents + 1 where run_id = (select min(run_id) from core.runs where is_final)",
    10: f"update core.runs set task_id = '{ID.format(3)}' where run_id = (select min(run_id) from core.runs "
    f"where task_id = '{ID.format(1)}' and is_final)",
}
EVERY_CAUSE = {
    "late_status", "fetched_detail", "late_run", "recovered_run", "new_gap", "healed_gap", "deletion", "moved_task",
    "zone_setting", "edited_sql", "product_version", "lost_poll",
}  # fmt: skip


@dataclass
class Published:
    """A world, and what each of its copies told."""

    world: World
    copies: dict[int, Numbers] = field(default_factory=dict)

    def publish(self, at: datetime, chosen: Sequence[Model] = models()) -> set[str]:
        """Publish, and return which causes the copy tells."""
        world = self.world
        world.con.close()

        def prepare(con: Connection) -> None:
            build(con, models=chosen, as_of=at, reporting_timezone=world.settings.reporting_timezone, only=KEYS)
            compare(con, world.settings.layout, chosen, fixed(at))

        def audit(con: Connection) -> None:
            found = run_checks(con, models(), only={("core", "restatements"), ("core", "publishes")})
            assert [check for check in found if not check.passed] == []

        publish(Warehouse.of(world.settings), kept=2, clock=fixed(at), prepare=prepare, audit=audit)
        confirm(world.settings.layout)
        with closing(open_published(world.settings.layout)) as con:
            self.copies[len(self.copies) + 1] = told_numbers(con)
            newest = "publish_number = (select max(publish_number) from core.publishes)"
            told = {row[0] for row in con.execute(f"select cause from core.restatements where {newest}").fetchall()}
            assert con.execute(f"select compared_with from core.publishes where {newest}").fetchall() == [
                (len(self.copies) - 1 or None,)
            ]
        world.con = world._connect()
        return told

    def by_hand(self, change: str) -> None:
        self.world.con.execute(change)

    def lose_a_poll(self) -> None:
        """Lose the fourth poll from the archive, and say so."""
        lost = self.world.archive.ledger(self.world.archive.poll_ids()[3])
        self.rebuild(lost)

    def rebuild(self, lost: Path | None = None) -> None:
        if lost:
            lost.unlink()
        self.world.con.close()
        rebuild(self.world.settings, accept_loss=lost is not None)
        self.world.con = self.world._connect()

    def set(self, **settings: object) -> None:
        self.world.settings = self.world.settings.model_copy(update=settings)

    def age_the_copy(self) -> None:
        """Let the copy be one that an older version made."""
        file = self.world.settings.layout.published_file.resolve()
        file.chmod(0o644)
        with duckdb.connect(str(file)) as con:
            con.execute("update core.publishes set program = '0.0.1, DuckDB 1.4.0'")


def lived(folder: Path) -> Published:
    world = World(Fleet([EVENING, LATE, HOURLY, DOOMED], seed=3, start=START), START, folder, details="auto")
    house = Published(world)
    house.set(details_per_poll=4)
    for night in (6, *range(13, NIGHTS, 7)):
        world.simulator.add_fault(
            Fault(kind="server_error", from_at=START + night * DAY, to_at=START + night * DAY + HOUR)
        )
    # A run that cannot be read, neither in the window nor by its id, counts as missing until the next whole window.
    for night, kind in product(range(7, NIGHTS, 5), ("bad_status", "runs_refused")):
        world.simulator.add_fault(Fault(kind=kind, from_at=START + night * DAY, to_at=START + night * DAY + HOUR))
    return house


def counts_one_more() -> list[Model]:
    """Return the models with edited SQL: a day has one run more."""
    spoiled = "select * replace (run_count + 1 as run_count) from ({})"
    return [replace(one, sql=spoiled.format(one.sql)) if one.name == "task_day_facts" else one for one in models()]


@pytest.mark.slow
def test_every_cause_occurs_and_any_two_nights_add_up(tmp_path: Path) -> None:
    house, causes = lived(tmp_path), set[str]()
    for night in range(1, NIGHTS + 1):
        at = START + night * DAY + HOUR / 2
        house.world.poll(at - DAY / 2)
        house.world.poll(at)
        if night == 4:
            house.lose_a_poll()
        if night in (11, 13):
            house.set(reporting_timezone={11: "America/New_York", 13: "UTC"}[night])
        if night == 15:
            house.age_the_copy()
        house.by_hand(BY_HAND.get(night, "select 1"))
        causes |= house.publish(at, counts_one_more() if night in (8, 15) else models())
    assert causes == EVERY_CAUSE
    with closing(open_published(house.world.settings.layout)) as con:
        pairs = [*combinations(house.copies, 2)]
        for one, other in Random(1).sample(pairs, min(len(pairs), 400)):
            prove_between(con, house.copies, one, other)


@pytest.mark.slow
def test_edited_sql_is_told_as_such_and_nothing_else_and_privacy_restates_nothing(tmp_path: Path) -> None:
    house = lived(tmp_path)
    for night in (1, 2):
        house.world.poll(START + night * DAY + HOUR / 2)
    at = START + 2 * DAY + HOUR
    house.publish(at)
    assert house.publish(at + HOUR, counts_one_more()) == {"edited_sql"}
    assert house.publish(at + 2 * HOUR) == {"edited_sql"}, "and back"
    house.set(privacy_keep=frozenset({PrivateColumn("prompt"), PrivateColumn("payload")}))
    house.rebuild()
    assert house.publish(at + 3 * HOUR) == set()
