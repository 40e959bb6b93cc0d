"""A real Superset as a process, its API as a person with a login uses it, and a browser. No number is judged here."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bi.conftest import ROOT, environment

SERVE = ROOT / "docs/bi/superset/serve.py"
START_SECONDS = 400
BROWSER = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


@dataclass(frozen=True)
class Superset:
    """A running Superset, logged in over its API."""

    api: httpx.Client
    recorded: Path

    def import_bundle(self, file: Path) -> None:
        """Import as docs/bi/superset/README.md says."""
        upload = {"bundle": (file.name, file.read_bytes(), "application/zip")}
        answer = self.api.post("/api/v1/assets/import/", files=upload)
        assert answer.json() == {"message": "OK"}, answer.text

    def charts(self) -> dict[str, int]:
        return {chart["slice_name"]: chart["id"] for chart in self.get("/api/v1/chart/?q=(page_size:100)")}

    def dataset(self, mart: str) -> dict[str, Any]:
        found = {each["table_name"]: each["id"] for each in self.get("/api/v1/dataset/?q=(page_size:100)")}
        return dict(self.get(f"/api/v1/dataset/{found[mart]}"))

    def chart_rows(self, chart_id: int) -> list[dict[str, Any]]:
        return list(self.get(f"/api/v1/chart/{chart_id}/data/?force=true")[0]["data"])

    def query(self, mart: str, **query: Any) -> list[dict[str, Any]]:
        """Ask a dataset something that no chart asks."""
        source = {"id": self.dataset(mart)["id"], "type": "table"}
        context = {"datasource": source, "queries": [query], "result_format": "json", "result_type": "full"}
        answer = self.api.post("/api/v1/chart/data", json=context)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["result"][0]["data"])

    def sql_lab(self, sql: str, database_id: int = 1) -> httpx.Response:
        return self.api.post(
            "/api/v1/sqllab/execute/", json={"database_id": database_id, "sql": sql, "runAsync": False}
        )

    def get(self, path: str) -> Any:
        answer = self.api.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def photograph(self, dashboard: str, out: Path, height: int) -> dict[int, list[dict[str, Any]]]:
        """Let a browser draw the dashboard into a picture; return the rows that its charts were given, by chart."""
        for record in self.recorded.iterdir():
            record.unlink()
        browser = next((found for name in BROWSER if (found := shutil.which(name))), None)
        if browser is None:
            pytest.fail("no Chromium here; install it (Debian: apt-get install chromium)")
        out.unlink(missing_ok=True)
        address = f"{self.api.base_url}/superset/dashboard/{dashboard}/?standalone=1"
        command = [browser, *FLAGS, "--hide-scrollbars", f"--window-size=1500,{height}", f"--screenshot={out}"]
        # Time in the page stands still while it waits for the server, so that the picture is taken when all is drawn.
        command += ["--virtual-time-budget=60000", f"--user-data-dir={self.recorded}.profile", address]
        subprocess.run(command, check=True, capture_output=True, timeout=400)
        return dict(map(_given, sorted(self.recorded.iterdir())))


def _given(record: Path) -> tuple[int, list[dict[str, Any]]]:
    facts = json.loads(record.read_text())
    assert facts["status"].startswith("200"), facts
    return facts["asked"]["form_data"]["slice_id"], facts["answered"]["result"][0]["data"]


@contextmanager
def running_superset(folder: Path) -> Iterator[Superset]:
    python = environment(".venv-superset", "bi") / "bin/python"
    recorded = folder / "recorded"
    recorded.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [python, SERVE, "--home", folder / "home", "--port", str(port), "--record", recorded]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, env=os.environ)
        try:
            yield Superset(_log_in(server, f"http://127.0.0.1:{port}", folder / "log"), recorded)
        finally:
            server.terminate()
            server.wait(30)


def _log_in(server: "subprocess.Popen[bytes]", origin: str, log: Path) -> httpx.Client:
    api = httpx.Client(base_url=origin, timeout=120)
    deadline = time.monotonic() + START_SECONDS
    while not _is_up(api):
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Superset did not start: {log.read_text()[-2000:]}")
        time.sleep(0.5)
    person = {"username": "admin", "password": "admin", "provider": "db"}
    api.headers["Authorization"] = f"Bearer {api.post('/api/v1/security/login', json=person).json()['access_token']}"
    api.headers["X-CSRFToken"] = api.get("/api/v1/security/csrf_token/").json()["result"]
    api.headers["Referer"] = origin
    return api


def _is_up(api: httpx.Client) -> bool:
    try:
        return api.get("/health").status_code == 200
    except httpx.TransportError:
        return False
