"""The floor: DuckDB alone, typed `read_json` and unnest into the same tables. No validation, no keys, no archive.

It shows what the machine can do with these bytes; nobody should load like this.
"""

import sys
from pathlib import Path

import duckdb

RUN = """STRUCT(
    id VARCHAR, status VARCHAR, taskIdentifier VARCHAR, createdAt TIMESTAMPTZ, updatedAt TIMESTAMPTZ,
    startedAt TIMESTAMPTZ, finishedAt TIMESTAMPTZ, delayedUntil TIMESTAMPTZ, expiredAt TIMESTAMPTZ,
    idempotencyKey VARCHAR, version VARCHAR, isTest BOOLEAN, ttl VARCHAR, tags VARCHAR[],
    costInCents DECIMAL(38, 20), baseCostInCents DECIMAL(38, 20), durationMs BIGINT, depth INTEGER, metadata JSON,
    env STRUCT(id VARCHAR, name VARCHAR), triggerFunction VARCHAR, batchId VARCHAR, payload JSON, output JSON,
    error JSON, schedule STRUCT(id VARCHAR, externalId VARCHAR), relatedRuns JSON, attemptCount INTEGER,
    attempts STRUCT(
        id VARCHAR, status VARCHAR, createdAt TIMESTAMPTZ, updatedAt TIMESTAMPTZ, startedAt TIMESTAMPTZ,
        completedAt TIMESTAMPTZ, error JSON
    )[]
)"""
TASK = f"""STRUCT(
    id VARCHAR, title VARCHAR, prompt VARCHAR, schedule VARCHAR, account_id VARCHAR, artist_account_id VARCHAR,
    enabled BOOLEAN, trigger_schedule_id VARCHAR, model VARCHAR, timezone VARCHAR, owner_email VARCHAR,
    last_run TIMESTAMPTZ, next_run TIMESTAMPTZ, created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ,
    upcoming TIMESTAMPTZ[], recent_runs {RUN}[]
)"""
STATEMENTS = f"""
create temp table bodies as
select unnest(tasks) as t
from read_json(
    '{{files}}', format = 'unstructured', maximum_object_size = {{size}}, columns = {{{{tasks: '{TASK}[]'}}}}
);

create table tasks as
select t.* exclude (recent_runs, upcoming) from bodies;

create table upcoming as
select t.id as task_id, unnest(t.upcoming) as tick_at from bodies;

create temp table unnested as
select t.id as task_id, unnest(t.recent_runs) as r from bodies;

create table runs as
select task_id, r.* exclude (tags, attempts) from unnested;

create table tags as
select r.id as run_id, unnest(r.tags) as tag from unnested;

create table attempts as
select run_id, a.*
from (select r.id as run_id, unnest(r.attempts) as a from unnested);
"""


def main() -> None:
    """Arguments: folder of bodies, database file."""
    folder, database = sys.argv[1:3]
    with duckdb.connect(database, config={"checkpoint_threshold": "1GB"}) as con:
        con.execute("set timezone = 'UTC'")
        largest = max(path.stat().st_size for path in Path(folder).glob("[0-9]*.json"))
        con.execute(STATEMENTS.format(files=f"{folder}/[0-9]*.json", size=largest + 1))


if __name__ == "__main__":
    main()
