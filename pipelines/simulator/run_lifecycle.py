"""What one run does from its tick to its end: a pure function of random bits and of the kind they choose.

Which ticks have runs is decided in timeline.py; the state of a run at an instant is in runs.py.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from pipelines.simulator import seeded_random
from pipelines.simulator.runs import LAST_TOUCH_MS, Run
from pipelines.simulator.time_units import HOUR, MINUTE

MAX_INSERT_LAG_MS = 700
MAX_LISTING_LAG_MS = 3 * 1000
SHORT_TTL_MS = 10 * MINUTE
MAX_DURATION_MS = HOUR
_UNIT = 1 << 24
_ID_MIX = 0x9E3779B97F4A7C15F39D


class Draw(NamedTuple):
    """The probabilities in force: of each kind (24 bits, cumulative), and the shortest duration and its range."""

    kinds: tuple[str, ...]
    limits: tuple[int, ...]
    least_ms: int
    span_ms: int
    slow_below: int
    slow_ms: tuple[int, int]


def draw_run(draw: Draw, schedule_id: str, tick_ms: int, triggered_ms: int, bits: int) -> Run:
    """Turn 128 random bits into the life of the run of a tick, which begins when it is triggered."""
    inserted = triggered_ms + 150 + (bits >> 56 & 0x1FF)
    listed = inserted + 850 + (bits >> 60 & 0x3FF)
    dequeued = inserted + 300 + (bits >> 66 & 0x7FF)
    started = dequeued + 250 + (bits >> 78 & 0x1FF)
    if (bits >> 88 & 0xFFFF) << 8 < draw.slow_below:
        low, high = draw.slow_ms
        duration = low + ((high - low) * (bits >> 24 & 0xFFFF) >> 16)
    else:
        # The product of two random numbers is more often small than large, as real durations are.
        duration = draw.least_ms + (draw.span_ms * (bits >> 24 & 0xFFFF) * (bits >> 40 & 0xFFFF) >> 32)
    run_id = seeded_random.run_id(inserted, bits * _ID_MIX)
    index = bisect_right(draw.limits, bits & 0xFFFFFF)
    if index < len(draw.kinds) and draw.kinds[index] != "completed":
        script = _Script(inserted, dequeued, started, duration, bits >> 30 & 0xFFFF)
        _SCRIPTS[draw.kinds[index]](script)
        return script.run(run_id, schedule_id, tick_ms, draw.kinds[index], listed, bits)
    finished = started + duration
    tagged = started + min(700 + (bits >> 70 & 0x3FF), duration >> 1)
    phases = (
        (inserted, "PENDING"),
        (dequeued, "DEQUEUED"),
        (started, "EXECUTING"),
        (tagged, "EXECUTING"),
        (finished + LAST_TOUCH_MS, "COMPLETED_SUCCESSFULLY"),
    )
    attempts = ((started, finished),)
    return Run(
        run_id, schedule_id, tick_ms, "completed", phases, attempts, dequeued, tagged, finished, listed, False, bits
    )


def with_extras(run: Run, ratios: Mapping[str, float]) -> Run:
    """Give a run those of the extras that its own random bits choose."""
    chosen = frozenset(
        name for name, ratio in ratios.items() if seeded_random.hash_64(name, run.bits) % _UNIT < ratio * _UNIT
    )
    return run._replace(is_test="test" in chosen, extras=chosen)


class _Script:
    """Builds the less common lives step by step; `clock` is the instant of the latest step."""

    def __init__(self, inserted: int, dequeued: int, started: int, duration: int, chance: int) -> None:
        self.phases = [(inserted, "PENDING")]
        self.attempts: list[tuple[int, int]] = []
        self.clock = inserted
        self.queue_ms = dequeued - inserted
        self.start_ms = started - dequeued
        self.duration = duration
        self.chance = chance
        self.dequeued = self.tagged = self.finished = 0

    def enter(self, status: str, after_ms: int) -> None:
        self.clock += after_ms
        self.phases.append((self.clock, status))

    def hold(self, status: str, for_ms: int) -> None:
        """Replace the first state: the run has to wait before it may queue."""
        self.phases[0] = (self.clock, status)
        self.enter("PENDING", for_ms)

    def dequeue(self) -> None:
        self.enter("DEQUEUED", self.queue_ms)
        self.dequeued = self.clock

    def attempt(self, for_ms: int, tags: bool = True) -> None:
        self.enter("EXECUTING", self.start_ms)
        began = self.clock
        if tags and not self.tagged:
            self.tagged = began + min(900, for_ms >> 1)
            self.phases.append((self.tagged, "EXECUTING"))
        self.clock = began + for_ms
        self.attempts.append((began, self.clock))

    def retry(self) -> None:
        """Wait for the next attempt: 1 to 10 s, doubling, as the defaults of the worker are."""
        self.phases.append((self.clock + LAST_TOUCH_MS, "RETRYING_AFTER_FAILURE"))
        self.clock += 1000 * 2 ** len(self.attempts) + self.chance % 800

    def end(self, status: str, finished: bool = True) -> None:
        self.finished = self.clock if finished else 0
        self.enter(status, LAST_TOUCH_MS)

    def run(self, run_id: str, schedule_id: str, tick_ms: int, kind: str, listed: int, bits: int) -> Run:
        life = tuple(self.phases), tuple(self.attempts), self.dequeued, self.tagged, self.finished
        return Run(run_id, schedule_id, tick_ms, kind, *life, listed, False, bits)


def _one_attempt(script: _Script, status: str, part: float = 1.0, tags: bool = True) -> None:
    script.dequeue()
    script.attempt(max(int(script.duration * part), 40), tags)
    script.end(status)


def _retried(script: _Script) -> None:
    script.dequeue()
    for _ in range(1 + script.chance % 2):
        script.attempt(max(script.duration // 2, 40))
        script.retry()
    script.attempt(script.duration)
    script.end("COMPLETED_SUCCESSFULLY")


def _failed(script: _Script) -> None:
    script.dequeue()
    for share in (3, 3):
        script.attempt(max(script.duration // share, 40))
        script.retry()
    script.attempt(max(script.duration // 3, 40))
    script.end("COMPLETED_WITH_ERRORS")


def _waited(script: _Script) -> None:
    """Compute, wait, compute again: the wait lies within the attempt but costs nothing."""
    script.dequeue()
    script.attempt(script.duration)
    script.enter("WAITING_TO_RESUME", LAST_TOUCH_MS)
    script.enter("EXECUTING", 2 * MINUTE + script.chance)
    script.clock += 1500
    script.end("COMPLETED_SUCCESSFULLY")


def _held(script: _Script, status: str, for_ms: int) -> None:
    script.hold(status, for_ms + script.chance)
    _one_attempt(script, "COMPLETED_SUCCESSFULLY")


def _timed_out(script: _Script) -> None:
    script.duration = MAX_DURATION_MS
    _one_attempt(script, "TIMED_OUT")


def _cancelled_in_queue(script: _Script) -> None:
    script.clock += 5000 + script.chance % 4000
    script.end("CANCELED")


def _expired(script: _Script) -> None:
    # Never dequeued: no start, no base cost, and no completedAt either.
    script.clock += SHORT_TTL_MS
    script.end("EXPIRED", finished=False)


_SCRIPTS = {
    "retried": _retried,
    "waited": _waited,
    "delayed": lambda script: _held(script, "DELAYED", 30_000),
    "pending_version": lambda script: _held(script, "PENDING_VERSION", 90_000),
    "waiting_for_deploy": lambda script: _held(script, "WAITING_FOR_DEPLOY", 60_000),
    "failed": _failed,
    "interrupted": lambda script: _one_attempt(script, "INTERRUPTED", 0.6),
    "crashed": lambda script: _one_attempt(script, "CRASHED", 0.8),
    "crashed_before_start": lambda script: _one_attempt(script, "CRASHED", 0.02, tags=False),
    "system_failure": lambda script: _one_attempt(script, "SYSTEM_FAILURE", 0.3),
    "timed_out": _timed_out,
    "cancelled": lambda script: _one_attempt(script, "CANCELED", 0.5),
    "cancelled_in_queue": _cancelled_in_queue,
    "expired": _expired,
}
