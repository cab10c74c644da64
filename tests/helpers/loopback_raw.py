"""A server on the loopback that answers every request with the same bytes, whatever they are, and hangs up."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Raw(socketserver.ThreadingTCPServer):
    """`answer` is what is sent; `asked` are the heads of requests."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = b""
        self.asked: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class _Handler(socketserver.StreamRequestHandler):
    server: Raw

    def handle(self) -> None:
        head, length = b"", 0
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            head += line
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        self.rfile.read(length)
        self.server.asked.append(head)
        self.wfile.write(self.server.answer)


def whole(status: int, body: bytes, headers: bytes = b"content-type: application/json\r\n") -> bytes:
    """A response whose length is said."""
    return b"HTTP/1.1 %d x\r\n%scontent-length: %d\r\n\r\n%s" % (status, headers, len(body), body)


@contextmanager
def raw() -> Iterator[Raw]:
    server = Raw()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
