"""The SQL behind the checks of a .yml: which rows break a rule. Running them belongs to checks.py.

A query shows only identifiers, instants and numbers of failing rows, since results are kept in logs.
"""

from pipelines.database.sql_text import literal
from pipelines.transform.model import Check, Model

# ruff: noqa: S608 - every name and condition comes from the project's own .yml files

# The completeness columns are compared with what is missing in core, as far as a mart's rows say where they belong.
PLACES = {
    "date": "mart.date = missing.date",
    "month": "date_trunc('month', mart.month) = date_trunc('month', missing.date)",
    "task_id": "mart.task_id = missing.task_id",
    "account_id": "mart.account_id is not distinct from missing.account_id",
    "artist_account_id": "mart.artist_account_id is not distinct from missing.artist_account_id",
    "window_days": "missing.tick_at > context.as_of_at - to_hours(24 * mart.window_days)",
    "changed_at": "missing.tick_at between mart.before_from_at and mart.after_until_at",
}
# Columns that split rows further; a status describes the whole task, day or fleet, so they do not matter.
NO_PLACE = {"model", "built_at", "version_number", "worker_version", "fingerprint", "publish_number", "measure"}


def predicate(check: Check) -> str | None:
    """Return the condition that a failing row meets; None for checks that compare rows with other rows."""
    column = check.columns[0] if check.columns else ""
    match check.kind:
        case "not_null":
            return f"{column} is null"
        case "accepted_values":
            return f"{column} not in ({', '.join(literal(value) for value in check.argument)})"
        case "between":
            low, high = check.argument
            bounds = [f"{column} < {literal(low)}"] if low is not None else []
            bounds += [f"{column} > {literal(high)}"] if high is not None else []
            return " or ".join(bounds)
        case "condition":
            return f"not ({check.argument})"
        case _:
            return None


def looked_at(model: Model, is_whole: bool) -> str:
    """Return the condition of the rows that a check looks at: all, or those of the days that `core.is_checked` names."""
    if is_whole or model.checked_by is None:
        return "true"
    if model.checked_by == "run_id":
        return "run_id in (select run_id from core.runs where core.is_checked(created_date))"
    if model.checked_by == "month":
        return "core.is_month_checked(month)"
    return f"core.is_checked({model.checked_by})"


def failing_rows(model: Model, check: Check, is_whole: bool = True) -> str:
    """Return a SELECT of the rows that break the check, as their keys."""
    condition, among = predicate(check), looked_at(model, is_whole)
    if condition is not None:
        return f"select {keys(model)} from {model.relation} where ({condition}) and {among}"
    if check.kind == "unique":
        columns, first = ", ".join(check.columns), check.columns[0]
        if among != "true" and model.is_base and model.checked_by not in check.columns:
            # The other row of a double key may be of any day; of a mart, only where core has one.
            among = f"{first} in (select {first} from {model.relation} where {among})"
        # Nulls are equal here: a key without a value must not hide a duplicate.
        return f"select {columns} from {model.relation} where {among} group by {columns} having count(*) > 1"
    schema, table, target = check.argument.split(".")
    column = check.columns[0]
    if model.checked_by == column:
        among = "true"  # a row whose run is not there has no day
    # Not as an anti join: DuckDB takes few rows to be left by `is not null`, and keeps the many in memory, not the parents.
    return (
        f"select {keys(model)} from {model.relation} where {column} is not null and {among} "
        f"and {column} not in (select {target} from {schema}.{table} where {target} is not null)"
    )


def keys(model: Model) -> str:
    """The columns that name a row."""
    return ", ".join(model.grain)


def complete_over_a_hole(model: Model) -> str | None:
    """Return a SELECT of rows that say `complete` although a missing run lies in them.

    None when the mart's grain does not tell where a row belongs; then its own count of missing runs is all there is.
    """
    grain = set(model.grain) - NO_PLACE
    if not model.has_completeness or model.rows_of or not grain <= PLACES.keys():
        return None
    places = [PLACES[name] for name in sorted(grain)]
    return (
        f"select distinct {', '.join(f'mart.{name}' for name in model.grain)} from {model.relation} as mart "
        "inner join marts.missing_run_facts as missing on true "
        "cross join core.build_context as context "
        f"where mart.coverage_status = 'complete' and {' and '.join(places) or 'true'}"
    )


def other_rows(model: Model, is_whole: bool = True) -> str | None:
    """Return a SELECT of one row when a view shows other rows than its table, or hides what is missing in them."""
    if model.rows_of is None:
        return None
    figures = ["count(*) as row_count"]
    if model.has_completeness:
        figures.append("sum(runs_missing_count) as missing_count")
        figures.append("count(*) filter (coverage_status = 'complete') as complete_count")
    among, relations = looked_at(model, is_whole), (model.relation, ".".join(model.rows_of))
    shown, stored = (f"select {', '.join(figures)} from {name} where {among}" for name in relations)
    return f"({shown}) except ({stored})"


def describe(check: Check) -> str:
    """Say what a failing row means."""
    column = ", ".join(check.columns)
    match check.kind:
        case "not_null":
            meaning = f"A failing row has no {column}"
        case "unique":
            meaning = f"A failing key ({column}) has more than one row"
        case "accepted_values":
            meaning = f"A failing row has a {column} other than {', '.join(str(value) for value in check.argument)}"
        case "between":
            meaning = f"A failing row has a {column} outside {check.argument[0]} to {check.argument[1]}"
        case "relationship":
            meaning = f"A failing row has a {column} that {check.argument} does not have"
        case _:
            meaning = f"A failing row breaks: {check.argument}"
    return check.description or meaning


def check_name(check: Check) -> str:
    """Name a check within its table."""
    return check.name or "_".join((check.kind, *check.columns))
