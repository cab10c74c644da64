"""This machine's way to a server: its proxies and certificates, looked at before anything is sent.

What every request would meet is found once, with the name of the variable. Addresses of this machine are asked
directly, and certificates are read where TLS is needed only.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
import socket
import ssl
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from unispect.core.errors import UsageError

SCHEMES = ("http", "https", "socks5", "socks5h")
"""Of proxies, that the HTTP library knows; those of SOCKS need the package `socksio`."""
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name trusted certificates; the first that is set counts, as in the HTTP library (the last two are
those of `requests` and `curl`, which many machines set instead)."""


@dataclass(frozen=True)
class Way:
    """How a server is reached.

    Attributes:
        proxy: between; None for none.
        trust: certificates that are trusted; none where TLS is not needed.
    """

    proxy: httpx2.Proxy | None
    trust: ssl.SSLContext


def is_local(host: str | None) -> bool:
    """`host` is this machine, by a name or an address of its loopback."""
    name = (host or "").lower().rstrip(".").removeprefix("[").removesuffix("]")
    if ":" in name:
        name = name.partition("%")[0]  # the interface of an address; in a name it would be an escape
    elif not re.fullmatch(r"[a-z0-9._-]+", name):
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        pass
    if not re.fullmatch(r"[0-9a-fx.]+", name):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(name))  # 127.1 and other short spellings
    except OSError:
        return None


def way_to(url: str, *, tls: bool = False) -> Way:
    """The way to a server.

    Args:
        url: of the server.
        tls: certificates are needed even where `url` is plain HTTP.

    Raises:
        UsageError: a proxy or certificates that the environment names cannot be used; names variable, value and cure.
    """
    parts = urlsplit(url)
    proxy = None if is_local(parts.hostname) else _proxy(parts.scheme, parts.hostname or "", parts.port)
    needed = tls or parts.scheme == "https" or (proxy is not None and proxy.scheme == "https")
    trust = _trust(tuple(os.environ.get(name, "") for name in CERTIFICATES)) if needed else _no_trust()
    return Way(None if proxy is None else httpx2.Proxy(proxy, ssl_context=_of(proxy, trust)), trust)


def _of(proxy: httpx2.URL, trust: ssl.SSLContext) -> ssl.SSLContext | None:
    return trust if proxy.scheme == "https" else None


def problems(urls: Iterable[str]) -> list[str]:
    """What stands in the way to any of these servers, each problem once."""
    found: dict[str, None] = {}
    for url in urls:
        try:
            way_to(url)
        except UsageError as error:
            found[str(error)] = None
    return list(found)


def _proxy(scheme: str, host: str, port: int | None) -> httpx2.URL | None:
    """The proxy that the environment names for a server; None for none.

    Raises:
        UsageError: it cannot be used.
    """
    name, value = _named_proxy(scheme)
    if not value or _is_excepted(host, port, os.environ):
        return None
    shown = f"{name}={_masked(value)}"
    cure = f"name a proxy as http://HOST:PORT, unset {name}, or set NO_PROXY={host} to ask without one"
    try:
        url = httpx2.URL(value if "://" in value else f"http://{value}")
    except (httpx2.InvalidURL, ValueError):
        url = None
    if url is None or (url.port or 0) >= 2**16:
        raise UsageError(f"{shown} is no address of a proxy; {cure}")
    if url.scheme not in SCHEMES:
        raise UsageError(f"{shown}: proxies of scheme {url.scheme!r} are not known ({', '.join(SCHEMES)}); {cure}")
    if not url.host or re.search(r"[\s<>\"']", value):
        raise UsageError(f"{shown} names no host; {cure}")
    if url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise UsageError(f"{shown}: SOCKS proxies need the package socksio (pip install socksio); or {cure}")
    return url


