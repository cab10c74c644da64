"""HTTP that ends: within its time and within its size, whoever uses the client."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2

from unispect.chat.faults import ApiFailure
from unispect.chat.network import is_local, way_to
from unispect.chat.values import Limits
from unispect.core.errors import UsageError


def checked_url(url: str, *, with_key: bool) -> str:
    """A base URL without a slash at its end.

    Raises:
        UsageError: it is no http(s) URL, holds a user, password or query (it is recorded; keys do not belong there),
            or would carry a key in the clear to another machine.
    """
    if "@" in url or "?" in url or "#" in url:
        raise UsageError("the base URL must hold no user, password, query or fragment; keys come from the environment")
    scheme, host = _split(url)
    if scheme not in ("http", "https") or not re.fullmatch(r"[\w.:%-]+", host) or host not in _asked(url):
        raise UsageError("the base URL must look like https://host/v1")
    if scheme == "http" and with_key and not is_local(host):
        raise UsageError(f"a key would go to {host} in the clear; use https, or an endpoint without a key")
    return url.rstrip("/")


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        return (parts.scheme, parts.hostname or "") if parts.port != 0 else ("", "")
    except ValueError:  # a port or an address that is none
        return "", ""


def _asked(url: str) -> tuple[str, ...]:
    """The host that the HTTP library would ask; where it reads a URL otherwise than we do, one of the two is wrong."""
    try:
        asked = httpx2.URL(url)
        return asked.host.lower(), asked.raw_host.decode("ascii", "replace").lower()
    except (httpx2.InvalidURL, ValueError):
        return ()


class Cut(httpx2.TransportError):
    """The client itself ended an exchange; `fault` says why."""

    def __init__(self, fault: ApiFailure) -> None:
        self.fault = fault
        super().__init__(fault.what)


class Whole(httpx2.TransportError):
    """The response is there, and is read here."""


class _Wire:
    """Remembers the newest socket of an exchange, so that another thread can cut it.

    Args:
        here: it must lead to this machine.
    """

    def __init__(self, *, here: bool) -> None:
        self.late = threading.Event()
        self._here = here
        self._socket: socket.socket | None = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = info["return_value"]
            self._socket = stream.get_extra_info("socket")
            if self.late.is_set():
                self.cut()
            if self._here and not _leads_here(stream.get_extra_info("server_addr")):
                what = "a name of this machine leads to another one (see /etc/hosts); name its address, 127.0.0.1"
                raise Cut(ApiFailure(what, fatal=True))

    def cut(self) -> None:
        """Ends the exchange: whoever reads sees the end of the stream at once."""
        self.late.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # The plain method: that of a TLS socket takes the session from under the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _leads_here(address: Any) -> bool:
    """The address at the other end of a connection is one of this machine's loopback."""
    try:
        found = ipaddress.ip_address(str(address[0]).partition("%")[0])
    except (TypeError, IndexError, ValueError):
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


class BoundedClient(httpx2.Client):
    """An HTTP client whose every exchange keeps to `limits`; the vendors' packages take it too.

    Timeouts of the HTTP library start anew with every byte, so a server that drips would hold a request for ever: a
    timer of its own cuts the connection when the total is over. Connections are not used twice, which makes an exchange
    the only user of its own. Redirects are not followed, and nothing goes to another server than that of `url`: either
    would take the key elsewhere. What is sent to this machine goes to no other, whatever its name is made to mean. Of
    the environment only what `network` has looked at is used.

    Args:
        limits: of an exchange.
        url: where it will go.
        tls: `url` is plain HTTP, and certificates are wanted none the less.
        packaged: a vendor's package sends with it, and is given no response: it could warn and log of a key in it, and
            what it makes of an odd one may be less than it holds.

    Attributes:
        last: the newest whole response.
        trust: the certificates that it goes by.
    """

    def __init__(self, limits: Limits, url: str, *, tls: bool = False, packaged: bool = False) -> None:
        self._bounds = limits
        self._packaged = packaged
        self._to = httpx2.URL(url)
        self.last: httpx2.Response | None = None
        way = way_to(url, tls=tls)
        self.trust = way.trust
        super().__init__(
            verify=self.trust,
            proxy=way.proxy,
            trust_env=False,
            timeout=httpx2.Timeout(limits.read, connect=limits.connect),
            limits=httpx2.Limits(max_keepalive_connections=0),
            follow_redirects=False,
        )

    def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        """The response, read whole.

        Raises:
            Cut: it took too long, is too large, or is compressed; or it would go, or went, to another machine.
            Whole: it is in `last`, and a package sent the request.
            httpx2.HTTPError: the exchange failed otherwise.
        """
        if (request.url.scheme, request.url.host, request.url.port) != (self._to.scheme, self._to.host, self._to.port):
            raise Cut(
                ApiFailure("the request would have gone to another server than the one that was named", fatal=True)
            )
        wire = _Wire(here=is_local(self._to.host))
        request.headers["accept-encoding"] = "identity"
        request.extensions = {**request.extensions, "trace": wire.trace, "timeout": self.timeout.as_dict()}
        timer = threading.Timer(self._bounds.total, wire.cut)
        timer.daemon = True
        timer.start()
        response = None
        try:
            response = self._read(request, {**how, "stream": True, "follow_redirects": False})
        except httpx2.HTTPError:
            if not wire.late.is_set():
                raise
        finally:
            timer.cancel()
        # A cut stream ends as one does whose length was not told.
        if response is None or wire.late.is_set():
            raise Cut(ApiFailure(f"no whole response within {self._bounds.total:g} s", again=True, paid=True))
        self.last = response
        if self._packaged:
            raise Whole("read by its owner")
        return response

    def _read(self, request: httpx2.Request, how: Mapping[str, Any]) -> httpx2.Response:
        response = super().send(request, **how)
        try:
            paid = response.is_success
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Cut(ApiFailure("the response is compressed, which was not asked for", paid=paid))
            data = bytearray()
            for chunk in response.iter_raw():
                data += chunk
                if len(data) > self._bounds.bytes:
                    raise Cut(ApiFailure(f"the response is larger than {self._bounds.bytes} bytes", paid=paid))
        finally:
            response.close()
        headers = [
            one for one in response.headers.raw if one[0].lower() != b"transfer-encoding"
        ]  # any bytes may be there
        return httpx2.Response(response.status_code, headers=headers, content=bytes(data), request=request)


def fault_of(error: BaseException | None, limits: Limits) -> ApiFailure:
    """What an exception in the HTTP library means, in words that hold nothing of the request."""
    if isinstance(error, Cut):
        return error.fault
    if isinstance(error, httpx2.ProxyError):
        return ApiFailure("the proxy did not let the request through", again=True)
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            cure = "where a network opens TLS, SSL_CERT_FILE names its certificates"
            return ApiFailure(f"the certificate of the server is not trusted; {cure}", fatal=True)
        return ApiFailure(f"no connection ({type(error).__name__})", again=True)
    if isinstance(error, httpx2.TimeoutException):
        return ApiFailure(f"nothing came for {limits.read:g} s", again=True, paid=True)
    if isinstance(error, httpx2.HTTPError):
        return ApiFailure(f"the connection broke ({type(error).__name__})", again=True, paid=True)
    return ApiFailure(f"the HTTP client failed ({type(error).__name__})", paid=True)
