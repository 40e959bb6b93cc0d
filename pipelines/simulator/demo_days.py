"""What goes wrong in the two lively weeks of the demo, and in which shape each account is answered.

The tasks are in demo_fleet.py, what a fault does in faults.py.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from pipelines.simulator.demo_fleet import demo_account
from pipelines.simulator.faults import Fault
from pipelines.simulator.fleet import Fleet
from pipelines.simulator.task_json import Shape

# (kind, from, to, account, first words of the title); days after the start, None for no end, for all.
_Day = tuple[str, float, float | None, int | None, str | None]
_DAYS: tuple[_Day, ...] = (
    # Two bad days, since the real API has them: an outage that answers with empty lists, and one that does not answer.
    ("silent_outage", 5, 5.5, None, None),
    ("gateway_timeout", 10, 10.5, None, None),
    # A key that nobody has announced.
    ("unknown_fields", 6, None, 1, None),
    # Parts of answers that break the contract.
    ("bad_status", 8, 8.5, 1, "Ad spend guard"),
    ("bad_attempt", 8.5, 9, 0, "Fan mail"),
    ("bad_duration", 9, 9.5, 2, "Playlist adds"),
    ("bad_task", 11, 11.5, 1, "Release radar"),
    # A schedule in words, corrected after some days; a look-up that fails for one task.
    ("schedule_in_words", 12, 16, 2, "Radio plays"),
    ("lookup_failed", 13.4, 15, 2, "Ticket demand"),
)


def demo_shapes(seed: int) -> Mapping[str, Shape]:
    """Return the shape of each account."""
    shapes: tuple[Shape, ...] = ("documented", "live", "newest")
    return {demo_account(seed, number): shape for number, shape in enumerate(shapes)}


def demo_faults(fleet: Fleet, start: datetime) -> Iterator[Fault]:
    """Yield the faults of a fleet of the demo that began at `start`."""
    for kind, from_day, to_day, account, title in _DAYS:
        yield Fault(
            kind=kind,
            from_at=start + timedelta(days=from_day),
            to_at=None if to_day is None else start + timedelta(days=to_day),
            account_id=None if account is None else demo_account(fleet.seed, account),
            task_id=None if title is None else _task_id(fleet, account, title),
        )


def _task_id(fleet: Fleet, account: int | None, title: str) -> str:
    return next(
        task.task_id
        for task in fleet.tasks
        if task.title.startswith(title) and task.account_id == demo_account(fleet.seed, account or 0)
    )
