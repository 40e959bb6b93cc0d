"""A fuzzer that knows the shapes: thousands of damaged bodies, and what must hold whatever is in them.

Seeds are fixed, so a failure comes again. What is right for single values is in test_odd_values.py.
"""

import json
import os
import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines.recoup import fast_contract
from pipelines.recoup.redaction import is_harmless
from pipelines.transform.build import build
from pipelines.transform.load_models import load_models
from tests.support.bodies import NOON, LoadHarness, iso, run, task

BODIES_A_POLL = 50
# Of 250 bodies each; CI tries fewer, since every odd body costs what planning a poll does.
SEEDS = range(int(os.environ.get("RECOUP_FUZZ_SEEDS", "20")))
HOUR = timedelta(hours=1)
VALUES = [
    b"null", b"true", b"0", b"-1", b"1e3", b"0.12345678901234567891", b"1e400", b"NaN", b'""', b'"x"', b'"a b@c.example"',
    b"[]", b"{}", b"[null]", b'{"id":1}', b'"\\ud83c"', b'"\\u0000"', b'"\xff"', b"[" * 1500 + b"]" * 1500, b"7" * 30,
    b'"2026-08-20T09:00Z"', b'"2026-08-20t09:00:00z"', b'"2126-01-01T00:00:00Z"', b'"1970-01-01T00:00:00Z"',
    b'"0001-01-01T00:00:00+14:00"', b'"9999-12-31T23:59:59-12:00"', b'"2026-08-20"', b'"1787216400"', b'"yesterday"',
]  # fmt: skip
ATTEMPT = {"status": "FAILED", "createdAt": iso(NOON), "updatedAt": iso(NOON), "error": {"message": "no", "name": "E"}}
DETAILS: dict[str, Any] = {
    "attemptCount": 2, "triggerFunction": "trigger", "payload": {"externalId": "x", "upcoming": [iso(NOON)]},
    "error": {"message": "it failed", "name": "E", "stackTrace": "at x"}, "metadata": {"sessionId": "s", "n": [1, 2]},
    "schedule": {"id": "sched", "externalId": "x", "generator": {"type": "CRON", "expression": "0 9 * * *"}},
    "relatedRuns": {"children": []}, "batchId": "b", "output": {"ok": True},
}  # fmt: skip


def sound_task(name: str, chance: random.Random) -> dict[str, Any]:
    """A task in the live or in the documented shape, with a window of its own."""
    runs = []
    for number in range(chance.randrange(1, 5)):
        one = run(f"run_{name}_{number}", NOON - number * HOUR, costInCents=chance.randrange(10**6) / 10**4)
        if chance.random() < 0.5:
            attempts = [ATTEMPT | {"id": f"attempt_{name}_{number}_{each}"} for each in range(2)]
            one |= DETAILS | {"attempts": attempts}
        runs.append(one)
    return task(f"task_{name}", runs, upcoming=[iso(NOON + HOUR)], artist_name="Band", last_run=iso(NOON))


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in inner:
        yield (*place, step)
        yield from places(part, (*place, step))


def damaged(one: dict[str, Any], chance: random.Random) -> bytes:
    """The task as JSON after one to three changes: a value of another kind, a key gone, twice, or a new one."""
    marks: dict[str, bytes] = {}
    for number in range(chance.randrange(1, 4)):
        place = chance.choice(list(places(one)))
        owner: Any = one
        for step in place[:-1]:
            owner = owner[step]
        kind, mark = chance.randrange(5), f"<mark {number}>"
        if kind == 0 and isinstance(owner, dict):
            del owner[place[-1]]
        elif kind == 1 and isinstance(owner, dict):
            owner[f"novelty{number}"] = mark
            marks[mark] = chance.choice(VALUES)
        else:
            twice = json.dumps(owner[place[-1]]).encode() if kind == 2 and isinstance(owner, dict) else None
            value = chance.choice(VALUES)
            owner[place[-1]] = mark
            marks[mark] = value if twice is None else value + b',"%b":%b' % (str(place[-1]).encode(), twice)
    raw = json.dumps(one).encode()
    for mark, value in marks.items():
        raw = raw.replace(json.dumps(mark).encode(), value)
    return raw