def _named_proxy(scheme: str) -> tuple[str, str]:
    """Variable and value, by the rules of `urllib`: lower case first, and what is set but empty is none."""
    for name in (f"{scheme}_proxy", "all_proxy"):
        for spelled in (name, name.upper()):
            if spelled in os.environ:
                if os.environ[spelled].strip():
                    return spelled, os.environ[spelled].strip()
                break
    if sys.platform in ("darwin", "win32"):
        system = urllib.request.getproxies()
        return "the proxy in the system's settings", system.get(scheme, "") or system.get("all", "")
    return "", ""


def _is_excepted(host: str, port: int | None, environ: Mapping[str, str]) -> bool:
    """`NO_PROXY` names the host: itself, a domain it is in, `host:port`, a network of addresses, or `*`."""
    name = host.lower().rstrip(".")
    address = _address(name)
    for entry in (environ.get("no_proxy") or environ.get("NO_PROXY") or "").replace(" ", ",").split(","):
        excepted = entry.strip().lower().partition("://")[2] or entry.strip().lower()
        if excepted == "*":
            return True
        if "/" in excepted and address is not None:
            try:
                if address in ipaddress.ip_network(excepted, strict=False):
                    return True
            except ValueError:
                continue
        bare, _, number = excepted.rpartition(":")
        if bare and number.isdecimal() and (":" not in bare or bare.startswith("[")):
            if port != int(number):
                continue
            excepted = bare
        excepted = excepted.removeprefix("*").strip("[]").lstrip(".").rstrip(".")
        if excepted and (name == excepted or name.endswith("." + excepted)):
            return True
    return False


def _masked(value: str) -> str:
    """A variable's value without user, password, query and odd letters."""
    head, at, tail = value.rpartition("@")
    scheme = re.match(r"[\w+.-]+://", head)
    shown = f"{scheme[0] if scheme else ''}***@{tail}" if at else value
    return "".join(letter if letter.isprintable() else "?" for letter in re.split("[?#]", shown)[0])


@cache
def _no_trust() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies, and trusts nobody


@cache
def _trust(values: tuple[str, ...]) -> ssl.SSLContext:
    """The certificates that are trusted; kept, since reading them takes longer than a call on the loopback.

    Args:
        values: of `CERTIFICATES`.

    Raises:
        UsageError: the first that is set leads nowhere or to no certificate.
    """
    name, value = next(((name, value) for name, value in zip(CERTIFICATES, values, strict=True) if value), ("", ""))
    cure = f"name a PEM file of certificates, or unset {name}"
    try:
        if not name:
            return httpx2.create_ssl_context()
        if _is_folder(name, value):
            _require_certificates(name, value)
            return ssl.create_default_context(capath=value)
        if not Path(value).is_file():
            raise UsageError(f"{name}={value}: there is no such file of certificates; {cure}")
        return ssl.create_default_context(cafile=value)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        if not name:
            name, cure = "SSLKEYLOGFILE" if "SSLKEYLOGFILE" in os.environ else "the system", "unset it or mend it"
        why = "it holds no certificates" if isinstance(error, ssl.SSLError) else getattr(error, "strerror", "") or error
        raise UsageError(f"{name}={value or os.environ.get(name, '')} cannot be used for TLS: {why}; {cure}") from None


def _is_folder(name: str, value: str) -> bool:
    return name == "SSL_CERT_DIR" or Path(value).is_dir()


def _require_certificates(name: str, value: str) -> None:
    """OpenSSL looks certificates up by hashed names and says nothing where there are none."""
    folders = [Path(part) for part in value.split(os.pathsep) if part]
    there = [folder for folder in folders if folder.is_dir()]
    if not there:
        raise UsageError(f"{name}={value}: there is no such folder of certificates; name one, or unset {name}")
    if not any(re.fullmatch(r"[0-9a-fA-F]{8}\.\d+", file.name) for folder in there for file in folder.iterdir()):
        raise UsageError(
            f"{name}={value}: the folder holds no certificates under hashed names; run `openssl rehash` on it, or name "
            "a PEM file with SSL_CERT_FILE"
        )
