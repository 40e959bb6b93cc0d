"""The ledger: an incident opens once and closes once, whatever was seen between, and a kill leaves all or nothing."""

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import BadSettings
from pipelines.incidents.ledger import keep_checks, open_ledger, record, transaction
from pipelines.incidents.limits import STANDARD, Limits, read_limits
from pipelines.incidents.observe import Observation
from pipelines.paths import Layout
from pipelines.transform.checks import CheckResult
from tests.support.bodies import NOON

KIND = "task_failing"
DAY = timedelta(days=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with open_ledger(Layout(tmp_path)) as con:
        yield con


def seen(measure: float | None, subject: str = "t") -> Observation:
    return Observation(KIND, subject, "Weekly digest", measure, f"{measure} failures", "complete", "select 1")


def look(con: sqlite3.Connection, day: int, *found: Observation, limits: Limits | None = None) -> None:
    with transaction(con):
        record(con, found, kinds=[KIND], limits=limits or read_limits(None), sinks=["file-1"], now=NOON + day * DAY)


def rows(con: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in con.execute(query)]


def events(con: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return rows(con, "select event from messages order by created_at, event desc")


def test_it_opens_goes_on_and_closes_with_one_message_each(ledger: sqlite3.Connection) -> None:
    for day, measure in enumerate((0, 2, 3, 5, 4, 0, 0)):
        look(ledger, day, seen(measure))
    columns = "state, seen_count, measure, most_measured, substr(opened_at, 9, 2), substr(closed_at, 9, 2)"
    assert rows(ledger, f"select {columns} from incidents") == [("recovered", 3, 4.0, 5.0, "22", "25")]
    assert events(ledger) == [("opened",), ("closed",)]


def test_what_nobody_can_tell_closes_nothing_and_opens_nothing(ledger: sqlite3.Connection) -> None:
    look(ledger, 0, seen(None))
    assert rows(ledger, "select * from incidents") == []
    look(ledger, 1, seen(3))
    look(ledger, 2, seen(None))
    look(ledger, 3)
    assert rows(ledger, "select state, closed_at from incidents") == [("cannot_tell", None)]
    look(ledger, 4, seen(3))
    assert rows(ledger, "select state, seen_count from incidents") == [("open", 2)]
    assert events(ledger) == [("opened",)]


def test_a_ledger_of_an_older_version_keeps_what_it_has(tmp_path: Path) -> None:
    old = CheckResult("rule", ("core", "runs"), "error", True, 0, "A failing row")
    with open_ledger(Layout(tmp_path)) as con:
        keep_checks(con, [old], NOON)
        con.execute("alter table check_results drop column snapshot_number")
    with open_ledger(Layout(tmp_path)) as con:
        keep_checks(con, [old], NOON + DAY, snapshot_number=8)
        found = rows(con, "select name, snapshot_number from check_results order by checked_at")
        assert found == [("rule", None), ("rule", 8)]


def test_a_trouble_that_comes_back_is_another_incident(ledger: sqlite3.Connection) -> None:
    for day, measure in enumerate((3, 0, 3)):
        look(ledger, day, seen(measure))
    assert rows(ledger, "select state from incidents order by opened_at") == [("recovered",), ("open",)]
    assert rows(ledger, "select count(distinct message_key) from messages") == [(3,)]


def test_a_new_sink_is_told_of_what_is_open_and_never_of_an_end_alone(ledger: sqlite3.Connection) -> None:
    def told_to(*sinks: str, day: int, a: int, b: int) -> None:
        found, limits = [seen(a, "a"), seen(b, "b")], read_limits(None)
        with transaction(ledger):
            record(ledger, found, kinds=[KIND], limits=limits, sinks=sinks, now=NOON + day * DAY)

    told_to(day=0, a=3, b=3)
    told_to("early", day=1, a=3, b=3)
    told_to("early", "late", day=2, a=3, b=0)
    told_to("late", day=3, a=0, b=0)
    query = "select sink, subject, event from messages join incidents using (incident_id) order by created_at, subject"
    assert rows(ledger, query) == [
        *[("early", subject, "opened") for subject in "ab"],
        ("late", "a", "opened"),
        ("early", "b", "closed"),
        ("late", "a", "closed"),
    ]


def test_the_same_look_twice_changes_no_message(ledger: sqlite3.Connection) -> None:
    for day in (0, 0, 1, 1):
        look(ledger, day, seen(3 - 3 * day))
    assert events(ledger) == [("opened",), ("closed",)]


def test_a_limit_of_its_own_and_off(ledger: sqlite3.Connection, tmp_path: Path) -> None:
    own = tmp_path / "limits.yml"
    own.write_text("task_failing: {limit: 3, subjects: {patient: 6, quiet: off}}")
    subjects = [seen(5, "t"), seen(5, "patient"), seen(5, "quiet")]
    look(ledger, 0, *subjects, limits=read_limits(own))
    assert rows(ledger, "select subject from incidents") == [("t",)]
    runs = [replace(seen(5, name), task_id="patient") for name in ("run", "odd")]
    own.write_text("task_failing: {limit: 3, subjects: {patient: 6, odd: 4}}")
    look(ledger, 1, *runs, replace(seen(7, "long"), task_id="patient"), seen(5), limits=read_limits(own))
    assert rows(ledger, "select subject from incidents order by 1") == [("long",), ("odd",), ("t",)]
    own.write_text("task_failing: {limit: off}")
    look(ledger, 2, *subjects, limits=read_limits(own))
    query = "select state, cause from incidents where subject = 't'"
    assert rows(ledger, query) == [("recovered", "this kind was switched off for it")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task_faling: {limit: 3}", "no kind of incident called task_faling"),
        ("task_failing: {limit: many}", "task_failing.limit: must be a number above 0, or off"),
        ("task_failing: {limit: 0}", "must be a number above 0, or off"),
        ("task_failing: {limit: .nan}", "must be a number above 0, or off"),
        ("task_failing: {limit: 3, subjects: {a: -1}}", "task_failing.subjects.a: must be"),
        ("task_failing: {limt: 3}", "task_failing"),
        ("task_failing: {limit: on}", "task_failing"),
        ("a: [", "is no YAML"),
        ("just words", "the whole file"),
        (None, "cannot be read"),
    ],
)
def test_a_bad_file_of_limits_is_named_with_its_place(tmp_path: Path, text: str | None, said: str) -> None:
    own = tmp_path / "limits.yml"
    if text is not None:
        own.write_text(text)
    with pytest.raises(BadSettings, match=said):
        read_limits(own)
    assert STANDARD.exists()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_killed_looks_change_nothing_and_the_next_one_makes_up_for_them(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    days = [{s: dice.choice([0, 0, 3, None]) for s in "abcd"} for _ in range(15)]
    expected = [(subject, event) for subject in "abcd" for event in changes([day[subject] for day in days])]
    for day, measures in enumerate(days):
        found = [seen(measure, subject) for subject, measure in measures.items()]
        for is_killed in (True, True, False):
            with open_ledger(Layout(tmp_path)) as con:
                before = list(con.iterdump())
                try:
                    with transaction(con):
                        cut = dice.randrange(5) if is_killed else len(found)
                        record(con, dying_after(found, cut, is_killed), kinds=[KIND], limits=read_limits(None),
                               sinks=["file-1"], now=NOON + day * DAY)  # fmt: skip
                except KeyboardInterrupt:
                    assert list(con.iterdump()) == before
    with open_ledger(Layout(tmp_path)) as con:
        told = rows(con, "select subject, event from messages join incidents using (incident_id)")
    assert sorted(told) == sorted(expected)
    assert len(expected) > 8


def changes(measures: list[int | None]) -> Iterator[str]:
    is_open = False
    for measure in measures:
        if measure is not None and (measure >= 3) != is_open:
            is_open = not is_open
            yield "opened" if is_open else "closed"


def dying_after(found: list[Observation], count: int, is_killed: bool) -> Iterator[Observation]:
    yield from found[:count]
    if is_killed:
        raise KeyboardInterrupt
