"""The first look (msgspec) accepts what the contract (pydantic) accepts; what it refuses is read with care.

Every field, every kind of error, then bytes at random. What odd values cost is tested in tests/intake.
"""

import copy
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any

import pytest
from annotated_types import MultipleOf
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from typing_extensions import is_typeddict

from pipelines.recoup import contract, fast_contract
from pipelines.recoup.endpoints import Kind
from pipelines.recoup.gate import gate
from tests.support.bodies import EXAMPLES, NOON, iso, run, task

ATTEMPT = {"id": "attempt_1", "status": "FAILED", "createdAt": iso(NOON), "updatedAt": iso(NOON)}
FULL_ATTEMPT = ATTEMPT | {"startedAt": iso(NOON), "completedAt": iso(NOON), "error": {"message": "no"}}
INSTANTS = ("startedAt", "finishedAt", "delayedUntil", "expiredAt")
TEXTS = (
    "taskIdentifier", "idempotencyKey", "version", "taskKind", "region", "triggerFunction", "batchId",
)  # fmt: skip
FLAGS = ("isTest", "isQueued", "isExecuting", "isWaiting", "isCompleted", "isSuccess", "isFailed", "isCancelled")
OPAQUE = (
    "metadata", "payload", "output", "payloadPresignedUrl", "outputPresignedUrl", "error", "relatedRuns", "title",
    "email_subject",
)  # fmt: skip
PLAIN_FIELDS: dict[str, Any] = {
    **dict.fromkeys(INSTANTS, iso(NOON)), **dict.fromkeys(TEXTS, "t"), **dict.fromkeys(FLAGS, True),
    **dict.fromkeys(OPAQUE, {"a": [1, None]}),
}  # fmt: skip
FULL_RUN = run(
    **PLAIN_FIELDS, ttl="10m", attemptCount=1, attempts=[FULL_ATTEMPT],
    env={"id": "e", "name": "prod", "user": {"name": "x"}},
    schedule={
        "id": "s", "externalId": "x", "deduplicationKey": "d",
        "generator": {"type": "CRON", "expression": "0 9 * * *", "description": "at nine"},
    },
)  # fmt: skip
FULL_TASK: dict[str, Any] = task(
    runs=[FULL_RUN, run("run_2")], model="m", upcoming=[iso(NOON + timedelta(days=1))], last_run=iso(NOON),
    next_run=iso(NOON), trigger_lookup_failed=False, artist_name="a",
)  # fmt: skip

# Raw JSON of every kind, and what is near the edges of the contract.
KINDS = [
    *(b"null true false 0 -0 1 -1 1.0 0.5 1e3 -0.0 1e12 1000000000001 1e15 1.1e15 2147483647 2147483648 -1e-9".split()),
    *(b'"" "x" "1" "0.5" "true" [] {} [1] {"a":1} [null] [{}] NaN Infinity -Infinity 1e400 01 1. nul'.split()),
    b"1" * 40, b"1" * 5000, b"[" * 120 + b"]" * 120, b"[" * 180 + b"]" * 180, b"[" * 250 + b"]" * 250,
    b'"%b"' % (b"x" * 512), b'"%b"' % (b"x" * 513), '"é\u2028\U0001f600"'.encode(), '"\u00e9"'.encode("latin-1"),
    b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\\x"', b'"a\tb"', b'"\\u0000"', b'{"a":1,"a":2}', b'{"\xff":1}',
    *(
        b'"%b"' % instant.encode()
        for instant in (
            "2026-01-01", "2026-01-01T00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00+02:00", "2026-01-01T00:00:00+0200",
            "2026-01-01T00:00:00+24:00", "2026-01-01T24:00:00Z", "2026-02-29T00:00:00Z", "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59.9999999Z", "2026-01-01t00:00:00z", "20260101T000000Z", "1767225600", "yesterday",
        )
    ),
]  # fmt: skip


TASK, RUN = fast_contract.CLOSED[contract.Task], fast_contract.CLOSED[contract.Run]


def accepts(raw: bytes) -> bool:
    try:
        contract.adapter(contract.Task).validate_json(raw)
    except ValidationError:
        return False
    return True


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in inner:
        yield from places(part, (*place, step))


def encoded(value: dict[str, Any], place: tuple[Any, ...], raw: bytes | None) -> bytes:
    """The task as JSON with one value replaced (by raw JSON), or taken out (None)."""
    changed = json.loads(json.dumps(value))  # in which nothing is shared
    inner: Any = changed
    for step in place[:-1]:
        inner = inner[step]
    if raw is None:
        del inner[place[-1]]
        return json.dumps(changed).encode()
    inner[place[-1]] = "<here>"
    return json.dumps(changed).encode().replace(b'"<here>"', raw)


