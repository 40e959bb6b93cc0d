"""Files with what one account may see: its rows of core, marts built of those alone, and a search for anything foreign.

Which rows are an account's is in sql/publish/account_rows.sql. Marts are built, not filtered: a sum over all accounts would
tell what the others did.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pipelines.database.connection import Connection, Warehouse, database_of, open_published
from pipelines.database.core_schema import apply_core
from pipelines.database.sql_text import identifier, literal, statement
from pipelines.errors import BadSettings, PublishRefused
from pipelines.paths import Layout
from pipelines.publish.parquet import write_parquet
from pipelines.transform.build import build
from pipelines.transform.load_models import load_models

# How ids look inside a text: UUIDs, and words with a prefix as run_ and sched_.
ID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?:run|sched)_\w+"
READ_ONLY = 0o444


@dataclass(frozen=True, slots=True)
class AccountCopy:
    """What was written, and how much of it."""

    path: Path
    task_count: int
    run_count: int


def export_account(layout: Layout, account_id: str, out: Path) -> AccountCopy:
    """Write the account's own database to `out`, replacing an earlier one whole.

    Raises NothingPublished; BadSettings for an account that has no task; PublishRefused, with nothing written, when
    anything of another account is found in the file.
    """
    out = out.expanduser().absolute()
    with _account_database(layout, account_id, out) as (scratch, _, copy):
        scratch.work_file.chmod(READ_ONLY)
        scratch.work_file.replace(out)
    return copy


def export_account_parquet(layout: Layout, account_id: str, out: Path) -> AccountCopy:
    """Write the same database as Parquet below `out`, and no database. Raises the same, and what `write_parquet` raises."""
    out = out.expanduser().absolute()
    made = _account_database(layout, account_id, out)
    with made as (scratch, number, copy), Warehouse(scratch).open_copy(scratch.work_file) as con:
        write_parquet(con, out, {"snapshot": number, "account": _uuid(account_id)})
    return copy


@contextmanager
def _account_database(layout: Layout, account_id: str, out: Path) -> Iterator[tuple[Layout, int, AccountCopy]]:
    """Make the account's database beside `out`, searched for anything foreign; it is gone when the block ends.

    Yields where it is, the snapshot that it was made of, and what becomes of it.
    """
    account_id = _uuid(account_id)
    with closing(open_published(layout)) as published:
        source = database_of(published)
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Layout(out.with_name(f".{out.name}.account"))
    shutil.rmtree(scratch.root, ignore_errors=True)
    try:
        with Warehouse(scratch).write() as con:
            con.execute(f"attach {literal(source)} as published (read_only)")
            tasks, runs = _fill(con, account_id)
            con.execute("detach published")
        yield scratch, int(source.parent.name), AccountCopy(out, tasks, runs)
    finally:
        shutil.rmtree(scratch.root, ignore_errors=True)


def _fill(con: Connection, account_id: str) -> tuple[int, int]:
    apply_core(con)
    for (name,) in con.execute(statement("publish", "counts_of_polls")).fetchall():
        con.execute(f"alter table core.polls alter column {identifier(name)} drop not null")
    con.execute(f"set variable account = {literal(account_id)}")
    con.execute(statement("publish", "account_rows"))
    sizes = "select (select count(*) from core.tasks), (select count(*) from core.runs)"
    tasks, runs = con.execute(sizes).fetchone() or (0, 0)
    if not tasks:
        raise BadSettings(f"the published copy holds no task of account {account_id}; nothing was written")
    context = con.execute("select as_of_at, reporting_timezone from published.core.build_context").fetchone()
    if context is None:
        raise BadSettings("the published copy was built by an older version; run `recoup-warehouse nightly` first")
    build(con, models=load_models(), as_of=context[0], reporting_timezone=context[1])
    _refuse_foreign(con)
    return tasks, runs


def _refuse_foreign(con: Connection) -> None:
    con.execute(statement("publish", "foreign_ids"))
    columns = con.execute(
        "select schema_name, table_name, column_name from duckdb_columns() where database_name = current_database() "
        "and schema_name in ('core', 'marts') and (data_type like 'VARCHAR%' or data_type = 'JSON')"
    ).fetchall()
    found = [
        f"{schema}.{table}.{column}" for schema, table, column in columns if _is_foreign(con, schema, table, column)
    ]
    if found:
        raise PublishRefused(
            f"nothing was written, since ids of other accounts stand in {', '.join(found)}; this is a bug, please report it"
        )


def _is_foreign(con: Connection, schema: str, table: str, column: str) -> bool:
    texts = f"select unnest(regexp_extract_all({identifier(column)}::varchar, {literal(ID)})) as id"
    query = f"{texts} from {identifier(schema)}.{identifier(table)}"
    return con.execute(f"select 1 from ({query}) semi join foreign_ids using (id) limit 1").fetchone() is not None  # noqa: S608


def _uuid(account_id: str) -> str:
    try:
        return str(UUID(account_id))
    except ValueError as error:
        raise BadSettings(f"--account {account_id} is no UUID; name one as the API writes it") from error
