"""The runs listing of one account: the tagged runs of the last seven days, of all its tasks and of other kinds.

As in the real one, some failures are absent: a run that ended before the worker tagged it is not listed.
"""

import heapq
from collections.abc import Iterator
from itertools import islice

from pipelines.simulator.fleet import Fleet
from pipelines.simulator.other_runs import ForeignRuns
from pipelines.simulator.run_json import Json, listed_run
from pipelines.simulator.runs import Run
from pipelines.simulator.timeline import WINDOW_MS, Timeline

_Entry = tuple[int, str, Run, ForeignRuns | None]


def account_listing(fleet: Fleet, account_id: str, now_ms: int, limit: int) -> list[Json]:
    """Return up to `limit` runs, newest first. Deleted tasks and replaced schedules are included."""
    streams = [_scheduled(line, now_ms) for line in fleet.timelines if line.task.account_id == account_id]
    other = fleet.foreign.get(account_id)
    if other:
        streams.append(_other(other, now_ms))
    entries = heapq.merge(*streams, key=lambda entry: entry[:2], reverse=True)
    return [_write(entry, now_ms, account_id, fleet.env_id) for entry in islice(entries, limit)]


def _scheduled(line: Timeline, now_ms: int) -> Iterator[_Entry]:
    for run in line.runs_back(now_ms, now_ms - WINDOW_MS):
        if run.tagged_ms and run.tagged_ms <= now_ms:
            yield run.tick_ms, run.run_id, run, None


def _other(foreign: ForeignRuns, now_ms: int) -> Iterator[_Entry]:
    for run in foreign.back(now_ms, now_ms - WINDOW_MS):
        if run.tagged_ms and run.tagged_ms <= now_ms:
            yield run.tick_ms, run.run_id, run, foreign


def _write(entry: _Entry, now_ms: int, account_id: str, env_id: str) -> Json:
    _, _, run, foreign = entry
    return foreign.listed(run, now_ms, env_id) if foreign else listed_run(run, now_ms, account_id, env_id)
