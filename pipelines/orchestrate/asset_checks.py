"""The checks as Dagster shows them: one per table, listing its rules, all run in one step before publish.

What is checked, and how, belongs to transform/checks.py and the models.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import dagster as dg

from pipelines.nightly import refuse_failed
from pipelines.orchestrate.assets import WAREHOUSE_POOL, asset_key, table_key
from pipelines.orchestrate.resources import Pipeline, told_in_one_line
from pipelines.transform.checks import CheckResult, PlannedCheck, plan_checks
from pipelines.transform.model import Key, Model

# One Dagster check per rule would be over a hundred, each with two event writes, which would take longer than all the rest.
CHECK_NAME = "rules"


def model_checks(models: Sequence[Model]) -> dg.AssetChecksDefinition:
    """All rules of all tables, after the marts are built and before anything is published."""
    planned = {key: list(rules) for key, rules in groupby(plan_checks(models), lambda rule: rule.asset)}

    @dg.multi_asset_check(
        name="checks",
        description="Runs every rule of every table. A rule of severity error that fails blocks publishing.",
        specs=[_spec(key, rules) for key, rules in planned.items()],
        pool=WAREHOUSE_POOL,
        can_subset=True,
    )
    def checks(
        context: dg.AssetCheckExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.AssetCheckResult]:
        selected = {table_key(check.asset_key) for check in context.selected_asset_check_keys}
        with told_in_one_line():
            results = [result for result in pipeline.check() if result.asset in selected]
        for key in planned:
            if key in selected:
                yield _result(key, [result for result in results if result.asset == key])
        with told_in_one_line():
            refuse_failed(results)

    return checks


def _spec(key: Key, rules: Sequence[PlannedCheck]) -> dg.AssetCheckSpec:
    lines = [f"- `{rule.name}` ({rule.severity}): {rule.description}" for rule in rules]
    return dg.AssetCheckSpec(
        CHECK_NAME,
        asset=asset_key(key),
        # Marts read core, so blocking core checks would have to run before the marts, while some rules of core
        # need the clock row that the build writes. The step fails for them as well, and publishing waits for it.
        blocking=key[0] == "marts",
        description="\n".join(lines),
    )


def _result(key: Key, found: Sequence[CheckResult]) -> dg.AssetCheckResult:
    if not found:
        return _not_built(key)
    failed = [result for result in found if not result.passed]
    is_blocking = any(result.severity == "error" for result in failed)
    failing_rules = [
        dg.TableRecord(
            {
                "rule": result.name,
                "severity": result.severity,
                "failing_rows": result.failing_count,
                "meaning": result.description,
                "keys": "; ".join(", ".join(f"{k}={v}" for k, v in row.items()) for row in result.sample),
            }
        )
        for result in failed
    ]
    metadata: dict[str, dg.MetadataValue] = {"rule_count": dg.MetadataValue.int(len(found))}
    if failing_rules:
        metadata["failing_rules"] = dg.MetadataValue.table(failing_rules)
    return dg.AssetCheckResult(
        asset_key=asset_key(key),
        check_name=CHECK_NAME,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if is_blocking else dg.AssetCheckSeverity.WARN,
        description=f"{len(failed)} of {len(found)} rules fail" if failed else f"{len(found)} rules hold",
        metadata=metadata,
    )


def _not_built(key: Key) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset_key(key),
        check_name=CHECK_NAME,
        passed=False,
        description=f"{'.'.join(key)} does not exist yet: materialize it first",
    )
