"""All tasks of a simulated Recoup. Which tasks those are is decided in demo_fleet.py or by a test.

No clock and no HTTP here.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property

from pipelines.simulator import seeded_random
from pipelines.simulator.cron_ticks import TickSources
from pipelines.simulator.other_runs import ForeignRuns
from pipelines.simulator.runs import Run
from pipelines.simulator.tasks import SimTask
from pipelines.simulator.time_units import SECOND, to_ms
from pipelines.simulator.timeline import Timeline


class Fleet:
    """Tasks and a seed. Nothing fires before `start` (None: before the first task was enabled)."""

    def __init__(self, tasks: Iterable[SimTask], *, seed: int = 0, start: datetime | None = None) -> None:
        self.tasks = tuple(tasks)
        self.seed = seed
        self.start = start or _first_enabled(self.tasks)
        self._epoch_ms = to_ms(self.start) if self.start else 0
        self.env_id = seeded_random.cuid(seed, "environment")

    @classmethod
    def demo(cls, seed: int, start: datetime, *, history: timedelta = timedelta(0)) -> "Fleet":
        """Return two dozen tasks of three accounts with one example of every kind of trouble; see demo_fleet.py.

        With `history`, runs exist from that long before `start`; changes still happen after it.
        """
        from pipelines.simulator.demo_fleet import demo_tasks

        return cls(demo_tasks(seed, start), seed=seed, start=start - history)

    @cached_property
    def timelines(self) -> tuple[Timeline, ...]:
        """The tasks over time, newest created first, as the API orders them."""
        sources = TickSources(self._epoch_ms // SECOND)
        lines = [Timeline(task, self.seed, sources, self._epoch_ms) for task in self.tasks]
        return tuple(sorted(lines, key=lambda line: line.created_ms, reverse=True))

    @cached_property
    def account_ids(self) -> tuple[str, ...]:
        """The accounts in the order of the tasks; the first is the key's own."""
        return tuple(dict.fromkeys(task.account_id for task in self.tasks))

    @cached_property
    def foreign(self) -> dict[str, ForeignRuns]:
        """The runs of other kinds, by account."""
        return {account: ForeignRuns(account, self.seed, self._epoch_ms) for account in self.account_ids}

    def find(self, run_id: str, now_ms: int) -> tuple[Timeline, Run] | None:
        """Return a scheduled run and its task by run id."""
        for line in self.timelines:
            run = line.find(run_id, now_ms)
            if run is not None:
                return line, run
        return None


def _first_enabled(tasks: tuple[SimTask, ...]) -> datetime | None:
    starts = [start for task in tasks for start, _ in task.enabled or ()]
    starts += [task.created_at for task in tasks if task.enabled is None]
    return min(starts, default=None)
