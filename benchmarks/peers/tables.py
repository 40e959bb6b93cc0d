"""The tables that the peers with DuckDB of their own fill, and the upsert that DuckDB's documentation recommends."""

import sys
from pathlib import Path
from typing import Any

import duckdb

DDL = """
create table if not exists tasks (
    id varchar primary key, title varchar, prompt varchar, schedule varchar, account_id varchar,
    artist_account_id varchar, enabled boolean, trigger_schedule_id varchar, owner_email varchar, model varchar
);
create table if not exists runs (
    id varchar primary key, task_id varchar, status varchar, task_identifier varchar, created_at timestamptz,
    updated_at timestamptz, started_at timestamptz, finished_at timestamptz, version varchar, is_test boolean,
    idempotency_key varchar, ttl varchar, cost_in_cents decimal(38, 20), base_cost_in_cents decimal(38, 20),
    duration_ms bigint, depth integer, env_id varchar, env_name varchar, trigger_function varchar,
    schedule_id varchar, metadata json, payload json, output json, error json, related_runs json
);
create table if not exists attempts (
    id varchar primary key, run_id varchar, status varchar, created_at timestamptz, updated_at timestamptz,
    started_at timestamptz, completed_at timestamptz, error json
);
create table if not exists tags (run_id varchar, tag varchar, primary key (run_id, tag));
create table if not exists upcoming (task_id varchar, tick_at timestamptz, primary key (task_id, tick_at));
"""


def bodies() -> list[Path]:
    """Return the saved responses named by the first argument."""
    return sorted(Path(sys.argv[1]).glob("[0-9]*.json"))


def connect() -> duckdb.DuckDBPyConnection:
    """Open the database named by the second argument, with its tables."""
    con = duckdb.connect(sys.argv[2])
    con.execute("set timezone = 'UTC'")
    con.execute(DDL)
    return con


def upsert(con: duckdb.DuckDBPyConnection, table: str, rows: Any) -> None:
    """Insert rows (Arrow, polars or pandas) whose columns are named as the table's; those of known keys replace."""
    con.register("incoming", rows)
    con.execute(f"insert or replace into {table} by name select * from incoming")
    con.unregister("incoming")


def replace_upcoming(con: duckdb.DuckDBPyConnection, ticks: Any) -> None:
    """Upcoming ticks are a set per task: the new set replaces the old one."""
    con.register("ticks", ticks)
    con.execute("delete from upcoming where task_id in (select task_id from ticks)")
    con.unregister("ticks")
    upsert(con, "upcoming", ticks)
