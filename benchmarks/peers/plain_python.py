"""Peer: plain Python. pydantic models, rows, Arrow, `insert or replace`; what one writes without a loader."""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel

from benchmarks.peers.flatten import arrow, rows_of
from benchmarks.peers.tables import bodies, connect, replace_upcoming, upsert


class Attempt(BaseModel):
    """One attempt of a run."""

    id: str
    status: str
    createdAt: AwareDatetime
    updatedAt: AwareDatetime
    startedAt: AwareDatetime | None = None
    completedAt: AwareDatetime | None = None
    error: Any = None


class Run(BaseModel):
    """One run, with the fields that the tables keep."""

    id: str
    status: str
    taskIdentifier: str | None = None
    createdAt: AwareDatetime
    updatedAt: AwareDatetime
    startedAt: AwareDatetime | None = None
    finishedAt: AwareDatetime | None = None
    version: str | None = None
    isTest: bool | None = None
    idempotencyKey: str | None = None
    ttl: str | float | None = None
    tags: list[str] | None = None
    costInCents: float | None = None
    baseCostInCents: float | None = None
    durationMs: int | None = None
    depth: int | None = None
    metadata: Any = None
    env: dict[str, Any] | None = None
    triggerFunction: str | None = None
    payload: Any = None
    output: Any = None
    error: Any = None
    schedule: dict[str, Any] | None = None
    relatedRuns: Any = None
    attempts: list[Attempt] | None = None


class Task(BaseModel):
    """One task with its window."""

    id: str
    title: str | None = None
    prompt: str | None = None
    schedule: str | None = None
    account_id: str | None = None
    artist_account_id: str | None = None
    enabled: bool | None = None
    trigger_schedule_id: str | None = None
    recent_runs: list[Run] | None = None
    upcoming: list[datetime] | None = None
    owner_email: str | None = None
    model: str | None = None


class Body(BaseModel):
    """A response."""

    status: str
    tasks: list[Task]


def main() -> None:
    """Arguments: folder of bodies, database file."""
    con = connect()
    for path in bodies():
        body = Body.model_validate_json(path.read_bytes())
        rows = rows_of([task.model_dump() for task in body.tasks])
        con.begin()
        for name in ("tasks", "runs", "attempts", "tags"):
            upsert(con, name, arrow(rows[name]))
        replace_upcoming(con, arrow(rows["upcoming"]))
        con.commit()
    con.close()


if __name__ == "__main__":
    main()