def bodies_of(seed: int, count: int) -> list[bytes]:
    chance = random.Random(seed)
    found = []
    for number in range(count):
        name = f"{seed}_{number}"
        tasks = [damaged(sound_task(name, chance), chance), json.dumps(sound_task(f"{name}_sound", chance)).encode()]
        content = b'{"status":"success","tasks":[%b]}' % b",".join(tasks)
        if chance.random() < 0.05:
            content = content[: chance.randrange(len(content))]
        found.append(content)
    return found


def parsed(content: bytes) -> list[Any]:
    """What a lenient reader sees: of a repeated key the last, money as it was written. Nothing where it sees nothing."""
    try:
        answer = json.loads(content.decode("utf-8", "replace"), strict=False, parse_float=Decimal)
    except (ValueError, RecursionError):
        return []
    tasks = answer.get("tasks")
    return tasks if isinstance(tasks, list) else []


def plain_id(value: Any) -> str | None:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and is_harmless(found) else None


def runs_in(content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in parsed(content):
        window = each.get("recent_runs") if isinstance(each, dict) else None
        for one in window if isinstance(window, list) else []:
            if (name := plain_id(one)) is not None:
                yield name, one


def loaded(folder: Path, bodies: list[bytes]) -> LoadHarness:
    harness = LoadHarness(folder)
    for start in range(0, len(bodies), BODIES_A_POLL):
        at = NOON + start * timedelta(seconds=1)
        harness.load(harness.archive_poll(at, *bodies[start : start + BODIES_A_POLL], is_full_scope=False))
    return harness


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_in_a_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    bodies = bodies_of(seed, 250)
    harness = loaded(tmp_path / "fast", bodies)
    kept = {row["run_id"]: row for row in harness.rows("from core.runs")}
    told = {row["run_id"] for row in harness.rows("from core.quarantine where run_id is not null")}
    for content in bodies:
        for name, one in runs_in(content):
            assert name in kept or name in told, (name, content)
            cost = one.get("costInCents")
            if name.startswith("run_") and name in kept and isinstance(cost, Decimal) and 0 <= cost <= 10**12:
                assert kept[name]["compute_cents"] == pytest.approx(cost, rel=Decimal("1e-15")), (name, content)
    assert harness.one("select count(*) from core.tasks where task_id like '%sound'") == sum(
        content.endswith(b"]}") for content in bodies
    )
    called_complete = """
        select o.task_id
        from core.task_observations as o
        inner join core.quarantine as q
            on q.poll_id = o.poll_id
            and q.task_id = o.task_id
        where q.level = 'run'
            and o.verdict not in ('rejected', 'unknown')
    """
    assert harness.rows(called_complete) == []
    assert harness.replay().dump() == harness.dump()
    monkeypatch.setattr(fast_contract, "passes", lambda raw, decoder: False)
    careful = loaded(tmp_path / "careful", bodies)
    assert careful.dump("polls", "responses") == harness.dump("polls", "responses")
    bounded_build(harness)


def bounded_build(harness: LoadHarness) -> None:
    build(harness.con, models=load_models(), as_of=NOON + 24 * HOUR, reporting_timezone="UTC")
    assert harness.one("select count(*) from marts.fleet_daily") <= 3 * 366 + 3
    most_of_a_task = "select max(n) from (select count(*) as n from core.expected_ticks group by task_id)"
    assert (harness.one(most_of_a_task) or 0) <= 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_no_damage_marks_a_task_deleted_that_the_body_named(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    sound = [sound_task(f"{number}", chance) for number in range(20)]
    harness = LoadHarness(tmp_path)
    harness.poll(NOON, sound)
    damaged_ones = [damaged(one, chance) if chance.random() < 0.3 else json.dumps(one).encode() for one in sound]
    content = b'{"status":"success","tasks":[%b]}' % b",".join(damaged_ones)
    harness.load(harness.archive_poll(NOON + HOUR, content))
    named = [plain_id(one) for one in parsed(content)]
    gone = {row["task_id"] for row in harness.rows("from core.tasks where deleted_at is not null")}
    assert not gone & set(named)
    assert not gone or None not in named, "one without an id may be any task"
