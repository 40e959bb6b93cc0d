"""The tasks of the demo: two dozen of three accounts, with one example of every kind of trouble.

Titles and schedules resemble those of the real service. Tests have larger fleets of their own; what goes wrong between
server and client is in demo_days.py.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pipelines.simulator import seeded_random
from pipelines.simulator.tasks import Lateness, SimTask

_KIMI = "moonshotai/kimi-k3"
_MINI = "openai/gpt-5-mini"
_OPUS = "anthropic/claude-opus-4-8"
_HAIKU = "anthropic/claude-haiku-4.5"
_NEW_YORK = "America/New_York"

_OWNERS = ("manager@indielabel.example", "reports@nightshift-records.example", None)
_ARTISTS = (
    ("Del Water Gap", "Glass Orchard"),
    ("Northbound Choir", "Paper Lanterns", "Velvet Static"),
    ("Harbour Lights",),
)
_USUAL = {"retried": 0.02, "failed": 0.015}
_SHAKY = {"retried": 0.1, "failed": 0.38, "crashed": 0.03}
_STALLING = {"timed_out": 0.12, "retried": 0.03}
_QUEUEING = {"expired": 0.05, "cancelled_in_queue": 0.03, "cancelled": 0.02, "delayed": 0.02}
_PLATFORM = {"interrupted": 0.03, "system_failure": 0.03, "crashed_before_start": 0.02, "pending_version": 0.02}
_STORM = {"failed": 0.75}
_EXTRAS = {"test": 0.04, "development": 0.03, "batch": 0.1, "children": 0.1, "key": 0.2}
_PATIENT = {"waited": 0.25, "waiting_for_deploy": 0.01}
_USUAL_MS = (15_000, 45_000)
_FOR_EVER = timedelta(days=3650)
_LONG_PROMPT = (
    "Analyse the artist's social growth, compare it with the three nearest peers, and explain each change "
    "with a source. Mention “viral” moments, playlist adds and regional shifts (São Paulo, Köln, 東京). "
) * 12

# (title, cron, zone, account, artist, model, what is special); instants are days after the start. Before the start
# there are only tasks that run once a day or less, so that a look every four days misses none of their runs.
_Row = tuple[str, str, str, int, int, str | None, dict[str, Any]]
_NEW = {"created_day": -1}
_ROWS: tuple[_Row, ...] = (
    # The first account is answered as the API is documented: attempts inside the runs, and no time zones.
    ("Daily Social Trends: {artist}", "0 9 * * *", "UTC", 0, 0, None, {"mix": _STALLING, "prompt": _LONG_PROMPT}),
    ("Daily Thumbnail Generator", "0 10 * * *", "UTC", 0, 1, _MINI, {"mix": _SHAKY, "prompt_day": 9}),
    (
        "Daily check-in",
        "0 0 * * *",
        "UTC",
        0,
        1,
        None,
        {"null_enabled": True, "mix": _USUAL, "model": (0, _KIMI, _USUAL)},
    ),
    ("Royalty statement check", "30 12 * * *", "UTC", 0, 0, _HAIKU, {"mix": _SHAKY, "model": (1, _OPUS, _USUAL)}),
    ("Catalogue metadata sweep", "0 3 * * *", "UTC", 0, 0, _MINI, {"hanging_day": 12}),
    ("Weekly Genre Pulse Check", "0 9 * * 4", "UTC", 0, 1, _MINI, {"periods": ()}),
    ("Fan mail triage", "15,45 * * * *", "UTC", 0, 0, _HAIKU, _NEW | {"mix": _USUAL, "slow": True, "extras": _EXTRAS}),
    # The second as the server answers today.
    ("Weekly valuation + streams report for {artist}", "0 9 * * 1", _NEW_YORK, 1, 0, _OPUS, {"dead": True}),
    ("New Year catalogue audit", "0 9 1 1 *", "UTC", 1, 0, None, {"dead": True}),
    ("Release radar: {artist}", "0 */6 * * *", "UTC", 1, 0, _KIMI, _NEW | {"mix": _PLATFORM}),
    ("Daily Social Trends: {artist}", "0 9 * * *", _NEW_YORK, 1, 0, _KIMI, {"mix": _USUAL}),
    ("Daily Social Trends: {artist}", "30 9 * * *", _NEW_YORK, 1, 1, _KIMI, {"mix": _USUAL}),
    ("Chart positions: {artist}", "45 2-23/3 * * *", "UTC", 1, 1, _KIMI, _NEW | {"late": True}),
    ("Tour routing check: {artist}", "0 14 * * 1", _NEW_YORK, 1, 1, None, {}),
    ("Ad spend guard: {artist}", "0 * * * *", _NEW_YORK, 1, 2, _HAIKU, _NEW | {"mix": _SHAKY}),
    ("Press mentions digest", "0 7 * * *", "UTC", 1, 2, _MINI, {"periods": ((None, 6),)}),
    ("Sync opportunities for {artist}", "0 8 * * *", "UTC", 1, 0, _OPUS, {"periods": ((None, 4), (7, None))}),
    ("Legacy chart import", "0 4 * * *", "UTC", 1, 1, _MINI, {"deleted_day": 8}),
    ("Merch stock alert: {artist}", "40 7 * * *", _NEW_YORK, 1, 2, None, {"changed_day": 7}),
    ("Setlist archive: {artist}", "20 */6 * * *", "UTC", 1, 1, _MINI, _NEW | {"stopped_day": 11}),
    # The third as newer servers do, with names of artists and with a word when a look-up failed.
    ("Weekly newsletter draft: {artist}", "0 15 * * 5", _NEW_YORK, 2, 0, _KIMI, {}),
    ("Monthly royalty summary", "0 9 1 * *", "UTC", 2, 0, _OPUS, {}),
    ("Daily Thumbnail Generator", "0 10 * * *", "UTC", 2, 0, _MINI, {"mix": _PATIENT}),
    ("Ticket demand by city: {artist}", "0 6 * * *", _NEW_YORK, 2, 0, _KIMI, {"mix": _STALLING}),
    ("Playlist adds watch: {artist}", "10 * * * *", _NEW_YORK, 2, 0, _KIMI, _NEW | {"mix": _QUEUEING, "storm_day": 12}),
    ("Radio plays by region: {artist}", "50 */2 * * *", "UTC", 2, 0, _MINI, _NEW),
    (
        "Comment replies: {artist}",
        "*/15 * * * *",
        _NEW_YORK,
        2,
        0,
        _HAIKU,
        {"created_day": 4, "mix": _QUEUEING, "skips": 0.01},
    ),
    ("Fresh idea of the day", "0 11 * * *", "UTC", 2, 0, None, {"created_day": 3, "mix": _USUAL}),
)


def demo_tasks(seed: int, start: datetime) -> Iterator[SimTask]:
    """Yield the tasks of the demo; all their changes happen within two weeks after `start`."""
    for number, row in enumerate(_ROWS):
        yield _task(seed, start, number, row)


def demo_account(seed: int, number: int) -> str:
    """Return the id of one of the three accounts."""
    return seeded_random.uuid(seed, f"demo account {number}")


def _task(seed: int, start: datetime, number: int, row: _Row) -> SimTask:
    title, cron, zone, account, artist, model, special = row
    chance = seeded_random.Dice(seed, f"demo {number}")
    name = _ARTISTS[account][artist]
    created = start - timedelta(days=chance.between(20, 300), seconds=chance.below(80_000), microseconds=482_913)
    if "created_day" in special:
        created = _moment(start, special["created_day"])
    return SimTask(
        task_id=seeded_random.uuid(seed, f"demo task {number}"),
        title=title.format(artist=name),
        prompt=special.get("prompt", f"Do the work named “{title.format(artist=name)}” and email a short report."),
        cron=cron,
        timezone=zone,
        account_id=demo_account(seed, account),
        artist_account_id=seeded_random.uuid(seed, f"demo artist {name}"),
        artist_name=name,
        owner_email=_OWNERS[account],
        model=model,
        created_at=created,
        enabled=_periods(start, created, special),
        enabled_is_null="null_enabled" in special,
        deleted_at=_moment(start, special["deleted_day"]) if "deleted_day" in special else None,
        changes=_changes(start, special),
        last_run=start - timedelta(days=90) if "dead" in special else None,
        next_run=start - timedelta(days=83) if "dead" in special else None,
        mix=special.get("mix", {}),
        extras=special.get("extras", {}),
        lateness=_lateness(start, special),
        slow_ratio=0.015 if "slow" in special else 0.0,
        slow_ms=(80 * 60_000, 150 * 60_000),
        skip_ratio=special.get("skips", 0.0),
    )


def _moment(start: datetime, day: int) -> datetime:
    # Not on a full minute, so that no tick falls on the instant of a change.
    return start + timedelta(days=day, hours=13, minutes=24, seconds=37, microseconds=250_000)


def _periods(
    start: datetime, created: datetime, special: dict[str, Any]
) -> tuple[tuple[datetime, datetime | None], ...] | None:
    if "periods" not in special:
        return None
    return tuple(
        (created if first is None else _moment(start, first), None if last is None else _moment(start, last))
        for first, last in special["periods"]
    )


def _lateness(start: datetime, special: dict[str, Any]) -> Lateness | None:
    if "stopped_day" in special:
        # The schedule stays, and fires no more.
        return Lateness(stalls=((_moment(start, special["stopped_day"]), start + _FOR_EVER),))
    return Lateness(late_ratio=0.4, late_s=(900, 9900)) if "late" in special else None


def _changes(start: datetime, special: dict[str, Any]) -> tuple[tuple[datetime, dict[str, Any]], ...]:
    changes: list[tuple[int, dict[str, Any]]] = []
    if "prompt_day" in special:
        prompt = "Generate one thumbnail, check its size, and retry politely when the image service is busy."
        changes.append((special["prompt_day"], {"prompt": prompt, "mix": _USUAL}))
    if "changed_day" in special:
        change = {"title": "Merch stock alert (hourly)", "cron": "40 * * * *", "model": _KIMI}
        changes.append((special["changed_day"], change))
    if "model" in special:
        day, model, mix = special["model"]
        changes.append((day, {"model": model, "mix": mix}))
    if "hanging_day" in special:
        forever = int(_FOR_EVER.total_seconds()) * 1000
        changes += [
            (special["hanging_day"], {"duration_ms": (forever, forever)}),
            (special["hanging_day"] + 1, {"duration_ms": _USUAL_MS}),
        ]
    if "storm_day" in special:
        changes += [(special["storm_day"] - 1, {"mix": _STORM}), (special["storm_day"], {"mix": special["mix"]})]
    return tuple((_moment(start, day), change) for day, change in changes)
