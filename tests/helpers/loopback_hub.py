"""A stand-in for the hub on the loopback: it serves folders as repositories, and notes what it was asked for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants

LARGE = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".gguf", ".distcp")
"""Ends of names of files that the hub keeps by their SHA-256 (LFS); it keeps others as git does."""


class LoopbackHub(ThreadingHTTPServer):
    """Repositories by name, each a folder; `fetched` are the files whose content was sent, whole."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.repositories: dict[str, Path] = {}
        self.fetched: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def put(self, name: str, folder: Path) -> str:
        """Serves a folder as a repository; gives its name."""
        self.repositories[name] = folder
        return name

    def files(self, name: str) -> Mapping[str, bytes]:
        folder = self.repositories[name]
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

    def commit(self, name: str) -> str:
        lines = (f"{path} {_digest(path, content)}" for path, content in self.files(name).items())
        return hashlib.sha1("\n".join(lines).encode()).hexdigest()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> LoopbackHub:
        assert isinstance(self.server, LoopbackHub)
        return self.server

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self._told("/".join(parts[2:4]), parts[4:])
        elif parts[2:3] != ["resolve"]:
            self._send(404, b"", {})
        else:
            self._sent("/".join(parts[:2]), parts[3], "/".join(parts[4:]))

    def _known(self, name: str, revision: str) -> bool:
        known = name in self.hub.repositories
        if known and revision in ("main", self.hub.commit(name)):
            return True
        self._send(404, b"", {"X-Error-Code": "RevisionNotFound" if known else "RepoNotFound"})
        return False

    def _told(self, name: str, rest: list[str]) -> None:
        what, revision = (rest[0], rest[1]) if len(rest) > 1 else ("revision", "main")
        if not self._known(name, revision):
            return
        files = self.hub.files(name)
        if what == "tree":
            told: object = [_told(path, content, "oid", "path") | {"type": "file"} for path, content in files.items()]
        else:
            siblings = [_told(path, content, "sha256", "rfilename") for path, content in files.items()]
            told = {"id": name, "modelId": name, "sha": self.hub.commit(name), "siblings": siblings}
        self._send(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _sent(self, name: str, revision: str, path: str) -> None:
        if not self._known(name, revision):
            return
        content = self.hub.files(name).get(path)
        if content is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": self.hub.commit(name)})
            return
        headers = {"ETag": f'"{_digest(path, content)}"', "X-Repo-Commit": self.hub.commit(name)}
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes=0-") and asked != "bytes=0-":
            self._send(206, content[: int(asked.partition("-")[2]) + 1], headers)
            return
        if self.command == "GET":
            self.hub.fetched.append(path)
        self._send(200, content, headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _digest(path: str, content: bytes) -> str:
    """The name that the hub has for a content."""
    if path.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def _told(path: str, content: bytes, digest: str, name: str) -> dict[str, object]:
    told: dict[str, object] = {name: path, "size": len(content), "oid": _digest(path, content), "blobId": "0" * 40}
    if path.endswith(LARGE):
        told["lfs"] = {digest: _digest(path, content), "size": len(content), "pointerSize": 130}
    elif name == "rfilename":
        told["blobId"] = told["oid"]
    return told


@contextmanager
def loopback_hub(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[LoopbackHub]:
    """The stand-in, running, as the only hub that this process knows, with a cache of its own."""
    hub = LoopbackHub()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
