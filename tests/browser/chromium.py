"""A headless Chromium on two pipes, spoken to in its DevTools protocol. No test, no dependency, no port."""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PATIENCE = 60.0
DESKTOP: dict[str, Any] = {"width": 1280, "height": 900}
PHONE: dict[str, Any] = {"width": 390, "height": 844}

Message = dict[str, Any]


def find() -> str | None:
    """Where Debian, or another, has put it."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """One tab. It remembers what the console said and what the network was asked for."""

    def __init__(self, to: int, out: int) -> None:
        self._to, self._out = to, out
        self._buffer = b""
        self._numbers = itertools.count(1)
        self.events: list[Message] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    _session: str | None = None

    def send(self, method: str, **params: Any) -> Message:
        """Call a method and return its result; events on the way are kept."""
        number = next(self._numbers)
        call: Message = {"id": number, "method": method, "params": params}
        if self._session:
            call["sessionId"] = self._session
        os.write(self._to, json.dumps(call).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            message = self._receive(deadline)
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)
        raise TimeoutError(method)

    def _receive(self, deadline: float) -> Message:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._out], [], [], max(deadline - time.monotonic(), 0))
            chunk = os.read(self._out, 1 << 20) if ready else b""
            if not chunk:
                raise TimeoutError("Chromium said nothing")
            self._buffer += chunk
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def screen(self, width: int, height: int, *, dark: bool = False, is_phone: bool = False) -> None:
        """Become a screen of this size and taste."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def open(self, file: Path, fragment: str = "") -> None:
        """Load a file and wait until its charts are drawn."""
        self.events.clear()
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=file.as_uri() + fragment)
        self.until("document.documentElement?.dataset.drawn === 'true'")

    def unfold(self) -> None:
        """Open every section and wait until its charts are drawn."""
        self.evaluate("document.querySelectorAll('.fold').forEach((fold) => { fold.open = true })")
        self.until("[...document.querySelectorAll('[data-spec]')].every((place) => place.dataset.done)")

    def pdf(self) -> bytes:
        """Print the page on A4."""
        return base64.b64decode(self.send("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])

    def evaluate(self, script: str, **options: Any) -> Any:
        """Run a script in the page and return its value."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, **options)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + PATIENCE
        while not self.evaluate(condition):
            assert time.monotonic() < deadline, f"never true: {condition}"
            time.sleep(0.05)

    def complaints(self) -> list[str]:
        """What the console and the page's policy complained about."""
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded")
        said = [json.dumps(event["params"]) for event in self.events if event.get("method") in kinds]
        calls = [event["params"] for event in self.events if event.get("method") == "Runtime.consoleAPICalled"]
        return said + [json.dumps(call["args"]) for call in calls if call["type"] in ("error", "warning", "assert")]

    def requests(self) -> list[str]:
        """Every address that was asked for."""
        asked = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in asked]

    def picture(self, out: Path, selector: str = "body") -> None:
        """Save a part of the page as it looks."""
        box = self.evaluate(
            f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [b.x + scrollX, b.y + scrollY, b.width, b.height] })()"
        )
        clip = dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"scale": 1}
        shot = self.send("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        out.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser() -> Iterator[Page]:
    """Start Chromium with an empty profile and give its one page."""
    program = find()
    assert program, "Chromium is needed: apt-get install chromium"
    from_us, to_it = os.pipe()
    from_it, to_us = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # Chromium reads its descriptor 3 and writes its descriptor 4.
        script = f"import os, sys; os.dup2({from_us}, 3); os.dup2({to_us}, 4); os.execvp(sys.argv[1], sys.argv[1:])"
        command = [sys.executable, "-c", script, program, *FLAGS, f"--user-data-dir={profile}"]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, pass_fds=(from_us, to_us), stdin=quiet, stdout=quiet, stderr=quiet)
        os.close(from_us)
        os.close(to_us)
        try:
            yield Page(to_it, from_it)
        finally:
            with suppress(OSError):
                os.write(to_it, b'{"id":0,"method":"Browser.close"}\0')
            os.close(to_it)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(from_it)


def keep(page: Page, name: str) -> None:
    """Save the whole page for looking at, if REPORT_PICTURES names a folder."""
    folder = os.environ.get("REPORT_PICTURES")
    if folder:
        page.picture(Path(folder) / f"{name}.png")
