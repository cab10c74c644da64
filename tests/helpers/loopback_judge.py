"""A real HTTP server on the loopback that speaks three providers' chat protocols and misbehaves on request.

Every handler gets the posted JSON and does what it likes with the connection. `paid` counts the replies that went out
whole: what a provider would charge for. Failures repeat the key they were sent, as careless servers do.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from unispect.core.seeds import generator_for

KEY = "sk-planted/0123456789+secret"
"""Stands in the environment of the tests; must be found nowhere else."""
VARIABLE = "LOOPBACK_JUDGE_KEY"

Act = Callable[["Handler", dict], None]


class Handler(BaseHTTPRequestHandler):
    server: LoopbackJudge

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            number = len(self.server.seen)
            self.server.seen.append(body)
            self.server.headers.append(dict(self.headers.items()))
            act = self.server.acts[number] if number < len(self.server.acts) else self.server.otherwise
        self.key = (
            self.headers.get("authorization") or self.headers.get("x-api-key") or self.headers.get("x-goog-api-key")
        )
        try:
            act(self, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def respond(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def earn(self, data: bytes, body: dict, headers: dict[str, str] | None = None) -> None:
        """Sends an answer, which is paid for once all of it went out."""
        with self.server.answering:
            self.respond(200, data, headers)
            self.server.earned.append(json.dumps(body, sort_keys=True))

    def log_message(self, format: str, *args: object) -> None:
        pass

    def envelope(self, text: str, finish: str = "stop", usage: bool = True) -> bytes:
        if self.path.endswith("/messages"):
            said = {"id": "msg-1", "type": "message", "role": "assistant", "model": "loop-1", "stop_sequence": None}
            said |= {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
            said |= {"usage": {"input_tokens": 100, "output_tokens": 20}}
        elif ":generateContent" in self.path:
            said = {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}]}
            said |= {"usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 15, "thoughtsTokenCount": 5}}
            said |= {"modelVersion": "loop-1", "responseId": "r-1"}
        else:
            said = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "loop-1"}
            message = {"role": "assistant", "content": text}
            said |= {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}
            if usage:
                said |= {"usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}}
        return json.dumps(said).encode()


class LoopbackJudge(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.answering = threading.Lock(), threading.Lock()
        self.acts: list[Act] = []
        self.otherwise: Act = say('{"seen": true}')
        self.seen: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.earned: list[str] = []
        self.over = threading.Event()

    @property
    def paid(self) -> list[str]:
        """Requests whose answers went out; whoever has an answer already finds it among them."""
        with self.answering:
            return self.earned

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def loopback() -> Iterator[LoopbackJudge]:
    server = LoopbackJudge()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


def asked(body: dict) -> str:
    """The last text of a request in OpenAI's form."""
    return body["messages"][-1]["content"][-1]["text"]


def say(text: str, finish: str = "stop", usage: bool = True) -> Act:
    def act(handler: Handler, body: dict) -> None:
        handler.earn(handler.envelope(text, finish, usage), body)

    return act


def picture_in(body: dict) -> Image.Image:
    """The one picture of a request in OpenAI's form."""
    parts = [
        part for message in body["messages"] if isinstance(message["content"], list) for part in message["content"]
    ]
    (address,) = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")


def questions_in(body: dict) -> list[tuple[str, list[str]]]:
    """Every question of a grader's request with its options, in their order, "unclear" left out."""
    text = "".join(part["text"] for part in body["messages"][-1]["content"] if part["type"] == "text")
    blocks = re.findall(r"^\d+\. (.*)\n((?:   - .*\n)+)", text, re.MULTILINE)
    return [(asked, re.findall(r"   - (.*)", listed)[:-1]) for asked, listed in blocks]


Truth = Callable[[Image.Image, str, Sequence[str]], str]
"""From a picture, a question and its options to the right answer."""


def looks(truth: Truth, *, misses: float = 0.0, alarms: float = 0.0) -> Act:
    """A grader that sees, and errs at planted rates: `misses` of what is yes is said to be no, `alarms` the other way.

    Of questions with other options it says any other one at the rate `misses`. What it says of a picture is always the
    same.
    """

    def act(handler: Handler, body: dict) -> None:
        picture, said = picture_in(body), {}
        seen = hashlib.sha256(picture.tobytes()).hexdigest()
        for number, (asked, options) in enumerate(questions_in(body), 1):
            draw = generator_for("errs", seen, asked)
            answer = truth(picture, asked, options)
            if draw.random() < (alarms if answer == "no" else misses):
                answer = str(draw.choice(sorted(set(options) - {answer})))
            said[f"q{number}"] = answer
        say(json.dumps(said))(handler, body)

    return act


def send(answer: object, status: int = 200, headers: dict[str, str] | None = None) -> Act:
    """Sends this JSON, or these bytes, whatever was asked."""
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def act(handler: Handler, body: dict) -> None:
        if status == 200:
            handler.earn(data, body, headers)
        else:
            handler.respond(status, data, headers)

    return act


def refuse(status: int, **headers: str) -> Act:
    def act(handler: Handler, body: dict) -> None:
        said = {"error": {"message": f"no: your key is {handler.key}", "type": "server_error"}}
        handler.respond(
            status, json.dumps(said).encode(), {name.replace("_", "-"): value for name, value in headers.items()}
        )

    return act


def hang(handler: Handler, body: dict) -> None:
    """Says nothing until the client goes away or the server ends."""
    handler.server.over.wait(30)
    handler.close_connection = True


def half_json(handler: Handler, body: dict) -> None:
    """Well-formed HTTP around JSON that stops in the middle."""
    whole = handler.envelope(f"key {handler.key}")
    handler.respond(200, whole[: len(whole) // 2])


def half_body(handler: Handler, body: dict) -> None:
    """Closes before as many bytes came as were announced."""
    whole = handler.envelope(f"key {handler.key}")
    handler.respond(200, whole[: len(whole) // 2], {"content-length": str(len(whole))})
    handler.close_connection = True


def not_chat(handler: Handler, body: dict) -> None:
    handler.respond(200, json.dumps({"hello": handler.key}).encode())


def huge(handler: Handler, body: dict) -> None:
    handler.respond(200, handler.envelope(str(handler.key) + "x" * 10_000_000))


def compressed(handler: Handler, body: dict) -> None:
    handler.respond(200, b"\x1f\x8b" + b"\0" * 100, {"content-encoding": "gzip"})


def drip(handler: Handler, body: dict) -> None:
    """A byte of the body now and then, for ever: no single wait is long."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.end_headers()
    while not handler.server.over.wait(0.01):
        handler.wfile.write(b" ")


def drip_headers(handler: Handler, body: dict) -> None:
    """The same with a header line that does not end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while not handler.server.over.wait(0.01):
        handler.wfile.write(b"x")


def gateway_error(handler: Handler, body: dict) -> None:
    """Status 200 behind a gateway whose provider failed."""
    handler.respond(200, json.dumps({"error": {"message": f"overloaded {handler.key}", "code": 503}}).encode())


def reset(handler: Handler, body: dict) -> None:
    """A connection reset without a word."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def redirect(handler: Handler, body: dict) -> None:
    handler.respond(307, b"", {"location": handler.server.url + "/elsewhere"})
