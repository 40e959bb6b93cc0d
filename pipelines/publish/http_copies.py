"""The published copies over HTTP, for readers on other machines: a pointer to the newest one, and files in ranges.

A reader reads the pointer, then attaches the copy that it names, which never changes. `current` itself is not served: a
reader asks for many ranges, and between two of them `current` may move. Nothing private lies below these paths.
"""

import hmac
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pipelines.errors import BadSettings
from pipelines.paths import Layout
from pipelines.publish.snapshots import MANIFEST, current_snapshot
from pipelines.settings import is_loopback

POINTER = "/current.json"
REPORT = "report.html"
# Whoever keeps what was answered asks whether it is still so: after `demo --forget` numbers begin again.
FRESH = {"Cache-Control": "no-cache"}


def application(layout: Layout, token: str | None) -> ASGIApp:
    """Return the ASGI application; with a token, only for requests that carry it as `Authorization: Bearer`."""
    served = {layout.published_file.name, MANIFEST, REPORT}

    def pointer(_: Request) -> Response:
        snapshot = current_snapshot(layout)
        if snapshot is None:
            return PlainTextResponse("nothing is published yet\n", 404)
        told = {
            "snapshot": snapshot.number,
            "database": _path(snapshot.number, snapshot.path.name),
            "published_at": snapshot.published_at.isoformat(),
            "bytes": snapshot.bytes,
        }
        return JSONResponse(told, headers=FRESH)

    def page(_: Request) -> Response:
        snapshot = current_snapshot(layout)
        return RedirectResponse(POINTER if snapshot is None else _path(snapshot.number, REPORT), headers=FRESH)

    def file(request: Request) -> Response:
        number, name = request.path_params["number"], request.path_params["name"]
        path = layout.snapshots / str(number) / name
        if name not in served or not path.is_file():
            return PlainTextResponse(f"this copy is not kept any more, or never was; {POINTER} names the newest\n", 404)
        return FileResponse(path, headers=FRESH)

    routes = [Route("/", page), Route(POINTER, pointer), Route("/snapshots/{number:int}/{name}", file)]
    app = Starlette(routes=routes)
    return app if token is None else _Guarded(app, token)


def serve_copies(layout: Layout, host: str, port: int, token: str | None) -> None:
    """Serve until interrupted. Raises BadSettings when the address cannot be used, or is open to others without a token."""
    if token is None and not is_loopback(host):
        raise BadSettings(
            f"--host {host} lets other machines in, so RECOUP_SERVE_TOKEN must be set: whoever knows it may read all "
            "that is published. Set it, or leave --host out"
        )
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise BadSettings(
            f"{host}:{port} cannot be used ({error.strerror}); choose another --port or --host"
        ) from error
    with listener:
        server_of(layout, token).run(sockets=[listener])


def server_of(layout: Layout, token: str | None) -> uvicorn.Server:
    """Return the server; it is given its socket when it runs."""
    return uvicorn.Server(
        uvicorn.Config(application(layout, token), access_log=False, log_level="warning", lifespan="off", ws="none")
    )


def _path(number: int, name: str) -> str:
    return f"/snapshots/{number}/{name}"


class _Guarded:
    """Refuses requests without the token, before anything looks at them."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._wanted = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        told = dict(scope.get("headers", [])).get(b"authorization", b"")
        if hmac.compare_digest(told, self._wanted):
            await self._app(scope, receive, send)
            return
        answer = PlainTextResponse("the token is missing or wrong\n", 401, {"WWW-Authenticate": "Bearer"})
        await answer(scope, receive, send)
