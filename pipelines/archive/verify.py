"""Reading the whole archive once, to find every file that is not what was written. Nothing is repaired here.

What the chain says comes from chain.py; which polls and heads of chains are known elsewhere, from the caller.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

from pipelines.archive.bodies import Bodies
from pipelines.archive.chain import Head, Link, Links, line_digits, line_hash, told_lines
from pipelines.archive.poll_record import Place, bytes_of, damaged, read_ledger
from pipelines.archive.store import Archive
from pipelines.errors import ArchiveDamaged
from pipelines.progress import Progress


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an archive from outside it.

    `ended`: the polls that were loaded from it once, and whether they had come to their end then. `given_up`: those that
    somebody went on without. `heads`: how far the chain went when somebody noted it, by who did.
    """

    ended: Mapping[str, bool] = field(default_factory=dict)
    given_up: frozenset[str] = frozenset()
    heads: Mapping[str, Head] = field(default_factory=dict)


_Body = tuple[str, str, Place | None]
NOTHING = Known()
MOST_TOLD = 3
_WORDS = {"replace": "was altered", "delete": "was taken out", "insert": "was added"}


@dataclass(frozen=True, slots=True)
class Damage:
    """A poll that the archive cannot give back as it was (None: the chain itself), and the error that names the file."""

    poll_id: str | None
    error: ArchiveDamaged


@dataclass(slots=True)
class Verdict:
    """What was found: the damage, how much was read, and how far the chain reaches."""

    damages: list[Damage] = field(default_factory=list)
    poll_count: int = 0
    body_count: int = 0
    head: Head | None = None
    # The newest poll of those that are older than the chain.
    unchained_until: str | None = None
    # Still being polled, killed, or copied; the next load seals them.
    unsealed: list[str] = field(default_factory=list)
    given_up_count: int = 0


def verify(archive: Archive, known: Known = NOTHING, progress: Progress | None = None) -> Verdict:
    """Read each ledger and each body that it names, and compare them with the chain and with what is known elsewhere.

    A ledger without a line in the chain that was cut off looks like one of a killed poll, and a lost one like nothing:
    only what is known elsewhere tells; so of a chain that was cut off.
    """
    # Read before the ledgers, so that one that ends meanwhile is longer than its line, and never shorter.
    links = archive.chain.read()
    poll_ids, aside = archive.poll_ids(), archive.aside_ids()
    gone = (known.ended.keys() | links.by_poll.keys()) - {*poll_ids, *aside}
    found = Verdict(poll_count=len(poll_ids), head=links.head, given_up_count=len(gone & known.given_up))
    found.damages += [Damage(None, damaged(archive.chain.path, fault)) for fault in _of_chain(links, known)]
    for poll_id in sorted(gone - known.given_up):
        found.damages.append(Damage(poll_id, damaged(archive.ledger(poll_id), "it is missing")))
    _tell_unchained(found, links, poll_ids)
    ledgers = {poll_id: archive.aside_ledger(poll_id) for poll_id in aside}
    ledgers |= {poll_id: archive.ledger(poll_id) for poll_id in poll_ids}
    sound: set[_Body] = set()
    # Afresh, so that nothing is believed that was read before.
    bodies = Bodies(archive.root)
    for done, (poll_id, path) in enumerate(ledgers.items(), start=1):
        had_ended = known.ended.get(poll_id, False)
        faults = _of_poll(bodies, path, links.by_poll.get(poll_id), sound, had_ended=had_ended)
        found.damages += [Damage(poll_id, error) for error in faults]
        if progress:
            progress("verifying the archive", done, len(ledgers))
    found.body_count = len(sound)
    return found


def _of_chain(links: Links, known: Known) -> Iterator[str]:
    yield from links.faults
    yield from links.gone_of(known.heads)


def _tell_unchained(found: Verdict, links: Links, poll_ids: list[str]) -> None:
    first = min(links.by_poll, default="~")
    outside = [poll_id for poll_id in poll_ids if poll_id not in links.by_poll]
    found.unchained_until = max((poll_id for poll_id in outside if poll_id < first), default=None)
    found.unsealed = [poll_id for poll_id in outside if poll_id > first]


def _of_poll(
    bodies: Bodies, path: Path, link: Link | None, sound: set[_Body], *, had_ended: bool
) -> Iterator[ArchiveDamaged]:
    """Yield what is wrong with a ledger or, when nothing is, with the bodies that it names."""
    try:
        if link and (fault := _altered(path, link)):
            raise damaged(path, fault)
        record = read_ledger(path)
        if had_ended and (record is None or record.end is None):
            raise damaged(path, "its end is missing")
    except ArchiveDamaged as error:
        yield error
        return
    for stored in record.responses if record else ():
        body = (stored.body_hash, stored.packed_hash, stored.place)
        try:
            if body not in sound:
                bodies.check(stored)
        except ArchiveDamaged as error:
            yield error
        else:
            sound.add(body)


def _altered(path: Path, link: Link) -> str | None:
    """Say in which lines a ledger is not the one that was sealed."""
    content = bytes_of(path)
    if line_hash(content) == link.ledger_hash:
        return None
    before, now = told_lines(link), line_digits(content)
    whole = now if content.endswith(b"\n") else now[:-1]
    if before[: len(whole)] == whole and len(whole) < len(before):
        return f"its end is missing, from line {len(whole) + 1} on"
    if sorted(before) == sorted(now):
        moved = [str(number) for number, (old, new) in enumerate(zip(before, now, strict=True), start=1) if old != new]
        return f"lines {', '.join(moved)} stand in another order than when it was sealed"
    changes = SequenceMatcher(None, before, now, autojunk=False).get_opcodes()
    told = [f"line {_span(*of)} {_WORDS[kind]}" for kind, *of in _spans(changes)]
    return f"{'; '.join(told[:MOST_TOLD])} since it was sealed"


def _spans(changes: Sequence[tuple[str, int, int, int, int]]) -> Iterator[tuple[str, int, int]]:
    for kind, old_start, old_end, new_start, new_end in changes:
        if kind == "insert":
            yield kind, new_start, new_end
        elif kind != "equal":
            yield kind, old_start, old_end


def _span(start: int, end: int) -> str:
    return f"{start + 1}" if end == start + 1 else f"{start + 1} to {end}"
