"""The error objects of runs that failed, as the single-run endpoint shows them.

Which run fails, and when, is decided in run_lifecycle.py.
"""

from pipelines.simulator.runs import Run

_STACK = "\n    at {place} (file:///app/src/{file}.mjs:{line}:18)\n    at run (file:///app/src/tasks/customerPromptTask.mjs:58:18)"
_THROWN = (
    ("TypeError", "fetch failed", "getTaskRoomId", "chats/getTaskRoomId", 31),
    ("Error", "Failed to create chat room: 502", "createRoom", "chats/createRoom", 44),
    ("SyntaxError", "Unexpected end of JSON input", "fetchTask", "recoup/fetchTask", 27),
    ("AbortError", "This operation was aborted", "generateChat", "recoup/generateChat", 73),
)
_PLATFORM = {
    "interrupted": "GRACEFUL_EXIT_TIMEOUT",
    "crashed": "TASK_PROCESS_OOM_KILLED",
    "crashed_before_start": "TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE",
    "system_failure": "TASK_RUN_HEARTBEAT_TIMEOUT",
    "timed_out": "MAX_DURATION_EXCEEDED",
}


def thrown_error(run: Run) -> dict[str, str]:
    """Return the error an attempt threw: name, message and stack."""
    name, message, place, file, line = _THROWN[run.bits % len(_THROWN)]
    stack = f"{name}: {message}" + _STACK.format(place=place, file=file, line=line)
    return {"message": message, "name": name, "stackTrace": stack}


def run_error(run: Run) -> dict[str, str] | None:
    """Return the error of an ended run, or None. Errors of the platform have only a message."""
    if run.kind == "failed":
        return thrown_error(run)
    if run.kind == "expired":
        return {"message": "Run expired because the TTL (10m) was reached"}
    code = _PLATFORM.get(run.kind)
    return {"message": f"trigger.dev internal error ({code})"} if code else None
