"""The clients through vendors' own packages, which are imported when used, and bounded like any other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar

import httpx2

from unispect.chat.completions import Reader, received
from unispect.chat.dialect import Forms
from unispect.chat.faults import ApiFailure
from unispect.chat.http import BoundedClient, checked_url, fault_of
from unispect.chat.network import way_to
from unispect.chat.secret import Secret
from unispect.chat.values import Limits, Reply
from unispect.core import extras
from unispect.core.errors import UnispectError

NO_KEY = "none"
"""What the packages are given, which will not do without a key, for a server that wants none."""


@dataclass(frozen=True)
class PackagedClient:
    """A chat model through its vendor's package; a subclass says which, what is asked and how an answer is read.

    Attributes:
        model: as the provider calls it.
        secret: the variable that holds the key.
        base_url: of the provider.
        limits: of one attempt.
        forms: how the form of an answer is asked for.
    """

    PACKAGE: ClassVar[str]
    TLS: ClassVar[bool] = False
    """The package reads certificates even where none are needed."""
    model: str
    secret: Secret = field(default_factory=Secret)
    base_url: str = ""
    limits: Limits = field(default_factory=Limits)
    forms: Forms = "schema"

    def __post_init__(self) -> None:
        checked_url(self.base_url, with_key=True)

    @property
    def endpoint(self) -> str:
        return self.base_url

    def prepare(self) -> None:
        """Fails now if the package, the key or a way to the server is missing."""
        package(self.PACKAGE)
        self.secret.value()
        way_to(self.base_url, tls=self.TLS)

    def send(self, request: Any) -> Reply | ApiFailure:
        """The reply to one attempt, or why there is none."""
        package(self.PACKAGE)
        with BoundedClient(self.limits, self.base_url, tls=self.TLS, packaged=True) as http:
            return exchanged(http, lambda: self.ask(http, request), self, self.mends(request))

    def ask(self, http: BoundedClient, request: Any) -> None:
        """Puts and sends a request by the package; what it returns is not looked at."""
        raise NotImplementedError

    def mends(self, request: Any) -> dict[str, str]:
        """See `faults.mend_in`."""
        raise NotImplementedError

    def read(self, answer: Any) -> Reply | ApiFailure:
        """See `Client.read`."""
        raise NotImplementedError


def package(name: str) -> Any:
    """The vendor's package.

    Raises:
        MissingExtra: it is not installed; says how to get it.
    """
    with extras.told():
        return import_module(name)


def exchanged(
    http: BoundedClient, call: Callable[[], object], client: Reader, mends: Mapping[str, str]
) -> Reply | ApiFailure:
    """The reply to a call of a vendor's package, read from the response itself.

    The package puts the request and sends it. It sees no response (`Whole`): one under status 200 was paid for,
    whatever a package would make of it.

    Args:
        http: the client that the package sends with, `packaged`.
        call: sends.
        client: whose package it is.
        mends: see `faults.of_status`.

    Raises:
        UnispectError: as the call does.
    """
    raised: Exception | None = None
    try:
        call()
    except UnispectError:
        raise
    except Exception as error:  # packages raise what they like
        raised = error
    return fault_in(raised, client.limits) if http.last is None else received(http.last, client, time.time, mends)


def fault_in(error: BaseException | None, limits: Limits) -> ApiFailure:
    """What a call without a response means; nothing of the exception itself is kept."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx2.HTTPError):
            return fault_of(cause, limits)
        cause = cause.__cause__ or cause.__context__
    return fault_of(error, limits)
