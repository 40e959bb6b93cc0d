"""Peer: pandas. `json_normalize` per table, then `insert or replace` from the data frame."""

import json
from typing import Any

import pandas as pd

from benchmarks.peers.flatten import ATTEMPT_NAMES, OPAQUE, RUN_NAMES, TASK
from benchmarks.peers.tables import bodies, connect, replace_upcoming, upsert

NESTED = {"env.id": "env_id", "env.name": "env_name", "schedule.id": "schedule_id", "task.id": "task_id"}


def main() -> None:
    """Arguments: folder of bodies, database file."""
    con = connect()
    for path in bodies():
        tasks = json.loads(path.read_bytes())["tasks"]
        frames = frames_of(tasks)
        con.begin()
        for name in ("tasks", "runs", "attempts", "tags"):
            upsert(con, name, frames[name])
        replace_upcoming(con, frames["upcoming"])
        con.commit()
    con.close()


def frames_of(tasks: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """Return one frame per table."""
    runs = pd.json_normalize(tasks, record_path="recent_runs", meta="id", meta_prefix="task.", max_level=1)
    # max_level also opens the free-form objects: they are taken from the records themselves.
    records = [run for task in tasks for run in task["recent_runs"]]
    for name, column in OPAQUE.items():
        runs[column] = [json.dumps(run[name]) if run.get(name) is not None else None for run in records]
    names = {name: column for name, column in (RUN_NAMES | NESTED).items() if name in runs}
    columns = [*names.values(), *OPAQUE.values()]
    runs = runs.rename(columns=names)[columns].astype(
        {"ttl": "str", "cost_in_cents": "str", "base_cost_in_cents": "str"}
    )
    attempts = pd.json_normalize(
        tasks, record_path=["recent_runs", "attempts"], meta=[["recent_runs", "id"]], max_level=0
    )
    attempts["error"] = attempts["error"].map(json.dumps, na_action="ignore")
    tags = pd.json_normalize(records, record_path="tags", meta="id").rename(columns={0: "tag", "id": "run_id"})
    upcoming = pd.json_normalize(tasks, record_path="upcoming", meta="id")
    return {
        "tasks": pd.DataFrame(tasks)[list(TASK)],
        "runs": runs,
        "attempts": attempts.rename(columns=ATTEMPT_NAMES | {"recent_runs.id": "run_id"}),
        "tags": tags,
        "upcoming": upcoming.rename(columns={0: "tick_at", "id": "task_id"}),
    }


if __name__ == "__main__":
    main()
