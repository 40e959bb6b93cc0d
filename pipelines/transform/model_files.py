"""The form of a model's two files, `x.sql` and `x.yml`, and reading them into values.

Dependencies and binding to a database do not belong here.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipelines.errors import BadModel
from pipelines.transform.model import Check, Column, Key, Metric, Model, Period, Severity

# The safe loader in C where the wheel has it: ten times faster, and the files are read at every start.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
RawChecks = list[str | dict[str, Any]]
COMPLETENESS_COLUMNS = ("runs_missing_count", "coverage_status")
COVERAGE_STATUSES = ("complete", "gap", "unknown", "not_observed_that_long")
_NUMBER_PREFIX = re.compile(r"^\d+_")
_GRAIN_SENTENCE = re.compile(r"One row [^.]+\.?$")
_CHECK_EXTRAS = {"severity", "description", "name"}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnFile(_File):
    """`columns: {name: ...}`."""

    description: Prose
    checks: RawChecks = []


class MetricFile(_File):
    """`metrics: {name: ...}`."""

    description: Prose
    expression: Prose
    n: Prose
    unit: str = ""


class ModelFile(_File):
    """A whole .yml."""

    description: Prose
    grain: list[str]
    columns: Annotated[dict[str, ColumnFile], Field(min_length=1)]
    checks: RawChecks = []
    materialized: Literal["table", "view"] = "table"
    rebuilt_by: Period | None = None
    rows_of: Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.[a-z_]+$")] | None = None
    checked_by: str | None = None
    completeness: bool = False
    metrics: dict[str, MetricFile] = {}
    dimensions: list[str] = []


def read_folder(folder: Path, schema: str) -> tuple[Model, ...]:
    """Read all pairs of one layer, in file order. Raises BadModel naming the file that is wrong."""
    statements = {path.stem: path for path in sorted(folder.glob("*.sql"))}
    for path in sorted(folder.glob("*.yml")):
        if path.stem not in statements:
            raise BadModel(f"{path} describes a model that has no SQL: add {path.stem}.sql beside it or remove it")
    return tuple(_read_pair(path, schema) for path in statements.values())


def _read_pair(path: Path, schema: str) -> Model:
    yml = path.with_suffix(".yml")
    if not yml.exists():
        raise BadModel(f"{path} has no {yml.name}: describe the model, its grain and every column there")
    file = _parse(yml)
    _demand_whole(file, yml)
    return Model(
        schema=schema,
        name=_NUMBER_PREFIX.sub("", path.stem),
        sql=path.read_text("utf-8").strip().removesuffix(";"),
        description=" ".join(file.description.split()),
        grain=tuple(file.grain),
        columns=tuple(Column(name, " ".join(column.description.split())) for name, column in file.columns.items()),
        checks=tuple(_checks(file, yml)),
        depends_on=(),
        materialized="base" if schema == "core" else file.materialized,
        has_completeness=file.completeness,
        metrics=tuple(_metric(name, metric) for name, metric in file.metrics.items()),
        dimensions=tuple(file.dimensions),
        path=path,
        rebuilt_by=file.rebuilt_by,
        rows_of=_key(file.rows_of) if file.rows_of else None,
        checked_by=file.checked_by,
    )


def _key(relation: str) -> Key:
    schema, _, name = relation.partition(".")
    return schema, name


def _metric(name: str, file: MetricFile) -> Metric:
    hits = file.expression.removesuffix(f" / nullif({file.n}, 0)")
    return Metric(
        name,
        file.description,
        _portable(file.expression, file.unit),
        _portable(file.n, "count"),
        _portable(hits, "count") if hits != file.expression else "",
        file.unit,
    )


def _portable(expression: str, unit: str) -> str:
    """Give a metric a type that all clients read alike.

    DuckDB makes a HUGEINT of a sum of BIGINT and a DECIMAL(38) of a sum of money: JavaScript, Arrow and data frames
    turn those into floating point.
    """
    if unit == "ratio":
        return expression
    return f"cast({expression} as {'decimal(28, 10)' if unit == 'usd' else 'bigint'})"


def _parse(yml: Path) -> ModelFile:
    try:
        return ModelFile.model_validate(yaml.load(yml.read_text("utf-8"), Loader=LOADER))  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        raise BadModel(f"{yml} is not YAML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'the file'}: {fault['msg']}" for fault in error.errors()
        )
        raise BadModel(f"{yml} is not a model description: {faults}") from error


def _demand_whole(file: ModelFile, yml: Path) -> None:
    if not _GRAIN_SENTENCE.search(" ".join(file.description.split())):
        raise BadModel(f"{yml}: the description must end in the grain, a sentence like 'One row per run.'")
    for word, names in (
        ("grain", file.grain),
        ("dimensions", file.dimensions),
        ("checked_by", [file.checked_by] if file.checked_by else []),
    ):
        for name in names:
            if name not in file.columns:
                raise BadModel(f"{yml}: {word} names {name!r}, which is not among its columns")
    for name in COMPLETENESS_COLUMNS if file.completeness else ():
        if name not in file.columns:
            raise BadModel(f"{yml}: a mart with `completeness: true` must show the column {name}")


def _checks(file: ModelFile, yml: Path) -> list[Check]:
    checks = [] if file.rows_of else [Check("unique", tuple(file.grain), description="the grain")]
    for name, column in file.columns.items():
        checks += [_check(raw, (name,), yml) for raw in column.checks]
    checks += [_check(raw, (), yml) for raw in file.checks]
    if file.completeness and not file.rows_of:
        checks += _completeness_checks()
    return checks


def _completeness_checks() -> list[Check]:
    missing, status = COMPLETENESS_COLUMNS
    return [
        Check("not_null", (missing,)),
        Check("not_null", (status,)),
        Check("accepted_values", (status,), COVERAGE_STATUSES),
        Check(
            "condition",
            (),
            f"not ({status} = 'complete' and {missing} > 0)",
            description="A failing row calls itself complete and counts missing runs",
            name="complete_means_complete",
        ),
    ]


def _check(raw: str | dict[str, Any], columns: tuple[str, ...], yml: Path) -> Check:
    spec: Mapping[str, Any] = {raw: None} if isinstance(raw, str) else raw
    kinds = [key for key in spec if key not in _CHECK_EXTRAS]
    if len(kinds) != 1:
        raise BadModel(f"{yml}: a check needs exactly one kind, got {sorted(spec)}")
    kind, argument = kinds[0], spec[kinds[0]]
    extras: dict[str, Any] = {key: str(spec[key]) for key in _CHECK_EXTRAS & set(spec)}
    severity: Severity = "warn" if extras.pop("severity", "error") == "warn" else "error"
    match kind, argument:
        case "not_null" | "unique", None if columns:
            return Check(kind, columns, None, severity, **extras)
        case "unique", [*names] if names and not columns:
            return Check("unique", tuple(str(name) for name in names), None, severity, **extras)
        case "accepted_values", [*values] if values and columns:
            return Check("accepted_values", columns, tuple(values), severity, **extras)
        case "between", [low, high] if columns:
            return Check("between", columns, (low, high), severity, **extras)
        case "relationship", str(target) if columns and target.count(".") == 2:
            return Check("relationship", columns, target, severity, **extras)
        case "condition", str(condition) if "name" in extras:
            return Check("condition", columns, condition, severity, **extras)
        case _:
            raise BadModel(f"{yml}: {raw!r} is not a check; {CHECK_FORMS}")


CHECK_FORMS = (
    "under a column use not_null, unique, {accepted_values: [...]}, {between: [low, high]} or "
    "{relationship: schema.table.column}; at the end {unique: [columns]} or {condition: SQL, name: word}; "
    "each may carry `severity: warn`, if it must not block publishing"
)
