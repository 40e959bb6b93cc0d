"""What the assets are given: settings, models, clock and client in one value, and the steps they run with it.

The steps themselves live in plain modules that know no Dagster; which asset runs which step belongs to assets.py.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from pipelines.clock import Clock, utc_now
from pipelines.database.connection import Warehouse
from pipelines.errors import BadPayload, RecoupError, Unreachable, WarehouseBusy
from pipelines.incidents.watch import beat, note_build
from pipelines.lake.update import LakeUpdate
from pipelines.load.poll_rows import PollSummary
from pipelines.machine_faults import in_words
from pipelines.nightly import (
    NightReport,
    build_missing_and_note,
    check_and_publish,
    nightly,
    poll_and_note,
    update_lake,
)
from pipelines.orchestrate.run_liveness import alive
from pipelines.publish.publisher import count_rows
from pipelines.publish.snapshots import Snapshot
from pipelines.recoup.client import RecoupClient
from pipelines.report.dagster_images import pictures
from pipelines.report.publish_hook import ReportAttachment, WriteReport
from pipelines.settings import Settings
from pipelines.transform.build import BuildReport
from pipelines.transform.built import build_some
from pipelines.transform.checks import CheckResult, run_checks
from pipelines.transform.model import Key, Model

# These may pass by themselves; with every other error a person has to change something.
_PASSING_ERRORS = (BadPayload, Unreachable, WarehouseBusy)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The parts of one pipeline. Tests and the command line swap any of them."""

    settings: Settings
    models: tuple[Model, ...]
    clock: Clock = utc_now
    make_client: Callable[[Settings, Clock], RecoupClient] | None = None
    write_report: WriteReport | None = None

    @property
    def warehouse(self) -> Warehouse:
        """The work file and its lock."""
        return Warehouse.of(self.settings)

    def poll(self) -> PollSummary:
        """Poll once."""
        client = self.make_client(self.settings, self.clock) if self.make_client else None
        try:
            return poll_and_note(self.settings, clock=self.clock, client=client)
        finally:
            if client is not None:
                client.close()

    def night(self) -> NightReport:
        """Poll, build, check, publish and hand over, as the command line does."""
        client = self.make_client(self.settings, self.clock) if self.make_client else None
        try:
            return nightly(self.settings, clock=self.clock, client=client)
        finally:
            if client is not None:
                client.close()

    def build(self, only: Collection[Key]) -> BuildReport:
        """Build the named marts."""
        with self.warehouse.write() as con:
            report = build_some(con, self.settings, self.models, self.clock(), only)
            if len(report.seconds) == sum(not model.is_base for model in self.models):
                note_build(con, self.settings, self.clock)
            return report

    def row_counts(self, schema: str) -> dict[Key, int]:
        """Count the rows of each table of a schema."""
        with self.warehouse.write() as con:
            counts = count_rows(con)
        keys = {tuple(table.split(".", 1)): count for table, count in counts.items()}
        return {(key[0], key[1]): count for key, count in keys.items() if key[0] == schema}

    def pictures(self) -> dict[Key, str]:
        """The main charts in Markdown, by the mart they show; none where no report is written either."""
        if self.write_report is None:
            return {}
        with self.warehouse.write() as con:
            return pictures(con, self.settings.layout.pictures_file)

    def check(self) -> list[CheckResult]:
        """Run all checks on core and marts; built first, when a poll came between."""
        with self.warehouse.write() as con:
            build_missing_and_note(self.settings, self.models, self.clock, con)
            return run_checks(con, self.models)

    def publish(self, report: ReportAttachment | None = None) -> Snapshot:
        """Publish the work file, with the report when there is one."""
        return check_and_publish(self.settings, clock=self.clock, models=self.models, report=report)

    def update_lake(self) -> LakeUpdate:
        """Bring the lake, if there is one, up to what is published; an error in it is raised only at the end."""
        return update_lake(self.settings, self.clock)

    def report(self) -> ReportAttachment | None:
        """The report of the next publish; an error in it is raised only after the data are live."""
        return ReportAttachment(self.write_report) if self.write_report else None


def pipeline_resource(pipeline: Pipeline, night_job: str) -> dg.ResourceDefinition:
    """Give a pipeline to assets and sensors; while a run has it, the run is marked as alive.

    A run of `night_job` tells the heartbeat that it began; its last step, or the failure sensor, tells how it ended.
    """

    def lend(context: dg.InitResourceContext) -> Iterator[Pipeline]:
        if context.run is None:
            yield pipeline
            return
        with alive(pipeline.settings.layout, context.run.run_id):
            if context.run.job_name == night_job:
                beat(pipeline.settings, "/start")
            yield pipeline

    return dg.ResourceDefinition(lend, description="Settings, models, clock and client of the pipeline.")


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """End a step with the one line of our error instead of a traceback; retry only errors that may pass by themselves."""
    try:
        yield
    except RecoupError as error:
        raise dg.Failure(str(error), allow_retries=isinstance(error, _PASSING_ERRORS)) from None
    except Exception as error:
        fault = in_words(error)
        if fault is None:
            raise
        raise dg.Failure(str(fault), allow_retries=isinstance(fault, _PASSING_ERRORS)) from None
