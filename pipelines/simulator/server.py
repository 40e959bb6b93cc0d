"""The simulated API on a socket of this machine, or as an httpx transport without a socket.

It listens on loopback only, so that no other machine reaches it. What it answers is decided in api.py.
"""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pipelines.simulator.api import Simulator
from pipelines.simulator.faults import Answer

_LOOPBACK = "127.0.0.1"
_CHUNK = b" " * 65_536
_START_SECONDS = 10.0


def application(simulator: Simulator) -> Starlette:
    """Return the ASGI application of a simulator."""

    async def respond(request: Request) -> Response:
        answer = simulator.answer(request.url.path, request.query_params, request.headers)
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        return _response(answer)

    return Starlette(routes=[Route("/{path:path}", respond, methods=["GET"])])


def _response(answer: Answer) -> Response:
    if not (answer.is_cut or answer.pad_bytes):
        return Response(answer.body, answer.status, answer.headers, answer.content_type)
    headers = dict(answer.headers)
    if answer.is_cut:
        # Announce more bytes than are sent: the server then drops the connection at the end of the stream.
        headers["Content-Length"] = str(len(answer.body) * 2 + 1)
    return StreamingResponse(_pieces(answer), answer.status, headers, answer.content_type)


async def _pieces(answer: Answer) -> AsyncIterator[bytes]:
    yield answer.body
    for _ in range(answer.pad_bytes // len(_CHUNK)):
        yield _CHUNK


@contextmanager
def serve(simulator: Simulator, port: int = 0) -> Iterator[str]:
    """Serve on loopback in a thread and yield the origin; port 0 takes any free one."""
    with socket.create_server((_LOOPBACK, port)) as listener:
        config = uvicorn.Config(
            application(simulator),
            access_log=False,
            # The simulated server has a clock of its own; see Simulator.date_offset.
            date_header=False,
            http="h11",
            lifespan="off",
            log_config=None,
            log_level="critical",
            timeout_graceful_shutdown=1,
            ws="none",
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="simulator", daemon=True)
        thread.start()
        try:
            _wait_for_start(server, thread)
            yield f"http://{_LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _wait_for_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the simulated API did not start; is the port taken?")
        time.sleep(0.005)


class SimulatorTransport(httpx.BaseTransport):
    """The same answers without a socket, for long simulations. It does not wait for delays."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, or break off as a lost connection does."""
        answer = self._simulator.answer(request.url.path, dict(request.url.params), request.headers)
        if answer.is_cut:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
        headers = answer.headers | {"Content-Type": answer.content_type}
        return httpx.Response(answer.status, headers=headers, content=answer.body + b" " * answer.pad_bytes)
