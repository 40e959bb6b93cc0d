"""What an answer without status 200 means: refused, worth another try, or misdirected; and how to say so.

Sending and waiting belong to client.py, what a body holds to envelope.py. The API's own text is never repeated: only
documented phrases are named.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx
import msgspec

from pipelines.errors import BadPayload, RecoupError, Refused, Unreachable
from pipelines.recoup.endpoints import Kind, Request

ERROR_BODY_BYTES = 64_000
NOT_A_UUID = "Failed to fetch scheduled actions: invalid input syntax for type uuid"
TOO_LARGE = "FUNCTION_RESPONSE_PAYLOAD_TOO_LARGE"
NOT_FOUND = "Not found"
# Longer phrases first: the first that fits is named.
PHRASES = (
    "Exactly one of x-api-key or Authorization must be provided",
    "Authorization header with Bearer token required",
    "Unauthorized",
    "Access denied to specified account_id",
    NOT_A_UUID,
    "Failed to fetch scheduled actions",
    NOT_FOUND,
    "plan_limit",
    "Internal server error",
)
PLATFORM_CODES = (TOO_LARGE, "FUNCTION_INVOCATION_TIMEOUT")
UPSTREAM = re.compile(r"Trigger\.dev API error: \d{3}(?!\d)")
# These are answered with 500 and come again however often one asks.
PERMANENT = {
    NOT_A_UUID: "every id in RECOUP_ACCOUNT_IDS, RECOUP_ARTIST_ACCOUNT_IDS and RECOUP_TASK_IDS must be a UUID",
    TOO_LARGE: "the account has too many tasks for one answer; poll it in parts with RECOUP_ARTIST_ACCOUNT_IDS",
}
RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
LATER = "try again later, or check RECOUP_API_URL and the network"


class KeyRefused(Refused):
    """401, or no key to send: no request of this poll can be answered, whichever account it names."""


class RunNotFound(Unreachable):
    """The API knows no run of this id. The server has tried for some nine seconds already, so we do not."""


class EndpointMissing(Unreachable):
    """404 for a whole endpoint: an older or other server, not one run that it does not know."""


class Again(Exception):
    """A try that failed and may work later; `final` is what to raise when it never does."""

    def __init__(self, final: type[RecoupError], what: str, advice: str, wait_seconds: float = 0) -> None:
        super().__init__(what)
        self.final, self.what, self.advice, self.wait_seconds = final, what, advice, wait_seconds


class _ErrorBody(msgspec.Struct):
    error: str | None = None
    message: str | None = None


_ERROR = msgspec.json.Decoder(_ErrorBody)


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return the time on the server's clock when it answered, from the header `Date`; None when it does not say.

    An answer out of a cache says in `Age` how old that date is.
    """
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    age = headers.get("age", "")
    aware = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    return aware + timedelta(seconds=int(age) if age.isascii() and age.isdigit() and len(age) < 8 else 0)


def start_of(answer: httpx.Response) -> bytes:
    """Read the beginning of an error's body: enough to recognise it, however long it is."""
    start = b""
    for chunk in answer.iter_bytes():
        start += chunk
        if len(start) >= ERROR_BODY_BYTES:
            break
    return start[:ERROR_BODY_BYTES]


def refuse_layers(request: Request, headers: Mapping[str, str]) -> None:
    """Raise BadPayload for any compression but one layer of gzip: each further one multiplies what a body becomes."""
    if headers.get("content-encoding", "").strip().lower() not in ("", "identity", "gzip"):
        what = "compressed in another way than once with gzip"
        raise BadPayload(f"GET {request.label}: the body is {what}; check what stands before the API")


