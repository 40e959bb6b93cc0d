"""One run as a list of dated states, and its state at an instant, in the internal names of Trigger.dev.

How the states are chosen is in run_lifecycle.py; how they are written as JSON is in run_json.py.
"""

from typing import NamedTuple

BASE_CENTS = 0.0025
# In units of a hundred-millionth of a cent, so that costs are sums of whole numbers and come out as clean decimals.
UNITS_PER_MS = 169
UNITS_PER_CENT = 10**8
# Upstream writes the end of a run and, this much later, updates the row once more.
LAST_TOUCH_MS = 35


class Run(NamedTuple):
    """The whole life of one run. Instants are milliseconds since 1970; 0 means never."""

    run_id: str
    schedule_id: str
    tick_ms: int
    kind: str
    phases: tuple[tuple[int, str], ...]
    attempts: tuple[tuple[int, int], ...]
    dequeued_ms: int
    tagged_ms: int
    finished_ms: int
    listed_ms: int
    is_test: bool
    bits: int
    extras: frozenset[str] = frozenset()

    @property
    def inserted_ms(self) -> int:
        """The instant of the insertion into the database."""
        return self.phases[0][0]

    @property
    def final_ms(self) -> int:
        """The instant from which nothing changes any more."""
        return self.phases[-1][0]


class RunState(NamedTuple):
    """A run at one instant; each endpoint of the API has its own name for the status."""

    status: str
    updated_ms: int
    dequeued_ms: int
    started_ms: int
    finished_ms: int
    tagged: bool
    compute_cents: float
    base_cents: float
    duration_ms: int
    attempt_count: int


def state_at(run: Run, now_ms: int) -> RunState:
    """Return the state of a run at an instant at which it exists."""
    if now_ms >= run.phases[-1][0]:
        updated_ms, status = run.phases[-1]
        ended, began = run.attempts, run.attempts
    else:
        passed = [phase for phase in run.phases if phase[0] <= now_ms]
        updated_ms, status = passed[-1] if passed else run.phases[0]
        ended = tuple(part for part in run.attempts if part[1] + LAST_TOUCH_MS <= now_ms)
        began = tuple(part for part in run.attempts if part[0] <= now_ms)
    duration = sum(end - start for start, end in ended)
    dequeued = run.dequeued_ms if run.dequeued_ms <= now_ms else 0
    return RunState(
        status,
        updated_ms,
        dequeued,
        began[0][0] if began else 0,
        run.finished_ms if now_ms >= run.phases[-1][0] else 0,
        0 < run.tagged_ms <= now_ms,
        duration * UNITS_PER_MS / UNITS_PER_CENT,
        BASE_CENTS if dequeued else 0.0,
        duration,
        len(began),
    )
