"""task_health reads the past only of tasks that ninety days do not tell: it says what reading all of it says."""

import random
from datetime import timedelta

from tests.support.warehouse_builder import NOW, WarehouseBuilder, model

OUTCOMES = ["succeeded", "failed", "failed", "failed", "cancelled", "in_flight"]
# Oldest first: what lies before the ninety days, and what lies in them.
EDGES = [
    (["succeeded"], ["failed"] * 9),
    (["failed"] * 3, ["failed", *["succeeded"] * 5]),
    (["failed"] * 3, ["failed", *["succeeded"] * 6]),
    (["failed"], []),
]


def test_what_is_left_unread_changes_nothing() -> None:
    dice, house = random.Random(11), WarehouseBuilder()
    for number in range(80):
        task_id, ids = f"t{number:02}", list[str]()
        for each in range(dice.choice([0, 3, 6, 7, 8, 9, 12])):
            ids.append(f"{task_id}_{each:02}")
            # Some at one instant, most around the border of ninety days.
            created_at = NOW - timedelta(days=dice.choice([1, 20, 60, 89, 90, 91, 120, 300]), hours=dice.randint(-1, 1))
            outcome, is_test = dice.choice(OUTCOMES), dice.random() < 0.1
            house.run(ids[-1], task_id, created_at=created_at, outcome=outcome, is_test=is_test)
        house.task(task_id, observed_until_at=NOW, window_run_ids=ids[-5:])
    for number, (past, recent) in enumerate(EDGES):
        for each, outcome in enumerate([*past, *recent]):
            days = 100 if each < len(past) else 50
            created_at = NOW - timedelta(days=days) + timedelta(hours=each)
            house.run(f"e{number}_{each:02}", f"edge{number}", created_at=created_at, outcome=outcome)
        house.task(f"edge{number}", observed_until_at=NOW)
    house.build()
    sql = model("task_health").sql
    whole = sql.replace("interval 2160 hours", "interval 2160000 hours")
    assert whole.count("interval 2160000 hours") == 2
    assert house.query("select count(distinct (state, failure_streak_count)) > 5 from marts.task_health") == [(True,)]
    for these, those in (("from marts.task_health", f"({whole})"), (f"({whole})", "from marts.task_health")):
        assert house.query(f"from ({these} except all {those})") == []
