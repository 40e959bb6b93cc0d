"""How long to wait before a request is tried again.

Whether it is tried again is response_errors.py's to say, waiting client.py's to do.
"""

from tenacity import RetryCallState, wait_exponential_jitter

from pipelines.recoup.response_errors import Again

LONGEST_WAIT_SECONDS = 120
LONGEST_BACKOFF_SECONDS = 30

_BACKOFF = wait_exponential_jitter(initial=1, max=LONGEST_BACKOFF_SECONDS, jitter=1)


def pause_before_next_try(state: RetryCallState) -> float:
    """Back off with jitter, and never come before `Retry-After` unless that is out of all reason."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait_seconds if isinstance(error, Again) else 0.0
    return min(max(_BACKOFF(state), asked), LONGEST_WAIT_SECONDS)