def check_status(request: Request, answer: httpx.Response, start: bytes, now: datetime) -> None:
    """Raise what any status but 200 means. `start` is the beginning of the body.

    Raises Refused, Unreachable (EndpointMissing for a path that is not there), BadPayload or RunNotFound, or Again
    around the first two when another try may help.
    """
    status, phrase = answer.status_code, phrase_in(start)
    if request.kind is Kind.RUN and phrase == NOT_FOUND and status in (404, 500):
        raise RunNotFound(f"GET {request.label}: the API knows no such run; nothing to do")
    where, what = f"GET {request.label}", f"{status}{named(phrase)}"
    if status == HTTPStatus.UNAUTHORIZED:
        # A database error in the server's key lookup looks just like a wrong key, so one 401 proves nothing.
        raise Again(KeyRefused, what, "the key is wrong or expired: set a valid one in RECOUP_API_KEY", 1)
    if status == HTTPStatus.FORBIDDEN:
        # So does one in the look-up of the accounts that a key may read.
        raise Again(Refused, what, _refusal(request, status), 1)
    if status == HTTPStatus.PAYMENT_REQUIRED:
        raise Refused(f"{where}: {what}; {_refusal(request, status)}")
    if phrase in PERMANENT and status >= 500:
        raise Unreachable(f"{where}: {what}; {PERMANENT[phrase]}")
    if status in RETRIED or status >= 500:
        raise Again(Unreachable, what, LATER, retry_after(answer.headers, now))
    if 200 <= status < 300:
        raise BadPayload(f"{where}: {what} instead of 200; check RECOUP_API_URL")
    final = EndpointMissing if status == HTTPStatus.NOT_FOUND else Unreachable
    raise final(f"{where}: {what}; {_misdirected(answer)}")


def transport_failure(error: httpx.RequestError, timeout_seconds: float, connect_seconds: float) -> Again:
    """Put a failed connection, time-out or broken transfer into words, without any text that was received."""
    if isinstance(error, httpx.ConnectTimeout):
        what = f"no connection within {connect_seconds:g} s"
    elif isinstance(error, httpx.TimeoutException):
        what = f"no answer within {timeout_seconds:g} s (RECOUP_TIMEOUT_SECONDS)"
    elif isinstance(error, httpx.ConnectError):
        what = f"no connection ({error})"
    elif isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        what = "the connection broke before the whole answer had come"
    else:
        what = f"the transfer failed ({type(error).__name__})"
    return Again(Unreachable, what, LATER)


def retry_after(headers: httpx.Headers, now: datetime) -> float:
    """Return the seconds that `Retry-After` asks for, given as a number or as a date; 0 when it is unreadable."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    # The server's own clock decides how far off its date is; ours may be wrong, or set by --at.
    asked, sent = _date(text), _date(headers.get("date", "")) or now
    return max((asked - sent).total_seconds(), 0.0) if asked else 0.0


def phrase_in(body: bytes) -> str | None:
    """Return the documented phrase that an error body starts with, in either of the API's two forms."""
    try:
        error = _ERROR.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = body.decode("utf-8", "replace")
        return next((code for code in PLATFORM_CODES if code in text), None)
    for text in (error.error or "", error.message or ""):
        if upstream := UPSTREAM.match(text):
            return upstream.group()
        if known := next((phrase for phrase in PHRASES if text.startswith(phrase)), None):
            return known
    return None


def named(phrase: str | None) -> str:
    """Write a documented phrase behind what is told."""
    return f" ({phrase})" if phrase else ""


def _refusal(request: Request, status: int) -> str:
    asked = dict(request.params)
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return f"the plan of task {asked.get('id', '')} is exceeded; take the task out of RECOUP_TASK_IDS"
    if account := asked.get("account_id"):
        return (
            f"account {account} is out of reach for this key; take it out of RECOUP_ACCOUNT_IDS, "
            "or set a key in RECOUP_API_KEY that may read it"
        )
    return "this key may not read it; set another one in RECOUP_API_KEY"


def _misdirected(answer: httpx.Response) -> str:
    """Say what to do about a status that no retry will change; redirects are never followed with the key."""
    if answer.has_redirect_location:
        try:
            target = answer.url.join(answer.headers["location"])
        except httpx.InvalidURL:
            return "the API redirects to an unreadable address; check RECOUP_API_URL"
        return f"the API redirects to {target.scheme}://{target.netloc.decode()}; set its new origin in RECOUP_API_URL"
    return "the API does not take this request; check RECOUP_API_URL and the ids in RECOUP_ACCOUNT_IDS"


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else None
