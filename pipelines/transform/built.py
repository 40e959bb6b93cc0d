"""Whether the marts are those of the last load, and building them when they are not: no reader may see them differ.

How a mart is built belongs to build.py. A load takes the clock row of the last build away (load/poll_rows.py).
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from pipelines.database.connection import Connection
from pipelines.database.core_schema import apply_core
from pipelines.database.sql_text import statement
from pipelines.progress import Progress
from pipelines.settings import Settings
from pipelines.transform.account_names import apply_account_names
from pipelines.transform.budgets import apply_budgets
from pipelines.transform.build import BuildReport, build
from pipelines.transform.model import Key, Model

# Filled from files that a person keeps.
HAND_KEPT: set[Key] = {("core", "budgets"), ("core", "accounts")}


def built_as_of(con: Connection, settings: Settings, models: Sequence[Model]) -> datetime | None:
    """Return what all marts take for now.

    None when one is missing or of another shape, when a load came after them, or days were cut in another time zone.
    """
    columns = {(schema, name): names for schema, name, names in con.execute(statement("build", "columns")).fetchall()}
    if any(columns.get(model.key) != [column.name for column in model.columns] for model in models):
        return None
    row = con.execute("select as_of_at, reporting_timezone from core.build_context").fetchone()
    return row[0] if row and row[1] == settings.reporting_timezone else None


def build_all(
    con: Connection,
    settings: Settings,
    models: Sequence[Model],
    as_of: datetime,
    progress: Progress | None = None,
    *,
    full: bool = False,
) -> BuildReport:
    """Read the files that a person keeps, and build every mart; with `full`, all days of each."""
    apply_core(con)
    _apply_hand_kept(con, settings)
    zone = settings.reporting_timezone
    return build(con, models=models, as_of=as_of, reporting_timezone=zone, full=full, progress=progress)


def build_missing(con: Connection, settings: Settings, models: Sequence[Model], as_of: datetime) -> bool:
    """Build every mart, unless they are built of all that is loaded; tell whether anything was built."""
    apply_core(con)
    is_missing = built_as_of(con, settings, models) is None
    if is_missing:
        build_all(con, settings, models, as_of)
    return is_missing


def build_some(
    con: Connection, settings: Settings, models: Sequence[Model], as_of: datetime, only: Collection[Key]
) -> BuildReport:
    """Build the named marts at the instant of the others; all of them when they are not of one instant any more."""
    apply_core(con)
    before = built_as_of(con, settings, models)
    if before is None or all(model.is_base or model.key in only for model in models):
        return build_all(con, settings, models, as_of)
    if HAND_KEPT & set(only):
        _apply_hand_kept(con, settings)
    return build(con, models=models, as_of=before, reporting_timezone=settings.reporting_timezone, only=only)


def _apply_hand_kept(con: Connection, settings: Settings) -> None:
    apply_budgets(con, settings)
    apply_account_names(con, settings.layout)
