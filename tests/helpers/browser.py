"""Debian's Chromium without a window, driven over the DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--hide-scrollbars",
]
TIMEOUT = 60


def chromium() -> str | None:
    return shutil.which("chromium")


class Page:
    """One tab. Every event the browser sent since it was opened is in `events`."""

    def __init__(self, socket: ClientConnection, session: str) -> None:
        self._socket, self._session, self._number = socket, session, 0
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one command; events that arrive before it are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, "sessionId": self._session}
        self._socket.send(json.dumps(message))
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def wait_for(self, method: str, wanted: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """What the first `wanted` event of this kind says, past or to come."""
        seen = 0
        while True:
            for event in self.events[seen:]:
                if event["method"] == method and wanted(event["params"]):
                    return event["params"]
            seen = len(self.events)
            self._receive()

    def open(self, url: str) -> None:
        """Goes to `url` and waits until everything in it is loaded."""
        self.events = [event for event in self.events if event["method"] != "Page.loadEventFired"]
        self.send("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression evaluates to, as JSON (promises awaited)."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"].get("value")

    def resize(self, width: int, height: int = 900) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def theme(self, name: str, media: str = "") -> None:
        self.send("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": name}])

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        picture = self.send("Page.captureScreenshot", captureBeyondViewport=whole, format="png")
        path.write_bytes(base64.b64decode(picture["data"]))

    def _receive(self) -> dict[str, Any]:
        message = json.loads(self._socket.recv(timeout=TIMEOUT))
        if "method" in message:
            self.events.append(message)
        return message


@contextmanager
def tab(program: str, profile: Path) -> Iterator[Page]:
    """A fresh tab of a fresh browser that can resolve no host name, and reach nothing but this machine."""
    command = [
        program,
        *FLAGS,
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            with connect(_address(process), max_size=None) as socket:
                socket.send(json.dumps({"id": 0, "method": "Target.createTarget", "params": {"url": "about:blank"}}))
                target = _answer(socket, 0)["targetId"]
                attach = {"targetId": target, "flatten": True}
                socket.send(json.dumps({"id": 0, "method": "Target.attachToTarget", "params": attach}))
                page = Page(socket, _answer(socket, 0)["sessionId"])
                for domain in ("Page", "Runtime", "Network", "Log"):
                    page.send(f"{domain}.enable")
                yield page
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("DevTools listening on "):
            return line.rpartition(" ")[2].strip()
    raise RuntimeError("chromium did not start:\n" + "".join(said))


def _answer(socket: ClientConnection, number: int) -> dict[str, Any]:
    while True:
        message = json.loads(socket.recv(timeout=TIMEOUT))
        if message.get("id") == number:
            return message["result"]
