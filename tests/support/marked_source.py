"""An API on loopback whose answers carry secret markers (secret_markers.py), one after the other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.bodies import runs_body
from tests.support.secret_markers import OLD_RUN, private_run

KEY = "recoup_sk_canary_of_the_api_key"


@dataclass
class Source:
    """An API on loopback: answers to `/api/tasks` one after the other, the last one for ever."""

    answers: list[tuple[int, bytes]]
    asked: int = 0

    def answer(self, path: str, key: str | None) -> tuple[int, bytes]:
        assert key == KEY
        url = urlsplit(path)
        if url.path.endswith("/runs"):
            wanted = parse_qs(url.query).get("runId", ["run_listed"])[0]
            return 200, runs_body([private_run(wanted, 24 * 9 if wanted == OLD_RUN else 3, status="FAILED")])
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@contextmanager
def served(source: Source) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = source.answer(self.path, self.headers["x-api-key"])
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
