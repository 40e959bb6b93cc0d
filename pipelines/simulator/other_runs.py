"""Runs of other kinds in the listing of an account: sandbox commands, content, coding agents.

They belong to no Recoup task, so the ground truth of the tests leaves them out.
"""

from collections.abc import Iterator

from pipelines.simulator import seeded_random
from pipelines.simulator.run_json import Json, listed_run, retrieved_run
from pipelines.simulator.run_lifecycle import MAX_INSERT_LAG_MS, Draw, draw_run
from pipelines.simulator.runs import Run
from pipelines.simulator.time_units import HOUR, MINUTE

_SLOT_MS = 3 * HOUR
_IDENTIFIERS = ("run-sandbox-command", "run-sandbox-command", "setup-sandbox", "create-content", "coding-agent")
_DRAW = Draw(("failed", "crashed"), (500_000, 800_000), 4_000, 600_000, 0, (0, 0))


class ForeignRuns:
    """The other runs of one account: at most one in every three hours."""

    def __init__(self, account_id: str, seed: int, epoch_ms: int) -> None:
        self._account_id = account_id
        self._seed = seeded_random.hash_64(f"foreign {account_id}", seed)
        self._epoch_ms = epoch_ms

    def _in_slot(self, slot: int) -> Run | None:
        bits = seeded_random.hash_128(slot.to_bytes(8, "big"), self._seed)
        created_ms = slot * _SLOT_MS + (bits >> 90) % (_SLOT_MS - 30 * MINUTE)
        if bits % 5 == 0 or created_ms < self._epoch_ms:
            return None
        return draw_run(_DRAW, "", created_ms, created_ms, bits)

    def back(self, now_ms: int, since_ms: int) -> Iterator[Run]:
        """Yield the listed runs since an instant, newest first."""
        for slot in range(now_ms // _SLOT_MS, since_ms // _SLOT_MS - 1, -1):
            run = self._in_slot(slot)
            if run is not None and run.listed_ms <= now_ms and run.tick_ms >= since_ms:
                yield run

    def find(self, run_id: str, now_ms: int) -> Run | None:
        """Return the run with an id, if it has been inserted by now."""
        inserted_ms = seeded_random.run_id_time(run_id)
        if inserted_ms is None or inserted_ms > now_ms:
            return None
        slots = {inserted_ms // _SLOT_MS, (inserted_ms - MAX_INSERT_LAG_MS) // _SLOT_MS}
        return next((run for slot in slots if (run := self._in_slot(slot)) and run.run_id == run_id), None)

    def listed(self, run: Run, now_ms: int, env_id: str) -> Json:
        """Write one of these runs as lists do."""
        return listed_run(
            run,
            now_ms,
            self._account_id,
            env_id,
            identifier=_identifier(run),
            task_kind="STANDARD",
            idempotency_key=_key(run),
        )

    def retrieved(self, run: Run, now_ms: int) -> Json:
        """Write one of these runs as the single-run endpoint does."""
        extra = {"payload": {"accountId": self._account_id, "command": "npm test"}, "relatedRuns": {"children": []}}
        name, key = _identifier(run), _key(run)
        return retrieved_run(run, now_ms, self._account_id, extra, identifier=name, idempotency_key=key)


def _identifier(run: Run) -> str:
    return _IDENTIFIERS[run.bits % len(_IDENTIFIERS)]


def _key(run: Run) -> str:
    return f"sandbox-{run.bits % 997}"
