"""Upsert, versions and replay, over any observations: what holds for examples in test_load.py holds for all."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bodies import ACCOUNT, NOON, LoadHarness, few, iso, run, task

HOUR = timedelta(hours=1)

maybe = st.sampled_from([..., None, "a", "b"])
observations = st.lists(
    st.fixed_dictionaries(
        {"updatedAt": st.integers(0, 3), "version": maybe, "region": maybe, "ttl": maybe, "idempotencyKey": maybe}
    ),
    min_size=1,
    max_size=5,
)


def _observed(observation: dict[str, Any]) -> dict[str, Any]:
    return observation | {"updatedAt": iso(NOON + observation["updatedAt"] * HOUR)}


@few
@given(observations)
def test_upsert_equals_a_fold_in_python(tmp_path_factory: pytest.TempPathFactory, seen: list[dict[str, Any]]) -> None:
    harness = LoadHarness(tmp_path_factory.mktemp("fold"))
    known: dict[str, Any] = {}
    stamp = -1
    for number, observation in enumerate(seen):
        harness.poll(NOON + number * HOUR, [task(runs=[run(**_observed(observation))], title=str(number))])
        told = {k: v for k, v in observation.items() if k != "updatedAt" and v is not None and v is not ...}
        known = known | told if observation["updatedAt"] >= stamp else told | known
        stamp = max(stamp, observation["updatedAt"])
    row = harness.rows('select version, region, ttl, idempotency_key as "idempotencyKey" from core.runs')[0]
    assert {name: value for name, value in row.items() if value is not None} == known


configs = st.lists(
    st.tuples(
        st.sampled_from(["0 9 * * *", "0 * * * *"]),
        st.sampled_from([None, "m1", "m2"]),
        st.sampled_from([True, False, None]),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.slow
@few
@given(configs)
def test_versions_neither_overlap_nor_leave_holes(
    tmp_path_factory: pytest.TempPathFactory, seen: list[tuple[Any, ...]]
) -> None:
    harness = LoadHarness(tmp_path_factory.mktemp("scd2"))
    for number, (schedule, model, enabled, present) in enumerate(seen):
        mine = [task(schedule=schedule, model=model, enabled=enabled)] if present or number == 0 else []
        harness.poll(NOON + number * HOUR, [*mine, task("other")])
    versions = harness.rows("from core.task_versions where task_id = 'task_1' order by version_number")
    assert [v["version_number"] for v in versions] == list(range(1, len(versions) + 1))
    assert sum(v["is_current"] for v in versions) == 1
    for earlier, later in zip(versions, versions[1:], strict=False):
        assert earlier["valid_from"] < earlier["valid_to"] <= later["valid_from"]
        if later["changed_columns"]:
            assert earlier["valid_to"] == later["valid_from"], "a change opens where the last version ended"
    number = max(n for n, config in enumerate(seen) if config[3] or n == 0)
    last = versions[-1]
    expected = (seen[number][0], seen[number][1], seen[number][2] is not False)
    assert (last["schedule"], last["model"], last["is_enabled"]) == expected


@few
@given(st.data())
def test_a_replay_of_the_archive_gives_identical_tables(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    harness = LoadHarness(tmp_path_factory.mktemp("replay"))
    for number in range(data.draw(st.integers(1, 4))):
        runs = [run(f"run_{n}", NOON - n * HOUR, **_observed(o)) for n, o in enumerate(data.draw(observations))]
        harness.poll(NOON + number * HOUR, [task(runs=runs), task("task_2", account_id=ACCOUNT)])
    assert harness.replay().dump() == harness.dump()
