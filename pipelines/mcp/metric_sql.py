"""A question about a metric as SQL over its mart: grouped, filtered, with n, bounds and what is missing.

Running it belongs to answers.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.console.nearest import nearest
from pipelines.database.sql_text import identifier, literal
from pipelines.errors import RecoupError
from pipelines.transform.model import Metric, Model

TIMES = ("DATE", "TIMESTAMP WITH TIME ZONE")


@dataclass(frozen=True, slots=True)
class Question:
    """A metric by its full name (`table.metric`), what to group by, and which rows count."""

    metric: str
    by: Sequence[str] = ()
    where: Mapping[str, str | None] = field(default_factory=dict)
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric and the mart it belongs to."""

    mart: Model
    metric: Metric

    @property
    def name(self) -> str:
        """How it is asked for."""
        return f"{self.mart.name}.{self.metric.name}"


def measures(models: Sequence[Model]) -> dict[str, Measure]:
    """Return all that can be asked for, by full name."""
    found = [Measure(model, metric) for model in models for metric in model.metrics]
    return {measure.name: measure for measure in sorted(found, key=lambda measure: measure.name)}


def find_measure(models: Sequence[Model], name: str) -> Measure:
    """Return a measure by its full name, or by the metric's alone where one table has it. Raises RecoupError."""
    known = measures(models)
    fitting = [name] if name in known else [full for full in known if full.split(".")[1] == name]
    if len(fitting) == 1:
        return known[fitting[0]]
    if fitting:
        raise RecoupError(f"several tables have a metric {name!r}: say which, {', '.join(fitting)}")
    raise RecoupError(f"there is no metric {name!r}; {nearest(name, known)}")


def metric_sql(measure: Measure, question: Question) -> str:
    """Return the SELECT that answers. Raises RecoupError naming what a question may name."""
    mart = measure.mart
    names = [_dimension(mart, name) for name in question.by]
    columns = [*names, *_value(measure.metric), *_completeness(mart)]
    conditions = [
        f"{_dimension(mart, name)} is not distinct from {literal(value)}" for name, value in question.where.items()
    ]
    conditions += _times(mart, question)
    where = f"\nwhere {' and '.join(conditions)}" if conditions else ""
    grouped = "\ngroup by all\norder by all" if names else ""
    listed = ",\n    ".join(columns)
    return f"select\n    {listed}\nfrom {mart.relation}{where}{grouped}"


def _value(metric: Metric) -> list[str]:
    bounds = [
        f"core.wilson_{side}({metric.hits}, {metric.n}) as {side}" if metric.hits else f"null::double as {side}"
        for side in ("low", "high")
    ]
    return [f"{metric.expression} as value", f"{metric.n} as n", *bounds]


def _completeness(mart: Model) -> list[str]:
    """What is missing, where a table's rows may be added up: those tables have it as a metric of their own."""
    told = []
    if any(metric.name == "missing_runs" for metric in mart.metrics):
        missing = "coalesce(sum(runs_missing_count), 0)"
        unknown, too_long = (
            f"coalesce(bool_or(coverage_status = '{status}'), {empty})"
            for status, empty in (("unknown", "true"), ("not_observed_that_long", "false"))
        )
        told.append(f"cast({missing} as bigint) as runs_missing_count")
        told.append(f"core.window_status({missing}, {unknown}, {too_long}) as coverage_status")
    if mart.column("unpriced_run_count"):
        told.append("cast(sum(unpriced_run_count) as bigint) as unpriced_run_count")
    if mart.column("is_final"):
        told.append("bool_and(is_final) as is_final")
    return told


def _times(mart: Model, question: Question) -> list[str]:
    asked = [("since", ">=", question.since), ("until", "<=", question.until)]
    if not any(value for _, _, value in asked):
        return []
    times = [name for name in mart.dimensions if (column := mart.column(name)) and column.data_type in TIMES]
    if not times:
        raise RecoupError(f"{mart.name} has no dimension of time, so it cannot be asked since or until when")
    return [f"{identifier(times[0])} {sign} {literal(value)}" for _, sign, value in asked if value]


def _dimension(mart: Model, name: str) -> str:
    if name not in mart.dimensions:
        raise RecoupError(f"{mart.name} has no dimension {name!r}; {nearest(name, mart.dimensions)}")
    return identifier(name)