PLACES = sorted(places(FULL_TASK), key=str)


def test_the_sample_holds_every_field_of_the_contract() -> None:
    def fields(declared: Any) -> set[str]:
        return set(declared.__annotations__)

    first = FULL_TASK["recent_runs"][0]
    assert fields(contract.Task) == set(FULL_TASK)
    assert fields(contract.Run) == set(first)
    assert fields(contract.Attempt) == set(first["attempts"][0])
    assert fields(contract.Env) == set(first["env"])
    assert fields(contract.Schedule) == set(first["schedule"])
    assert fields(contract.Generator) == set(first["schedule"]["generator"])
    own = [value for value in vars(contract).values() if is_typeddict(value) and value.__module__ == contract.__name__]
    assert {value.__name__ for value in own} == {"Task", "Run", "Attempt", "Env", "Schedule", "Generator"}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_both_agree_on_every_field_and_kind_of_value(place: tuple[Any, ...]) -> None:
    for raw in (None, *KINDS):
        body = encoded(FULL_TASK, place, raw)
        passed, accepted = fast_contract.passes(body, TASK), accepts(body)
        assert accepted or not passed, (place, raw)
        if accepted and not passed:
            assert is_converted(raw), f"{place}: {raw!r} should not need pydantic"


def is_converted(raw: bytes | None) -> bool:
    """What pydantic takes although it is not quite of the type, or not quite JSON; there the second opinion counts."""
    numbers_in_other_clothes = {b"NaN", b"Infinity", b"-Infinity", b"1e400"}
    loose_instants = {b'"2026-01-01T00:00Z"', b'"9999-12-31T23:59:59.9999999Z"', b'"1767225600"'}
    long_ones = {b"[" * 180 + b"]" * 180, b"1" * 40}
    return raw in numbers_in_other_clothes | loose_instants | long_ones


def test_an_unknown_key_anywhere_is_seen() -> None:
    for place in [(), *(p for p in PLACES if isinstance(at(FULL_TASK, p), dict))]:
        changed = copy.deepcopy(FULL_TASK)
        at(changed, place)["novelty"] = 1
        body = json.dumps(changed).encode()
        assert fast_contract.passes(body, TASK) == accepts(body)


def at(value: Any, place: tuple[Any, ...]) -> Any:
    for step in place:
        value = value[step]
    return value


SAMPLE = json.dumps(FULL_TASK).encode()
edits = st.lists(
    st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 3), st.binary(min_size=0, max_size=3)),
    min_size=1,
    max_size=3,
)


@settings(max_examples=80 * EXAMPLES, deadline=None)
@given(edits)
def test_no_damage_to_the_bytes_passes_that_pydantic_refuses(damage: list[tuple[int, int, bytes]]) -> None:
    body = SAMPLE
    for start, length, put in damage:
        body = body[:start] + put + body[start + length :]
    assert accepts(body) or not fast_contract.passes(body, TASK), body


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=60 * EXAMPLES, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), json_values), min_size=1, max_size=3))
def test_the_gate_decides_as_pydantic_alone_does(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    changed = copy.deepcopy(FULL_TASK)
    for place, value in changes:
        try:
            at(changed, place[:-1])[place[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    raws = [(0, json.dumps(changed).encode()), (1, SAMPLE)]
    with pytest.MonkeyPatch.context() as patch:
        quick = gate(raws, Kind.TASKS, NOON)
        patch.setattr(fast_contract, "passes", lambda raw, decoder: False)
        careful = gate(raws, Kind.TASKS, NOON)
    assert [passed.index for passed in quick.passed] == [passed.index for passed in careful.passed]
    assert (quick.rejects, quick.unknown_keys) == (careful.rejects, careful.unknown_keys)


def test_runs_are_looked_at_the_same_way() -> None:
    for name in FULL_RUN:
        for raw in (None, *KINDS):
            body = encoded(FULL_RUN, (name,), raw)
            if fast_contract.passes(body, RUN):
                contract.adapter(contract.Run).validate_json(body)


def test_a_limit_that_is_not_translated_yet_is_refused_at_import() -> None:
    types = fast_contract._Types(is_closed=True)
    with pytest.raises(TypeError, match="no msgspec constraint"):
        types.of(Annotated[int, MultipleOf(2)])
    with pytest.raises(TypeError, match="no msgspec type"):
        types.of(bytes)
    assert TypeAdapter(Annotated[int, MultipleOf(2)]).validate_json(b"4") == 4
