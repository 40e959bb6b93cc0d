"""Which questions become SQL, and what is said of those that do not."""

import re

import duckdb
import pytest

from pipelines.errors import RecoupError
from pipelines.mcp.metric_sql import Question, find_measure, measures, metric_sql
from tests.support.warehouse_builder import models


def sql(metric: str, **asked: object) -> str:
    return metric_sql(find_measure(models(), metric), Question(metric, **asked))  # type: ignore[arg-type]


def test_a_metric_is_found_by_its_full_name_or_alone_where_that_is_enough() -> None:
    assert find_measure(models(), "spend_daily.wasted_ratio").mart.name == "spend_daily"
    assert find_measure(models(), "observed_runs").name == "coverage_daily.observed_runs"
    with pytest.raises(RecoupError, match=r"several tables.*failure_rates_daily\.failure_ratio, fleet_daily"):
        find_measure(models(), "failure_ratio")


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("fleet_daily.failure_rate", "fleet_daily.failure_ratio"),
        ("coverage", "fleet_daily.coverage_ratio"),
        ("SPEND_DAILY.TOTAL_USD", "the nearest: spend_daily.total_usd"),
        ("'; drop table x; --", "there are: anomalies.anomalies"),
    ],
)
def test_a_metric_that_is_not_defined_is_refused_with_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(RecoupError, match=f"no metric.*{re.escape(nearest)}"):
        find_measure(models(), wrong)


def test_a_dimension_that_is_not_defined_is_refused_with_the_nearest() -> None:
    for asked in ({"by": ["tasks"]}, {"where": {"tasks": "x"}}):
        with pytest.raises(RecoupError, match="no dimension 'tasks'; the nearest: task_id"):
            sql("spend_daily.total_usd", **asked)
    with pytest.raises(RecoupError, match="no dimension of time"):
        sql("error_groups.new_errors", until="2026-01-01")


def test_a_value_to_look_for_stays_a_value() -> None:
    hostile = "x' or 1 = 1 --"
    asked = sql("spend_daily.runs", where={"title": hostile, "model": None}, since="2026-01-01' or true --")
    assert "'x'' or 1 = 1 --'" in asked
    assert "'2026-01-01'' or true --'" in asked
    assert '"model" is not distinct from null' in asked
    assert len(duckdb.extract_statements(asked)) == 1


def test_a_share_of_n_has_bounds_and_money_has_none() -> None:
    of = {name: measure.metric for name, measure in measures(models()).items()}
    assert {name for name, metric in of.items() if metric.hits} == {
        "failure_rates_daily.failure_ratio",
        "fleet_daily.failure_ratio",
        "schedule_adherence.adherence",
        "schedule_adherence_daily.adherence",
    }
    assert "null::double as low" in sql("spend_daily.wasted_ratio")
    assert "core.wilson_low" in sql("fleet_daily.failure_ratio")
