"""A small published copy with tables of every kind, a lake beside it, and how to compare the two. No assertions here."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipelines.clock import utc_now
from pipelines.database.connection import Connection, Warehouse
from pipelines.database.sql_text import literal
from pipelines.lake.connection import LAKE, open_lake
from pipelines.lake.relations import PUBLISHED, published_relations
from pipelines.lake.update import LakeReport, publish_into_lake
from pipelines.settings import Settings
from tests.support.publish_harness import publish_as_it_is

TABLES = """
create schema core;
create schema marts;
create macro core.double(a) as a * 2;
create macro core.quadruple(a) as core.double(a) * 2;
create table core.runs (
    run_id varchar primary key, created_date date, created_at timestamptz, outcome varchar, cents decimal(38, 20),
    details json, texts varchar[]
);
create table core.run_tags (run_id varchar, tag varchar);
create table core.polls (poll_id varchar, started_at timestamptz);
create table core.accounts (account_id varchar, account_name varchar);
create table core.moments (moment_at timestamptz, word varchar);
create table marts.daily (date date, n bigint);
create view marts.runs_and_tags as
    select runs.run_id, runs.created_date, core.quadruple(runs.cents) as cents, tags.tag
    from core.runs as runs inner join core.run_tags as tags using (run_id);
comment on table core.runs is 'What it''s about';
comment on column core.runs.cents is 'US cents; as told';
comment on view marts.runs_and_tags is 'A view';
insert into core.runs
    select 'r' || i, date '2026-08-01' + (i // 10)::int, timestamptz '2026-08-01 00:00:00+00' + interval (i // 10) day,
        'failed', i / 3, '{"a": 1}', ['x', 'it''s']
    from range(100) as rows (i);
insert into core.run_tags select 'r' || i, 'tag' || (i % 3) from range(100) as rows (i);
insert into core.run_tags values ('gone', 'a run that is not there'), (null, 'none');
insert into core.polls values ('p1', null), ('p2', '2026-08-02 23:59:59.999999+00');
insert into core.polls from core.polls;
insert into core.accounts values ('a', null);
insert into marts.daily select created_date, count(*) from core.runs group by created_date;
"""
COLUMNS = """
select table_name, column_name, data_type from duckdb_columns()
where database_name = '{}' and schema_name in ('core', 'marts')
"""
COMMENTS = """
select table_name, column_name, columns.comment
from duckdb_columns() as columns semi join duckdb_tables() using (database_name, schema_name, table_name)
where database_name = '{0}' and schema_name in ('core', 'marts')
union all select table_name, null, comment from duckdb_tables()
where database_name = '{0}' and schema_name in ('core', 'marts')
union all select view_name, null, comment from duckdb_views()
where database_name = '{0}' and schema_name in ('core', 'marts')
"""


def local_settings(folder: Path, **more: Any) -> Settings:
    """A warehouse and a lake in a file and a folder."""
    places = {"lake_catalog": "lake/catalog.ducklake", "lake_data": "lake/data"}
    return Settings.load(_env_file=None, home=folder, warehouse_dir=folder / "warehouse", **{**places, **more})


def change(settings: Settings, sql: str) -> None:
    """Change the work file, and publish it as it is."""
    with Warehouse.of(settings).write() as con:
        con.execute(sql)
    publish_as_it_is(settings.layout)


def into_the_lake(settings: Settings, days_later: float = 0) -> LakeReport:
    """Publish into the lake; `days_later`: expiry takes that for today."""
    return publish_into_lake(settings, lambda: utc_now() + timedelta(days=days_later))


@contextmanager
def both(settings: Settings) -> Iterator[Connection]:
    """Open the published copy and the lake in one connection."""
    with open_lake(settings) as con:
        con.execute(f"attach {literal(settings.layout.published_file.resolve())} as {PUBLISHED} (read_only)")
        yield con


def differences(settings: Settings) -> list[str]:
    """Name what the lake holds otherwise than the published copy: rows, names, types, comments."""
    with Warehouse.of(settings).open_copy(settings.layout.published_file.resolve()) as copy:
        relations = published_relations(copy)
    with both(settings) as con:
        found = [f"rows of {one.key}" for one in relations if _differ(con, f"from {{}}.{one.key}")]
        found += [what for what, query in (("columns", COLUMNS), ("comments", COMMENTS)) if _differ(con, query)]
    return found


def ask(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with open_lake(settings) as con:
        return con.execute(query).fetchall()


def in_the_lake(settings: Settings, sql: str) -> None:
    with open_lake(settings) as con:
        con.execute(sql)


def newest_version(settings: Settings) -> int:
    return int(ask(settings, f"select max(snapshot_id) from {LAKE}.snapshots()")[0][0])


def _differ(con: Connection, query: str) -> bool:
    here, there = (query.format(catalog) for catalog in (PUBLISHED, LAKE))
    return any(
        con.execute(f"select 1 from (({one}) except all ({other})) limit 1").fetchone()
        for one, other in ((here, there), (there, here))
    )
