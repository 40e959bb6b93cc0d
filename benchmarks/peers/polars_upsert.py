"""Peer: polars. `read_json` with a schema, explode and unnest per table, then `insert or replace` from the frame."""

import polars as pl

from benchmarks.peers.flatten import ATTEMPT_NAMES, OPAQUE, RUN_NAMES, TASK
from benchmarks.peers.tables import bodies, connect, replace_upcoming, upsert

TEXT = pl.String
ERROR = pl.Struct({"message": TEXT, "name": TEXT, "stackTrace": TEXT})
ATTEMPT = pl.Struct(
    dict.fromkeys(("id", "status", "createdAt", "updatedAt", "startedAt", "completedAt"), TEXT) | {"error": ERROR}
)
RUN = pl.Struct(
    dict.fromkeys(
        (
            "id", "status", "taskIdentifier", "createdAt", "updatedAt", "startedAt", "finishedAt", "version",
            "idempotencyKey", "ttl", "triggerFunction", "costInCents", "baseCostInCents",
        ),
        TEXT,
    )
    | {
        "isTest": pl.Boolean,
        "durationMs": pl.Int64,
        "depth": pl.Int32,
        "tags": pl.List(TEXT),
        "env": pl.Struct({"id": TEXT, "name": TEXT}),
        "schedule": pl.Struct({"id": TEXT}),
        "attempts": pl.List(ATTEMPT),
        "metadata": pl.Struct({"progress": pl.Int64, "steps": pl.List(TEXT), "note": TEXT}),
        "payload": pl.Struct(dict.fromkeys(("externalId", "timezone", "scheduleId", "prompt"), TEXT)),
        "output": pl.Struct({"text": TEXT, "messages": pl.Int64}),
        "error": ERROR,
        "relatedRuns": pl.Struct({"root": TEXT}),
    }
)  # fmt: skip
SCHEMA = {
    "status": TEXT,
    "tasks": pl.List(
        pl.Struct(
            {name: TEXT for name in TASK if name != "enabled"}
            | {"enabled": pl.Boolean, "upcoming": pl.List(TEXT), "recent_runs": pl.List(RUN)}
        )
    ),
}


def main() -> None:
    """Arguments: folder of bodies, database file."""
    con = connect()
    for path in bodies():
        frames = frames_of(pl.read_json(path, schema=SCHEMA))
        con.begin()
        for name in ("tasks", "runs", "attempts", "tags"):
            upsert(con, name, frames[name])
        replace_upcoming(con, frames["upcoming"])
        con.commit()
    con.close()


def frames_of(body: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return one frame per table."""
    tasks = body.select(pl.col("tasks").explode(empty_as_null=False)).unnest("tasks")
    runs = tasks.select(task_id="id", run="recent_runs").explode("run", empty_as_null=False).unnest("run")
    attempts = (
        runs.select(run_id="id", attempt="attempts")
        .explode("attempt", empty_as_null=False)
        .drop_nulls("attempt")
        .unnest("attempt")
    )
    return {
        "tasks": tasks.select(list(TASK)),
        "runs": runs.select(
            "task_id",
            *(pl.col(name).alias(column) for name, column in RUN_NAMES.items()),
            *(pl.col(name).struct.json_encode().alias(column) for name, column in OPAQUE.items()),
            env_id=pl.col("env").struct.field("id"),
            env_name=pl.col("env").struct.field("name"),
            schedule_id=pl.col("schedule").struct.field("id"),
        ),
        "attempts": attempts.select(
            "run_id",
            *(pl.col(name).alias(column) for name, column in ATTEMPT_NAMES.items()),
            error=pl.col("error").struct.json_encode(),
        ),
        "tags": runs.select(run_id="id", tag="tags").explode("tag", empty_as_null=False),
        "upcoming": tasks.select(task_id="id", tick_at="upcoming").explode("tick_at", empty_as_null=False),
    }


if __name__ == "__main__":
    main()
