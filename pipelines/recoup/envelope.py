"""What surrounds tasks or runs in a body: telling JSON from pages and other encodings, and splitting it into objects.

What an object holds belongs to gate.py. The API's own text is never repeated in a message.
"""

import msgspec

from pipelines.errors import BadPayload
from pipelines.recoup.endpoints import Kind
from pipelines.recoup.json_text import NotJson, elements, members, repaired, text_of
from pipelines.recoup.response_errors import named, phrase_in

# The first bytes of what is not UTF-8 text: other encodings, and compression that no header announced.
FOREIGN_STARTS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\x00{", "UTF-32"),
    (b"{\x00\x00\x00", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"{\x00", "UTF-16"),
    (b"\x00{", "UTF-16"),
    (b"\x1f\x8b", "compressed with gzip, unlabelled or twice"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd, unlabelled or twice"),
    (b"\x78\x9c", "compressed with deflate, unlabelled or twice"),
)
# A large body names what it lists in its first bytes; searching all of it would take as long as reading it.
HEAD_BYTES = 256
# An object is looked for by its beginning, from the end of the one before: longer needles only take longer.
_TELLING_BYTES = 40


class Envelope(msgspec.Struct):
    """What surrounds tasks or runs; `Raw` scans without building, so a cut body is still noticed."""

    status: str
    tasks: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    runs: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


_ENVELOPE = msgspec.json.Decoder(Envelope)


def split(body: bytes, kind: Kind, where: str) -> list[bytes]:
    """Return the raw JSON of each task (or run) of a response body.

    Raises BadPayload unless the body is whole JSON in UTF-8 that says success and lists what was asked for. Text that
    is no character, and nesting that Python cannot follow, are no reason to refuse it.
    """
    _refuse_foreign(body, where)
    try:
        envelope = _ENVELOPE.decode(body)
        listed = getattr(envelope, kind.listed)
        status, parts = envelope.status, None if listed is msgspec.UNSET else [bytes(part) for part in listed]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        status, parts = _split_carefully(body, kind, where, error)
    if status != "success":
        raise BadPayload(f"{where}: 200 with status error{named(phrase_in(body))}; try again later")
    if parts is None:
        raise BadPayload(f"{where}: 200 without a list of {kind.listed}; does RECOUP_API_URL name the API itself?")
    return parts


def starts_of(body: bytes, kind: Kind) -> list[int]:
    """Where each object of a body begins, in bytes, for who only cuts it; nothing of a body that is not plain JSON."""
    try:
        listed = getattr(_ENVELOPE.decode(body), kind.listed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    starts, after = list[int](), 0
    for raw in () if listed is msgspec.UNSET else listed:
        part = memoryview(raw)
        starts.append(body.find(part[:_TELLING_BYTES], after))
        after = starts[-1] + len(part)
    return starts


def kind_of(body: bytes) -> Kind:
    """Tell which endpoint a saved body came from: tasks, the runs listing, or one retrieved run."""
    head = body[:HEAD_BYTES]
    if b'"tasks"' in head.partition(b'"runs"')[0] or b'"runs"' not in body:
        return Kind.TASKS
    try:
        runs = split(body, Kind.RUNS, "saved body")
    except BadPayload:
        return Kind.TASKS
    return Kind.RUN if len(runs) == 1 and b'"attemptCount"' in runs[0] else Kind.RUNS


def _refuse_foreign(body: bytes, where: str) -> None:
    if not body.strip():
        raise BadPayload(f"{where}: 200 with an empty body; check RECOUP_API_URL, or try again later")
    if body.lstrip()[:1] == b"<":
        raise BadPayload(f"{where}: 200 with an HTML page instead of JSON; does RECOUP_API_URL name the API itself?")
    for start, name in FOREIGN_STARTS:
        if body.startswith(start):
            raise BadPayload(f"{where}: 200 with a body that is {name}, not JSON in UTF-8; check RECOUP_API_URL")


def _split_carefully(body: bytes, kind: Kind, where: str, error: Exception) -> tuple[str, list[bytes] | None]:
    """Split a body that the parser does not take: after repairs of its text, and without descending into it."""
    try:
        outer = members(repaired(body))
        status = text_of(outer.get("status", b""))
        return status, elements(outer[kind.listed]) if kind.listed in outer else None
    except NotJson:
        is_cut = "truncated" in str(error)
        what = f"200 with {'JSON that is cut off' if is_cut else 'a body that is not the documented JSON'}"
        raise BadPayload(f"{where}: {what} ({len(body):,} bytes); try again, or check RECOUP_API_URL") from None
