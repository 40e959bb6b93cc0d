"""One exchange with the API: what is asked and what came back. client.py sends it, archive/store.py keeps it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote

from pipelines.errors import RecoupError

TASKS_PATH = "/api/tasks"
RUNS_PATH = "/api/tasks/runs"


class Kind(StrEnum):
    """What was asked for: the tasks of an account, its listing of runs, or one run with its details."""

    TASKS = "tasks"
    RUNS = "runs"
    RUN = "run"

    @property
    def listed(self) -> str:
        """The key of the answer that holds the list of objects."""
        return "tasks" if self is Kind.TASKS else "runs"

    @property
    def level(self) -> str:
        """What one object of the list is."""
        return "task" if self is Kind.TASKS else "run"


@dataclass(frozen=True, slots=True)
class Request:
    """One GET of the API, without origin and credentials."""

    kind: Kind
    path: str
    params: tuple[tuple[str, str], ...] = ()

    @classmethod
    def tasks(
        cls, account_id: str | None = None, artist_account_id: str | None = None, task_id: str | None = None
    ) -> "Request":
        """List the tasks of an account (of the key's own account when None)."""
        named = (("id", task_id), ("account_id", account_id), ("artist_account_id", artist_account_id))
        return cls(Kind.TASKS, TASKS_PATH, tuple((name, value) for name, value in named if value))

    @classmethod
    def runs(cls, account_id: str | None, limit: int = 100) -> "Request":
        """List an account's tagged runs of the last seven days, newest first, at most 100."""
        account = (("account_id", account_id),) if account_id else ()
        return cls(Kind.RUNS, RUNS_PATH, (*account, ("limit", str(limit))))

    @classmethod
    def run(cls, run_id: str) -> "Request":
        """Retrieve one run with its details."""
        return cls(Kind.RUN, RUNS_PATH, (("runId", run_id),))

    @property
    def label(self) -> str:
        """Path and query, for people and for the ledger."""
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in self.params)
        return f"{self.path}?{query}" if query else self.path


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A request of tasks that got no usable answer: why, and when it was given up. It costs its account alone."""

    request: Request
    error: RecoupError
    given_up_at: datetime
    tries: int


@dataclass(frozen=True, slots=True)
class Response:
    """A body that the API answered with status 200, and how it was got; status None when there was none.

    `server_at` is the server's own time (header `Date`), None when it did not say.
    """

    request: Request
    status: int | None
    body: bytes
    requested_at: datetime
    received_at: datetime
    tries: int
    server_at: datetime | None = None

    @classmethod
    def none(cls, request: Request, at: datetime) -> "Response":
        """Stand for a request that got no usable answer: noted in the ledger, so that it is not asked for ever."""
        return cls(request, None, b"", at, at, 1)
