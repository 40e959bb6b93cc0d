"""When the run of a tick is inserted: cron spread, early and late insertion, stalls, and the ticks that get no run.

What the run then does is in run_lifecycle.py. Without a `Lateness`, every run is inserted at its tick.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Literal

from pipelines.simulator import seeded_random
from pipelines.simulator.cron_ticks import TickSource
from pipelines.simulator.run_lifecycle import MAX_INSERT_LAG_MS, MAX_LISTING_LAG_MS
from pipelines.simulator.tasks import Lateness
from pipelines.simulator.time_units import SECOND, to_ms

# Why a tick has no run. refused: the source made none (queue limit, entitlement). stall: its time had passed when the
# run before it was inserted. replaced: the task was changed, disabled or deleted before the run was inserted.
Skip = Literal["refused", "stall", "replaced"]
_UNIT = 1 << 24


class Arrivals:
    """The ticks of one schedule in [from, to), each with the instant at which its run is triggered, or with a `Skip`.

    As in the real engine, a schedule has one pending tick at a time. When its run is triggered, the next pending tick
    is the first whose own time (the spread included) has not passed. So runs never arrive out of order.
    """

    def __init__(self, lateness: Lateness, schedule_id: str, from_ms: int, to_ms_: int, ticks: TickSource) -> None:
        self._lateness = lateness
        self._seed = seeded_random.hash_64(schedule_id, 0)
        self._spread_ms = self._seed % (lateness.spread_s * SECOND + 1)
        self._late_below = int(lateness.late_ratio * _UNIT)
        self._stalls = sorted((to_ms(start), to_ms(end)) for start, end in lateness.stalls)
        self._to_ms = to_ms_
        self._least_ms = from_ms
        self._source = ticks
        self._index = ticks.index_at(-(-from_ms // SECOND))
        self._ticks, self._triggered = array("q"), array("q")
        self._fates: dict[int, int | Skip] = {}

    def fate(self, tick_ms: int) -> int | Skip:
        """Return when the run of a tick is triggered, or why there is none."""
        self._reach(tick_ms)
        return self._fates[tick_ms]

    def back(self, now_ms: int, since_ms: int) -> Iterator[tuple[int, int]]:
        """Yield (tick, instant of the trigger) of what is triggered by now, newest first, for ticks from `since_ms` on."""
        self._reach(now_ms + self._lateness.early_s * SECOND)
        first, last = bisect_left(self._ticks, since_ms), bisect_right(self._triggered, now_ms)
        for index in range(last - 1, first - 1, -1):
            yield self._ticks[index], self._triggered[index]

    def _reach(self, tick_ms: int) -> None:
        """Work out the ticks up to an instant, one after the other."""
        while (pending_ms := self._tick(self._index)) is not None and pending_ms <= tick_ms:
            self._index += 1
            triggered_ms = self._trigger(pending_ms)
            # So far apart, insertion and listing keep the order, however long they take.
            self._least_ms = triggered_ms + MAX_LISTING_LAG_MS
            if triggered_ms >= self._to_ms:
                self._fates[pending_ms] = "replaced"
                continue
            self._fates[pending_ms] = triggered_ms
            self._ticks.append(pending_ms)
            self._triggered.append(triggered_ms)
            self._skip_passed(triggered_ms)

    def _tick(self, index: int) -> int | None:
        seconds = self._source.seconds
        if index >= len(seconds):
            self._source.after(seconds[-1] if seconds else 0, 1)
        if index >= len(seconds) or seconds[index] * SECOND >= self._to_ms:
            return None
        return seconds[index] * SECOND

    def _trigger(self, tick_ms: int) -> int:
        bits = seeded_random.hash_128(tick_ms.to_bytes(8, "big"), self._seed)
        at_ms = tick_ms + self._spread_ms
        if bits & 0xFFFFFF < self._late_below:
            least, most = self._lateness.late_s
            at_ms += (least * SECOND << 16) + (most - least) * SECOND * (bits >> 24 & 0xFFFF) >> 16
        else:
            at_ms -= self._lateness.early_s * SECOND * (bits >> 24 & 0xFFFF) >> 16
        at_ms = max(at_ms, self._least_ms)
        for start_ms, end_ms in self._stalls:
            # A run is inserted a moment after its trigger, and in a stall nothing is inserted.
            if start_ms - MAX_INSERT_LAG_MS <= at_ms < end_ms:
                at_ms = end_ms
        return at_ms

    def _skip_passed(self, triggered_ms: int) -> None:
        while (tick_ms := self._tick(self._index)) is not None and tick_ms + self._spread_ms <= triggered_ms:
            self._fates[tick_ms] = "stall"
            self._index += 1
