"""A SQL model as a value: what a table is, what it depends on, and how it is checked.

Reading models from files does not belong here (model_files.py), nor does running them (build.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Key = tuple[str, str]
Severity = Literal["error", "warn"]
Materialized = Literal["base", "table", "view"]
Period = Literal["day", "month"]
CheckKind = Literal["not_null", "unique", "accepted_values", "relationship", "between", "condition"]


@dataclass(frozen=True, slots=True)
class Check:
    """One rule about a model's rows; `argument` is its values, bounds, target column or SQL condition."""

    kind: CheckKind
    columns: tuple[str, ...]
    argument: Any = None
    severity: Severity = "error"
    description: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its meaning from the .yml, its type from the database."""

    name: str
    description: str
    data_type: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure for BI tools: an aggregate expression over one model's columns, and how much it rests on (`n`).

    A share of `n` has `hits` too, the expression of those that count; other measures have none, and no score bounds.
    """

    name: str
    description: str
    expression: str
    n: str
    hits: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """One table or view: a core table (`base`, filled by the loader) or a mart (one SELECT)."""

    schema: str
    name: str
    sql: str
    description: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    checks: tuple[Check, ...]
    depends_on: tuple[Key, ...]
    materialized: Materialized
    has_completeness: bool
    metrics: tuple[Metric, ...]
    dimensions: tuple[str, ...]
    path: Path
    # A table of local days or months, of which a build makes only those again whose inputs changed.
    rebuilt_by: Period | None = None
    # A view that shows each row of this table once; the keys of its rows are checked there.
    rows_of: Key | None = None
    # The column by which a night checks only what changed: a row's day, its month, or `run_id`, whose run has the day.
    checked_by: str | None = None

    @property
    def key(self) -> Key:
        """Schema and name: the same words in SQL, asset keys and docs."""
        return (self.schema, self.name)

    @property
    def relation(self) -> str:
        """How SQL names it."""
        return f"{self.schema}.{self.name}"

    @property
    def is_base(self) -> bool:
        """True for core tables, which the loader fills and no SELECT makes."""
        return self.materialized == "base"

    def column(self, name: str) -> Column | None:
        """Find a column by name."""
        return next((column for column in self.columns if column.name == name), None)
