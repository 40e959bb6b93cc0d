"""JSON as bytes: repairing text that no parser takes, and finding the members of an object without reading them.

Needed only where the fast way fails: lone surrogates, bad UTF-8, nesting deeper than a recursive parser goes.
What members mean belongs to careful.py.
"""

import json
import re
from collections.abc import Iterator

# JavaScript's `slice` cuts an emoji in half and leaves one of these; JSON.stringify writes it as an escape.
_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
_ESCAPE_BYTES = 6
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_MARK = b"\xef\xbb\xbf"
_CLOSED_BY = {b"{": b"}", b"[": b"]"}


class NotJson(ValueError):
    """The bytes do not have the brackets, colons and commas of the JSON that was expected."""


def repaired(text: bytes) -> bytes:
    """Return text that every parser takes: no byte order mark, U+FFFD for what is no character."""
    text = text.removeprefix(_MARK)
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        text = text.decode("utf-8", "replace").encode()
    return _SURROGATES.sub(_whole_characters, text)


def _whole_characters(match: re.Match[bytes]) -> bytes:
    found = match.group()
    # An escaped backslash and a whole pair stay; half a pair becomes the replacement character.
    return rb"\ufffd" if len(found) == _ESCAPE_BYTES else found


def members(raw: bytes) -> dict[str, bytes]:
    """Return the members of an object, each as its bytes; of a repeated key the last one. Raises NotJson."""
    return dict(_member(part) for part in _parts(raw, b"{"))


def elements(raw: bytes) -> list[bytes]:
    """Return the elements of a list, each as its bytes. Raises NotJson."""
    return list(_parts(raw, b"["))


def text_of(raw: bytes) -> str:
    """Return a text. Raises NotJson when it is something else."""
    try:
        value = json.loads(raw, strict=False) if raw[:1] == b'"' else None
    except ValueError:
        value = None
    if not isinstance(value, str):
        raise NotJson("not a text")
    return value


def _member(part: bytes) -> tuple[str, bytes]:
    tokens = _TOKEN.finditer(part)
    name, colon = next(tokens, None), next(tokens, None)
    if name is None or colon is None or colon.group() != b":":
        raise NotJson("a member without a name")
    return text_of(name.group()), part[colon.end() :].strip()


def _parts(raw: bytes, opening: bytes) -> Iterator[bytes]:
    """Yield what stands between the commas of the outermost brackets."""
    open_brackets: list[bytes] = []
    start, end = 0, -1
    for token in _TOKEN.finditer(raw):
        mark, end = token.group(), token.end()
        if not open_brackets and (mark != opening or start):
            raise NotJson("another kind of value")
        if mark in _CLOSED_BY:
            open_brackets.append(_CLOSED_BY[mark])
            start = start or end
        elif mark in (b"}", b"]") and open_brackets.pop() != mark:
            raise NotJson("brackets that do not match")
        if not open_brackets or (len(open_brackets) == 1 and mark == b","):
            part = raw[start : token.start()].strip()
            if part or mark == b",":
                yield part
            start = end
    if open_brackets or end < 0:
        raise NotJson("the end is missing")
