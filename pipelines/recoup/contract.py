"""The pydantic models that *are* the contract of the Recoup API, for both shapes it answers in.

Field meanings are in docs/source.md. TypedDicts: only validity matters, no object is kept. Splitting bodies belongs to
envelope.py, what an odd value costs to careful.py.

A required key is one that must be right for the object to be kept (an identity or its time). A key without
NotRequired in `Task` that is no identity is always there upstream: absent, it was not told, and what was known stays.
"""

from functools import cache
from typing import Annotated, Any, NotRequired

from pydantic import AwareDatetime, ConfigDict, Field, GetPydanticSchema, TypeAdapter, with_config
from pydantic_core import core_schema
from typing_extensions import TypedDict

# Free-form values (payload, output, metadata, error, related runs) may be anything and are never built as Python
# objects: whatever is not null "fails" into the default, at no cost.
Opaque = Annotated[
    Any,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.with_default_schema(
            core_schema.none_schema(), default=None, on_error="default"
        )
    ),
]
# Known to the contract, but no column holds it: marked, so that a forgotten field differs from one left out on purpose.
Ignored = Annotated[Opaque, "ignored"]
Word = Annotated[str, Field(strict=True)]
Text = Word | None
Lifetime = Word | Annotated[float, Field(strict=True, allow_inf_nan=False)] | None
# One plain word: prose or an address in its place would be published as an id.
Identifier = Annotated[str, Field(strict=True, max_length=512, pattern=r"^[\w.:+/-]+$")]
# When something was or happened, and when something will be or was entered by hand: no run can be of another century.
Instant = Annotated[AwareDatetime, Field(strict=True), "past"]
Stamp = Annotated[AwareDatetime, Field(strict=True), "any time"]
Flag = Annotated[bool, Field(strict=True)] | None
# DECIMAL(38, 20) holds 18 digits before the point; sums need room. Money is never negative upstream.
Cents = Annotated[float, Field(strict=True, ge=0, le=1e12, allow_inf_nan=False)] | None
Milliseconds = Annotated[int, Field(strict=True, ge=0, le=10**15)] | None
Count = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)] | None


class _Closed:
    config = ConfigDict(extra="forbid")


@with_config(_Closed.config)
class Env(TypedDict):
    """`env` of a run; `user` only in development."""

    id: NotRequired[Text]
    name: NotRequired[Text]
    user: NotRequired[Text]


@with_config(_Closed.config)
class Generator(TypedDict):
    """`schedule.generator`: the cron expression behind a schedule."""

    type: NotRequired[Ignored]
    expression: NotRequired[Text]
    description: NotRequired[Text]


@with_config(_Closed.config)
class Schedule(TypedDict):
    """`schedule` of a retrieved run; absent after the schedule was deleted."""

    id: NotRequired[Text]
    externalId: NotRequired[Text]
    deduplicationKey: NotRequired[Text]
    generator: NotRequired[Generator | None]


@with_config(_Closed.config)
class Attempt(TypedDict):
    """One entry of `attempts`: documented, and empty or absent in what the server sends today."""

    id: Identifier
    status: Identifier
    createdAt: Instant
    updatedAt: Instant
    startedAt: NotRequired[Instant | None]
    completedAt: NotRequired[Instant | None]
    error: NotRequired[Opaque]


@with_config(_Closed.config)
class Run(TypedDict):
    """A run: list shape, retrieve shape or documented shape. Optional fields are absent or null."""

    id: Identifier
    status: Identifier
    taskIdentifier: NotRequired[Text]
    createdAt: Instant
    updatedAt: Instant
    startedAt: NotRequired[Instant | None]
    finishedAt: NotRequired[Instant | None]
    delayedUntil: NotRequired[Stamp | None]
    expiredAt: NotRequired[Stamp | None]
    idempotencyKey: NotRequired[Text]
    version: NotRequired[Text]
    isTest: NotRequired[Flag]
    ttl: NotRequired[Lifetime]
    tags: NotRequired[list[Word] | None]
    costInCents: NotRequired[Cents]
    baseCostInCents: NotRequired[Cents]
    durationMs: NotRequired[Milliseconds]
    depth: NotRequired[Count]
    metadata: NotRequired[Opaque]
    env: NotRequired[Env | None]
    taskKind: NotRequired[Text]
    region: NotRequired[Text]
    isQueued: NotRequired[Flag]
    isExecuting: NotRequired[Flag]
    isWaiting: NotRequired[Flag]
    isCompleted: NotRequired[Flag]
    isSuccess: NotRequired[Flag]
    isFailed: NotRequired[Flag]
    isCancelled: NotRequired[Flag]
    triggerFunction: NotRequired[Text]
    batchId: NotRequired[Text]
    payload: NotRequired[Opaque]
    output: NotRequired[Opaque]
    payloadPresignedUrl: NotRequired[Ignored]
    outputPresignedUrl: NotRequired[Ignored]
    error: NotRequired[Opaque]
    schedule: NotRequired[Schedule | None]
    relatedRuns: NotRequired[Opaque]
    attemptCount: NotRequired[Count]
    attempts: NotRequired[list[Attempt] | None]
    title: NotRequired[Ignored]
    email_subject: NotRequired[Ignored]


@with_config(_Closed.config)
class Task(TypedDict):
    """A task with its window: at most five runs, of the last seven days."""

    id: Identifier
    title: Text
    prompt: Text
    schedule: Text
    account_id: Text
    artist_account_id: Text
    enabled: Flag
    trigger_schedule_id: Text
    model: Text
    last_run: NotRequired[Stamp | None]
    next_run: NotRequired[Stamp | None]
    created_at: NotRequired[Stamp | None]
    updated_at: NotRequired[Stamp | None]
    recent_runs: list[Run] | None
    upcoming: NotRequired[list[Stamp] | None]
    timezone: NotRequired[Text]
    owner_email: NotRequired[Text]
    trigger_lookup_failed: NotRequired[Flag]
    artist_name: NotRequired[Text]


# What an object must have right to be kept at all. All else that cannot be read costs only itself.
IDENTITIES: dict[Any, tuple[str, ...]] = {
    Task: ("id",),
    Run: ("id", "status", "createdAt", "updatedAt"),
    Attempt: ("id", "status", "createdAt", "updatedAt"),
}


@cache
def adapter(declared: Any) -> TypeAdapter[Any]:
    """Return the judge of one field or object; made when first needed, since most processes need few."""
    return TypeAdapter(declared)
