"""What a Celery worker runs: whole runs of Dagster, each in one process of this machine, with the settings of this home.

`celery -A pipelines.orchestrate.celery_worker worker -Q <shard> -c 1`. Broker and storage are those of dagster.yaml in
DAGSTER_HOME. Nothing else imports this module, which needs the extra `celery`.
"""

import dagster as dg
from celery import Celery
from celery.signals import worker_ready
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from pipelines.clock import utc_now
from pipelines.errors import BadSettings
from pipelines.orchestrate.run_liveness import end_dead_runs
from pipelines.settings import Settings


def worker_app() -> Celery:
    """Return the application that the run launcher sends its tasks to. Raises BadSettings without one."""
    with dg.DagsterInstance.get() as instance:
        launcher = instance.run_launcher
        if not isinstance(launcher, CeleryRunLauncher):
            raise BadSettings(
                "dagster.yaml in DAGSTER_HOME names no CeleryRunLauncher, so no run would ever come here; "
                "deploy/celery/dagster.yaml shows one"
            )
        return launcher.celery


# Before it takes any task: a home that is wrong is told at once.
settings = Settings.load()
app = worker_app()
create_execute_job_task(app)
create_resume_job_task(app)


@worker_ready.connect  # type: ignore[untyped-decorator]
def end_what_a_kill_left(**_: object) -> None:
    """End runs of this home that stand as started: whoever restarted this worker did so since they are gone."""
    with dg.DagsterInstance.get() as instance:
        end_dead_runs(instance, settings.layout, utc_now(), settings.shard)
