"""One task over time: its fields at an instant, its schedule, and the runs of its ticks.

Runs are computed when they are asked for, always with the same result. Their JSON is written in run_json.py.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from operator import itemgetter
from typing import Any, NamedTuple

from pipelines.simulator import seeded_random
from pipelines.simulator.arrivals import Arrivals, Skip
from pipelines.simulator.cron_ticks import TickSource, TickSources
from pipelines.simulator.run_lifecycle import MAX_INSERT_LAG_MS, Draw, draw_run, with_extras
from pipelines.simulator.runs import Run
from pipelines.simulator.tasks import CHANGEABLE, SimRun, SimTask
from pipelines.simulator.time_units import DAY, SECOND, to_ms

WINDOW_RUNS = 5
WINDOW_MS = 7 * DAY
_NEVER = 1 << 60
_UNIT = 1 << 24


class Segment(NamedTuple):
    """A span of time [from, to) in which one schedule fires by one cron, with one mix of outcomes."""

    from_ms: int
    to_ms: int
    period: int
    schedule_id: str
    cron: str
    timezone: str
    ticks: TickSource
    draw: Draw
    arrivals: Arrivals | None


class Period(NamedTuple):
    """A span of time in which a schedule exists; it fires from `fires_from_ms` on, not before the simulation begins."""

    from_ms: int
    fires_from_ms: int
    to_ms: int
    schedule_id: str


class Fire(NamedTuple):
    """One instant of a schedule: its run, or why it has none; `is_tick` is false for a run that no tick asked for."""

    tick_ms: int
    run: Run | None
    is_tick: bool
    skip: Skip | None


class Timeline:
    """One task with its instants worked out."""

    def __init__(self, task: SimTask, seed: int, sources: TickSources, epoch_ms: int) -> None:
        self.task = task
        self.seed = seeded_random.hash_64(task.task_id, seed)
        self.created_ms = to_ms(task.created_at)
        self.deleted_ms = to_ms(task.deleted_at) if task.deleted_at else _NEVER
        self._configs = self._work_out_configs()
        self._config_starts = [start for start, _ in self._configs]
        self.periods = self._work_out_periods(epoch_ms)
        self.segments = [segment for index in range(len(self.periods)) for segment in self._cut(index, sources)]
        self._stated = {to_ms(run.created_at): run for run in task.runs or ()}
        self._stated_ms = sorted(self._stated)
        lost = [run.created_at for run in task.runs or () if self.segment_at(to_ms(run.created_at)) is None]
        if len(self._stated) != len(task.runs or ()):
            raise ValueError(f"simulated task {task.task_id}: two stated runs share one created_at; move one")
        if lost:
            raise ValueError(f"simulated task {task.task_id}: no schedule exists at {lost[0]}; widen `enabled`")
        self._skip_below = int(task.skip_ratio * _UNIT)

    def _work_out_configs(self) -> list[tuple[int, dict[str, Any]]]:
        fields = {name: getattr(self.task, name) for name in CHANGEABLE}
        configs = [(0, fields)]
        for instant, change in sorted(self.task.changes, key=itemgetter(0)):
            fields = fields | dict(change)
            configs.append((to_ms(instant), fields))
        return configs

    def _work_out_periods(self, epoch_ms: int) -> list[Period]:
        stated = self.task.enabled if self.task.enabled is not None else ((self.task.created_at, None),)
        periods = []
        for number, (start, end) in enumerate(stated):
            from_ms, to = to_ms(start), min(to_ms(end) if end else _NEVER, self.deleted_ms)
            schedule = seeded_random.schedule_id(self.seed, f"schedule {number}")
            periods.append(Period(from_ms, max(from_ms, epoch_ms), to, schedule))
        return periods

    def _cut(self, number: int, sources: TickSources) -> Iterator[Segment]:
        period = self.periods[number]
        starts = [*self._config_starts, _NEVER]
        for (start, fields), end in zip(self._configs, starts[1:], strict=True):
            low, high = max(start, period.fires_from_ms), min(end, period.to_ms)
            if low < high:
                cron, timezone = fields["cron"], self.timezone_at(number, low)
                ticks, late, schedule = sources.get(cron, timezone), self.task.lateness, period.schedule_id
                arrivals = None if late is None else Arrivals(late, schedule, low, high, ticks)
                yield Segment(low, high, number, schedule, cron, timezone, ticks, self._draw(fields), arrivals)

    def _draw(self, fields: dict[str, Any]) -> Draw:
        kinds = tuple(fields["mix"])
        limits = tuple(int(limit * _UNIT) for limit in accumulate(fields["mix"].values()))
        low, high = fields["duration_ms"]
        return Draw(kinds, limits, low, high - low, int(self.task.slow_ratio * _UNIT), self.task.slow_ms)

    def exists_at(self, now_ms: int) -> bool:
        """Tell whether the task's row is in the database."""
        return self.created_ms <= now_ms < self.deleted_ms

    def fields_at(self, now_ms: int) -> dict[str, Any]:
        """Return the changeable fields as they stand."""
        return self._configs[max(bisect_right(self._config_starts, now_ms) - 1, 0)][1]

    def timezone_at(self, period: int, now_ms: int) -> str:
        """Return the zone of the schedule of a period: UTC once the task was enabled again, until it is changed."""
        from_ms = self.periods[period].from_ms
        named: list[str] = [
            change["timezone"]
            for instant, change in sorted(self.task.changes, key=itemgetter(0))
            if "timezone" in change and to_ms(instant) <= now_ms and (period == 0 or to_ms(instant) >= from_ms)
        ]
        return named[-1] if named else (self.task.timezone if period == 0 else "UTC")

    def period_at(self, now_ms: int) -> int | None:
        """Return the number of the enabled period, or None while there is no schedule."""
        for number, period in enumerate(self.periods):
            if period.from_ms <= now_ms < period.to_ms:
                return number
        return None

    def segment_at(self, instant_ms: int) -> Segment | None:
        """Return the segment whose schedule is in force at an instant."""
        return next((s for s in self.segments if s.from_ms <= instant_ms < s.to_ms), None)

    def _fire(self, segment: Segment, tick_ms: int) -> Fire:
        """Return what came of an instant of a schedule."""
        is_tick = self.task.runs is None or _is_tick(segment, tick_ms)
        fate = segment.arrivals.fate(tick_ms) if segment.arrivals else tick_ms
        if isinstance(fate, str):
            return Fire(tick_ms, None, is_tick, fate)
        run = self._run(segment, tick_ms, fate)
        return Fire(tick_ms, run, is_tick, None if run else "refused")

    def _run(self, segment: Segment, tick_ms: int, triggered_ms: int) -> Run | None:
        """Return the run of a tick, or None when the source refused to make one."""
        bits = seeded_random.hash_128(tick_ms.to_bytes(8, "big"), self.seed)
        if self.task.runs is not None:
            stated = self._stated.get(tick_ms)
            return self._stated_run(segment, tick_ms, bits, stated) if stated else None
        if (bits >> 104) < self._skip_below:
            return None
        run = draw_run(segment.draw, segment.schedule_id, tick_ms, triggered_ms, bits)
        return with_extras(run, self.task.extras) if self.task.extras else run

    def _stated_run(self, segment: Segment, tick_ms: int, bits: int, stated: SimRun) -> Run:
        low = stated.duration_ms
        draw = Draw((stated.kind,), (_UNIT,), *(segment.draw[2:4] if low is None else (low, 0)), 0, (0, 0))
        triggered_ms = to_ms(stated.inserted_at) if stated.inserted_at else tick_ms
        run = draw_run(draw, segment.schedule_id, tick_ms, triggered_ms, bits)
        return run._replace(run_id=stated.run_id or run.run_id, is_test=stated.is_test)

    def fires(self, from_ms: int, to_ms_: int) -> Iterator[Fire]:
        """Yield what came of each instant of a schedule in [from, to), oldest first."""
        for segment in self.segments:
            for tick_ms in self._instants(segment, from_ms, to_ms_):
                yield self._fire(segment, tick_ms)

    def _instants(self, segment: Segment, from_ms: int, to_ms_: int) -> list[int]:
        low, high = max(segment.from_ms, from_ms), min(segment.to_ms, to_ms_)
        if low >= high:
            return []
        # Whole seconds: a bound within a second belongs to the next tick.
        first, last = (segment.ticks.index_at(-(-bound // SECOND)) for bound in (low, high))
        instants = [second * SECOND for second in segment.ticks.seconds[first:last]]
        stated = [ms for ms in self._stated_ms if low <= ms < high]
        return sorted({*instants, *stated}) if stated else instants

    def runs_back(self, now_ms: int, since_ms: int, period: int | None = None) -> Iterator[Run]:
        """Yield the listed runs created since an instant, newest first; of one enabled period if named."""
        for segment in reversed(self.segments):
            if period is not None and segment.period != period:
                continue
            yield from self._segment_back(segment, now_ms, since_ms)

    def _segment_back(self, segment: Segment, now_ms: int, since_ms: int) -> Iterator[Run]:
        for tick_ms, triggered_ms in self._triggered_back(segment, now_ms, since_ms):
            run = self._run(segment, tick_ms, triggered_ms)
            if run is not None and run.listed_ms <= now_ms:
                yield run

    def _triggered_back(self, segment: Segment, now_ms: int, since_ms: int) -> Iterator[tuple[int, int]]:
        """Yield (tick, instant of the trigger) of a segment's ticks since an instant, newest first."""
        low, high = max(segment.from_ms, since_ms), min(segment.to_ms, now_ms + 1)
        if self.task.runs is not None:
            yield from ((ms, ms) for ms in reversed(self._stated_ms) if low <= ms < segment.to_ms)
        elif segment.arrivals is not None:
            yield from segment.arrivals.back(now_ms, low)
        elif low < high:
            first, last = (segment.ticks.index_at(-(-bound // SECOND)) for bound in (low, high))
            seconds = segment.ticks.seconds
            yield from ((seconds[i] * SECOND, seconds[i] * SECOND) for i in range(last - 1, first - 1, -1))

    def window(self, now_ms: int) -> list[Run]:
        """Return what `recent_runs` shows: at most five runs of seven days of the current schedule."""
        period = self.period_at(now_ms)
        if period is None or not self.exists_at(now_ms):
            return []
        runs: list[Run] = []
        for run in self.runs_back(now_ms, now_ms - WINDOW_MS, period):
            runs.append(run)
            if len(runs) == WINDOW_RUNS:
                break
        return runs

    def find(self, run_id: str, now_ms: int) -> Run | None:
        """Return the run with an id, if it has been inserted by now."""
        # A stated run may have an id of any form, and an ordinary id carries the instant of the insertion.
        inserted_ms = now_ms if self.task.runs is not None else seeded_random.run_id_time(run_id)
        if inserted_ms is None or inserted_ms > now_ms:
            return None
        least_ms = 0 if self.task.runs is not None else inserted_ms - MAX_INSERT_LAG_MS
        for segment in self.segments:
            for tick_ms, triggered_ms in self._triggered_back(
                segment, inserted_ms, 0 if segment.arrivals else least_ms
            ):
                if triggered_ms < least_ms:
                    break
                run = self._run(segment, tick_ms, triggered_ms)
                if run is not None and run.run_id == run_id and run.inserted_ms <= now_ms:
                    return run
        return None


def _is_tick(segment: Segment, instant_ms: int) -> bool:
    if instant_ms % SECOND:
        return False
    second = instant_ms // SECOND
    index = segment.ticks.index_at(second)
    return index < len(segment.ticks.seconds) and segment.ticks.seconds[index] == second
