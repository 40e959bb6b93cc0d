"""What goes wrong, what stands out and what was changed, as tables of words.

How an anomaly or an effect is found belongs to sql/marts.
"""

from collections.abc import Iterator

from pipelines.console.one_line import one_line
from pipelines.database.sql_text import Row
from pipelines.report.elements import (
    DEFAULT_MODEL,
    NO_RUN_ENDED,
    Listing,
    Table,
    coverage,
    instant,
    money,
    share,
    task_link,
    task_names,
)
from pipelines.report.queries import LISTED, Answers

VERDICTS = {"higher": "worse", "lower": "better", "noise": "may be chance", "too_few": "too few runs to tell"}
COST_VERDICTS = VERDICTS | {"higher": "dearer", "lower": "cheaper"}


def incidents(answers: Answers) -> Listing:
    """What is going wrong now."""
    table = Table(
        ("What", "Since", "Why", "Known"),
        [
            (
                f"{row['kind'].replace('_', ' ')}: {one_line(row['title'])}",
                instant(row["opened_at"]) + (", nobody can tell now" if row["state"] == "cannot_tell" else ""),
                one_line(row["cause"]),
                one_line(row["completeness"]),
            )
            for row in answers.first.incidents
        ],
    )
    return Listing(
        "open-incidents",
        "Open incidents",
        f"As of the last look before this page was made. The {LISTED} newest; all are in core.incidents.",
        table,
        "Nothing is known to be going wrong.",
    )


def anomalies(answers: Answers) -> Listing:
    """Days that stand out."""
    names = task_names(answers.anomalies)
    table = Table(
        ("Who", "Day", "What", "Known"),
        [
            (
                "whole fleet" if row["task_id"] is None else task_link(row["task_id"], names[row["task_id"]]),
                f"{row['date']}",
                "; ".join(_oddities(row)),
                coverage(row),
            )
            for row in answers.anomalies
        ],
    )
    return Listing(
        "anomalies",
        "Days that stand out",
        "Of the last 30 days, each against the 28 before it; today is not tested, and a day needs 14 known ones before it. "
        f"The {LISTED} newest; all are in marts.anomalies.",
        table,
        "No day stands out; days with fewer than 14 known days before them are not tested.",
    )


def _oddities(row: Row) -> Iterator[str]:
    if row["failure_verdict"] in ("high", "low"):
        usual = share(row["baseline_failure_ratio"])
        yield f"{share(row['failure_ratio'])} failed ({row['failed_count']:,} of {row['n']:,}), usually {usual}"
    if row["spend_verdict"] in ("high", "low"):
        bounds = f"{money(row['expected_low_cents'])} to {money(row['expected_high_cents'])}"
        yield f"spend {money(row['total_cents'])}, usually {bounds}"
    if row["run_count_verdict"] in ("high", "low"):
        low, high = row["expected_run_count_low"], row["expected_run_count_high"]
        yield f"{row['run_count']:,} runs, usually {low:,.0f} to {high:,.0f}"


def changes(answers: Answers) -> Listing:
    """What was changed, and whether runs differ since."""
    names = task_names(answers.changes)
    table = Table(
        ("Task", "When", "What", "Failures", "Spend per run"),
        [(task_link(row["task_id"], names[row["task_id"]]), *change_row(row)) for row in answers.changes],
    )
    return Listing(
        "changes",
        "Changes of tasks, and what they did",
        "Runs before and after, up to 90 days each; a difference that chance would make too is said to be one. "
        f"The {LISTED} newest; all are in marts.task_changes.",
        table,
        "No change of a model, a prompt or a schedule was seen.",
    )


def change_row(row: Row) -> tuple[str, str, str, str]:
    """When, what, and the two effects of a change."""
    return (instant(row["changed_at"]), "; ".join(_changed(row)), _failures(row), _cost(row))


def _changed(row: Row) -> Iterator[str]:
    if row["is_model_changed"]:
        before, after = (one_line(row[name]) or DEFAULT_MODEL for name in ("previous_model", "model"))
        yield f"model {before} → {after}"
    if row["is_prompt_changed"]:
        yield "prompt"
    if row["is_schedule_changed"]:
        yield f"schedule {one_line(row['previous_schedule']) or 'none'} → {one_line(row['schedule']) or 'none'}"


def _failures(row: Row) -> str:
    before, after = (
        f"{share(row[f'{side}_failure_ratio'])} of {row[f'{side}_n']:,}" if row[f"{side}_n"] else NO_RUN_ENDED
        for side in ("before", "after")
    )
    return f"{before} → {after}: {VERDICTS[row['failure_verdict']]}"


def _cost(row: Row) -> str:
    before, after = (money(row[f"{side}_mean_cents"]) for side in ("before", "after"))
    return f"{before} → {after}: {COST_VERDICTS[row['cost_verdict']]}"
