"""One request on its way: its key, how often it was sent, when it must be answered. Sending it belongs to client.py."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tenacity import RetryCallState

from pipelines.errors import Unreachable
from pipelines.recoup.endpoints import Request
from pipelines.recoup.response_errors import LATER, KeyRefused
from pipelines.settings import Settings

# A server that sends a byte now and then never meets a time-out of the network, so all tries of a request together have
# one as well: so many times that of a single wait.
DEADLINE_TIMEOUTS = 3


@dataclass(slots=True)
class Call:
    """One request, the instant when it is given up (by the client's timer), and whether its batch was."""

    request: Request
    ends: float
    stopping: threading.Event = field(default_factory=threading.Event)
    most_tries: int | None = None
    tries: int = 0
    refusals: int = 0

    def is_over(self, timer: Callable[[], float], state: RetryCallState | None = None) -> bool:
        """Tell whether the time is up, or would be after the pause before the next try."""
        return timer() + (state.upcoming_sleep if state else 0) > self.ends

    def given_up(self) -> Unreachable:
        """Return the error of a request whose time is up."""
        times = "once" if self.tries == 1 else f"{self.tries} times"
        return Unreachable(
            f"GET {self.request.label}: no whole answer in the time that one request (three times "
            f"RECOUP_TIMEOUT_SECONDS) or one poll (RECOUP_POLL_SECONDS) may take, tried {times}; {LATER}"
        )


def key_of(settings: Settings) -> str:
    """Return the key. Raises KeyRefused without one, and for one that no header can carry: libraries would print it."""
    secret = settings.api_key
    if secret is None:
        raise KeyRefused("No key to read the API with: set RECOUP_API_KEY (it starts with recoup_sk_)")
    key = secret.get_secret_value().strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise KeyRefused("RECOUP_API_KEY holds characters that no key has; copy it again, as one line")
    return key
