import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from huggingface_hub.utils import _http
from watching import watch


class _Hub(ThreadingHTTPServer):
    """A hub with one file, which answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[str] = []
        self.answers: dict[str, list[int]] = {"HEAD": [], "GET": []}
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: _Hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer(b"12345")

    def _answer(self, body: bytes = b"") -> None:
        self.server.asked.append(self.command)
        planned = self.server.answers[self.command]
        status = planned.pop(0) if planned else 200
        self.send_response(status)
        if status == 200:
            self.send_header("ETag", '"etag"')
            self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", "5" if status == 200 else "0")
        self.end_headers()
        if status == 200:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Hub]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(_http.time, "sleep", lambda _: None)
    with _running(_Hub()) as hub:
        yield hub


@contextmanager
def _running(hub: _Hub) -> Iterator[_Hub]:
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()


def _fetch(hub: _Hub, folder: Path) -> str:
    return Path(hf_hub_download("owner/name", "file.txt", endpoint=hub.url, cache_dir=folder, token=False)).read_text()


@watch(
    "huggingface-hub",
    "A busy hub (503) is asked again where a file's details are asked for (HEAD), and at once fatal where the"
    " file is (GET).",
    met="models/hub.py; users repeat the command",
    source="`utils/_http.py`, `file_download.py`",
    seen="1.31.0 to 2.4.0",
)
def test_a_busy_hub_is_asked_again_for_details_only(hub, tmp_path):
    hub.answers["HEAD"] = [503]
    assert _fetch(hub, tmp_path) == "12345"
    assert hub.asked == ["HEAD", "HEAD", "GET"]
    hub.asked.clear()
    hub.answers["GET"] = [503]
    with pytest.raises(HfHubHTTPError):
        _fetch(hub, tmp_path / "other")
    assert hub.asked.count("GET") == 1


@watch(
    "huggingface-hub",
    "A bare 404, without the hub's own header, is told as a file that is not in the cache (`LocalEntryNotFoundError`).",
    met="models/hub.py",
    source="`file_download.py`",
    seen="1.31.0 to 2.4.0",
)
def test_a_bare_404_is_told_as_a_missing_cache(hub, tmp_path):
    hub.answers["HEAD"] = [404]
    with pytest.raises(LocalEntryNotFoundError):
        _fetch(hub, tmp_path)


def _server(status: int, headers: dict[str, str]) -> tuple[httpx2.Client, list[httpx2.Request]]:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(status, headers=headers, json={"error": {"message": "later"}})

    return httpx2.Client(transport=httpx2.MockTransport(answer)), asked


_LATER = {"retry-after": "86400"}
_ASKED = {"model": "m", "messages": [{"role": "user", "content": "a"}]}


@pytest.mark.slow
@watch(
    "openai",
    "With `max_retries=0` and a client of ours one request goes out, whatever Retry-After says, and the error"
    " holds the response.",
    met="chat/openai_sdk.py, chat/sdk.py: patience is ours",
    source="`_base_client.py`",
    seen="3.54.0 to 3.57.0",
)
def test_openai_asks_once():
    openai = pytest.importorskip("openai")
    client, asked = _server(429, _LATER)
    with pytest.raises(openai.RateLimitError) as caught:
        openai.OpenAI(
            api_key="none", base_url="http://x/v1", max_retries=0, http_client=client
        ).chat.completions.create(**_ASKED)
    assert len(asked) == 1
    assert isinstance(caught.value.response, httpx2.Response)


@pytest.mark.slow
@watch(
    "anthropic",
    "With `max_retries=0` and a client of ours one request goes out, whatever Retry-After says, and the error"
    " holds the response.",
    met="chat/anthropic_sdk.py, chat/sdk.py: patience is ours",
    source="`_base_client.py`",
    seen="2.12.0 to 2.14.0",
)
def test_anthropic_asks_once():
    anthropic = pytest.importorskip("anthropic")
    client, asked = _server(429, _LATER)
    with pytest.raises(anthropic.RateLimitError) as caught:
        anthropic.Anthropic(api_key="none", base_url="http://x", max_retries=0, http_client=client).messages.create(
            **_ASKED, max_tokens=5
        )
    assert len(asked) == 1
    assert isinstance(caught.value.response, httpx2.Response)
