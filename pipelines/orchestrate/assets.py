"""The assets: core (one poll), marts (one build) and the published file, each a single step over many tables.

A step costs about 0.1 s of event writes, so many tables share one step. What a step does belongs to plain modules.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from warnings import catch_warnings, simplefilter

import dagster as dg

from pipelines.ingest.poll_words import headline, warnings
from pipelines.load.poll_rows import PollSummary
from pipelines.orchestrate.resources import Pipeline, told_in_one_line
from pipelines.report.publish_hook import REPORT_NAME
from pipelines.transform.model import Key, Model

WAREHOUSE_POOL = "warehouse"
# A poll that waits for the network holds nothing that a build or a publish needs.
SOURCE_POOL = "source"
PUBLISHED_FILE = dg.AssetKey(["published", "recoup_duckdb"])
REPORT = dg.AssetKey(["published", "report"])

# Core tables that a build fills from what polls loaded: the clock, and what cron expects.
FILLED_BY_BUILD: dict[Key, tuple[Key, ...]] = {
    ("core", "budgets"): (),
    ("core", "build_context"): (("core", "polls"),),
    ("core", "built_days"): (),
    ("core", "check_results"): (),
    ("core", "day_builds"): (),
    ("core", "expected_ticks"): (("core", "task_versions"), ("core", "tasks")),
    ("core", "incidents"): (("core", "polls"),),
    ("core", "publishes"): (),
    ("core", "restatements"): (),
    ("core", "schedule_gaps"): (("core", "tasks"),),
}

# A publish adds to them after the build, so the build cannot tell how many rows they have.
ADDED_TO_BY_PUBLISH: set[Key] = {("core", "publishes"), ("core", "restatements")}

POLL_RETRIES = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
# A nightly may fail once and be repaired in the morning; after two missed nights somebody must look.
NIGHTLY_FRESHNESS = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=50))

# Who is asked about a table; Dagster shows it and can alert by it.
OWNERS = ["team:recoup-warehouse"]

Results = Iterator[dg.MaterializeResult[Any]]


def core_assets(models: Sequence[Model]) -> dg.AssetsDefinition:
    """The core tables that a poll fills, all of them at once."""
    tables = [model for model in models if model.is_base and model.key not in FILLED_BY_BUILD]

    @dg.multi_asset(
        name="core",
        description="Polls the Recoup API once, archives the answers, and loads them in one transaction.",
        specs=[_spec(model) for model in tables],
        pool=SOURCE_POOL,
        retry_policy=POLL_RETRIES,
    )
    def core(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> Results:
        with told_in_one_line():
            summary = pipeline.poll()
            row_counts = pipeline.row_counts("core")
        context.log.info(f"{headline(summary)} ({summary.poll_id})")
        # What some accounts told is loaded, so the step did its work; the next poll asks all of them again.
        partial = [summary.error_message] if summary.status == "partial" else []
        for warning in [*partial, *warnings(summary)]:
            context.log.warning(warning)
        for model in tables:
            more = _poll_metadata(summary) if model.name == "polls" else {}
            yield _result(model, row_counts[model.key], more)

    return core


def mart_assets(models: Sequence[Model]) -> dg.AssetsDefinition:
    """All marts, or those selected, in dependency order, after the core tables that they take the time from."""
    tables = [model for model in models if not model.is_base or model.key in FILLED_BY_BUILD]

    @dg.multi_asset(
        name="build",
        description="Builds the selected marts from core in one transaction.",
        specs=[_spec(model, None if model.is_base else NIGHTLY_FRESHNESS) for model in tables],
        pool=WAREHOUSE_POOL,
        can_subset=True,
    )
    def build(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> Results:
        selected = {table_key(key) for key in context.selected_asset_keys}
        with told_in_one_line():
            report = pipeline.build(selected)
            row_counts = pipeline.row_counts("core") | report.row_counts
        pictures = _pictures(context, pipeline)
        for model in tables:
            if model.key in selected:
                seconds = report.seconds.get(model.key)
                more: dict[str, Any] = {"seconds": round(seconds, 3)} if seconds else {}
                if model.key in pictures:
                    more["chart"] = dg.MetadataValue.md(pictures[model.key])
                row_count = None if model.key in ADDED_TO_BY_PUBLISH else row_counts.get(model.key)
                yield _result(model, row_count, more)

    return build


def published_assets(models: Sequence[Model], *, with_report: bool) -> dg.AssetsDefinition:
    """The file that people open, and the report beside it when there is one to write."""
    specs = [
        dg.AssetSpec(
            PUBLISHED_FILE,
            deps=[asset_key(model.key) for model in models],
            description="The verified, read-only copy that analysts and BI tools open. One snapshot per publish.",
            group_name="published",
            owners=OWNERS,
            kinds={"duckdb"},
            freshness_policy=NIGHTLY_FRESHNESS,
        )
    ]
    if with_report:
        specs.append(
            dg.AssetSpec(
                REPORT,
                deps=[PUBLISHED_FILE],
                description="One self-contained page about the published file. One page per publish.",
                group_name="published",
                owners=OWNERS,
                kinds={"html"},
            )
        )

    @dg.multi_asset(
        name="publish",
        description="Copies, checks the copy, and swaps the file that people open.",
        specs=specs,
        pool=WAREHOUSE_POOL,
    )
    def publish(pipeline: dg.ResourceParam[Pipeline]) -> Results:
        report = pipeline.report()
        with told_in_one_line():
            snapshot = pipeline.publish(report)
            lake = pipeline.update_lake()
        yield dg.MaterializeResult(
            asset_key=PUBLISHED_FILE,
            metadata={
                "snapshot": snapshot.number,
                "path": dg.MetadataValue.path(str(pipeline.settings.layout.published_file)),
                "bytes": snapshot.bytes,
                "dagster/row_count": sum(snapshot.row_counts.values()),
            },
        )
        if report is not None:
            with told_in_one_line():
                report.raise_failure()
            page = pipeline.settings.layout.current / REPORT_NAME
            yield dg.MaterializeResult(asset_key=REPORT, metadata={"path": dg.MetadataValue.path(str(page))})
        with told_in_one_line():
            lake.raise_failure()

    return publish


def asset_key(key: Key) -> dg.AssetKey:
    """Name an asset as SQL names its table."""
    return dg.AssetKey(list(key))


def table_key(key: dg.AssetKey) -> Key:
    """Name the table behind an asset."""
    schema, name = key.path
    return (schema, name)


def _pictures(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dict[Key, str]:
    try:
        return pipeline.pictures()
    except Exception as error:
        # A picture that fails must not fail the build.
        context.log.warning(f"the charts of the marts could not be drawn ({type(error).__name__}: {error})")
        return {}


def _spec(model: Model, freshness_policy: dg.FreshnessPolicy | None = None) -> dg.AssetSpec:
    columns = [dg.TableColumn(column.name, column.data_type, column.description) for column in model.columns]
    return dg.AssetSpec(
        asset_key(model.key),
        deps=[asset_key(key) for key in (*model.depends_on, *FILLED_BY_BUILD.get(model.key, ()))],
        description=model.description,
        group_name=model.schema,
        owners=OWNERS,
        kinds={"duckdb", "sql"} if not model.is_base else {"duckdb"},
        freshness_policy=freshness_policy,
        # With the definition, not with each materialization: columns change with the code, and a poll every few
        # minutes would write them again and again.
        metadata={
            "dagster/column_schema": dg.TableSchema(columns),
            "dagster/table_name": model.relation,
            "grain": ", ".join(model.grain),
            "dagster/code_references": _code_references(model),
        },
    )


def _code_references(model: Model) -> dg.CodeReferencesMetadataValue:
    files = [path for path in (model.path, model.path.with_suffix(".yml")) if path.exists()]
    with catch_warnings():
        # Beta in Dagster 1.13: the form may change, and a test would see that.
        simplefilter("ignore", dg.BetaWarning)
        return dg.CodeReferencesMetadataValue(
            code_references=[dg.LocalFileCodeReference(file_path=str(path), label=path.name) for path in files]
        )


def _result(model: Model, row_count: int | None, more: dict[str, Any]) -> "dg.MaterializeResult[Any]":
    """Tell of a table that is made; of a view nobody counts the rows."""
    counted = {} if row_count is None else {"dagster/row_count": row_count}
    return dg.MaterializeResult(asset_key=asset_key(model.key), metadata=counted | more)


def _poll_metadata(summary: PollSummary) -> dict[str, Any]:
    """Take the counts and the state of a poll; nothing that came out of a response body."""
    counts = {name: value for name, value in asdict(summary).items() if name.endswith("_count")}
    return {"poll_id": summary.poll_id, "status": summary.status, "source": summary.source} | counts
