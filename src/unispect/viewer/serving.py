"""Serves the viewer on this machine."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from unispect.core.errors import UsageError
from unispect.viewer.app import Viewer, application
from unispect.viewer.gate import TOKEN

LOCAL = ("127.0.0.1", "::1", "localhost")
HTTP = 80
"""The port that an address without one means."""
EVERY = ("0.0.0.0", "::")  # noqa: S104 -- refused


def serve(
    folders: Sequence[Path],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    beyond: bool = False,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serves until it is interrupted.

    Args:
        folders: run folders, or folders that hold some.
        host: address of this machine to listen on.
        port: to listen on; any free one if 0.
        beyond: an address that other machines can reach is meant.
        ready: told the address of the first page, with its token.

    Raises:
        UsageError: a folder holds no run, the host is not one of this machine, others could reach it and that is not
            asked for, or the port is taken.
    """
    require_local(host, beyond=beyond)
    if not 0 <= port < 2**16:
        raise UsageError(f"{port} is no port: they go from 0 to {2**16 - 1}")
    viewer = Viewer(folders)
    listening = _listening(host, port)
    try:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        app = application(viewer, token=token, hosts=names_of(host, port), cookie=f"unispect-view-{port}")
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws="none",
                timeout_graceful_shutdown=2,
            )
        )
        ready(f"http://{_shown(host)}:{port}/?{TOKEN}={token}")
        server.run(sockets=[listening])
    finally:
        listening.close()
        viewer.close()


def require_local(host: str, *, beyond: bool) -> None:
    """Returns if only this machine can reach the host, or others are meant to.

    Raises:
        UsageError: they are not; or it stands for all addresses at once.
    """
    if host in EVERY:  # the name that others would ask for could not be checked
        raise UsageError(f"{host} is every address of this machine: name the one that is meant")
    if host in LOCAL or beyond:
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise UsageError(
        f"other machines may reach {host}, and whoever sees the address on the way sees the runs: leave --host out "
        "(and forward the port by ssh), or say --beyond-this-machine"
    )


def names_of(host: str, port: int) -> tuple[str, ...]:
    """What the Host header of the viewer's own pages says: browsers leave out the port that is HTTP's own."""
    names = {name.lower() for name in ((_shown(host), "localhost", "127.0.0.1") if host in LOCAL else (_shown(host),))}
    return tuple(sorted({f"{name}:{port}" for name in names} | (names if port == HTTP else set())))


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # the latter of what can be no name
        raise UsageError(f"{host}:{port} cannot be listened on: {error}") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}; leave --port out, and a free one is taken"
        ) from None
    return listening
