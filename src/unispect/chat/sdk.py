"""What the clients through vendors' own packages share: they are imported when used, and bounded like any other."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import httpx2

from unispect.chat.completions import Reader, received
from unispect.chat.faults import Fault
from unispect.chat.http import BoundedClient, fault_of
from unispect.chat.values import Limits, Reply
from unispect.core import extras
from unispect.core.errors import UnispectError

NO_KEY = "none"
"""What the packages are given, which will not do without a key, for a server that wants none."""


def package(name: str) -> Any:
    """The vendor's package.

    Raises:
        MissingExtra: it is not installed; says how to get it.
    """
    with extras.told():
        return import_module(name)


def exchanged(http: BoundedClient, call: Callable[[], object], client: Reader, **mends: str) -> Reply | Fault:
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


def fault_in(error: BaseException | None, limits: Limits) -> Fault:
    """What a call without a response means; nothing of the exception itself is kept."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx2.HTTPError):
            return fault_of(cause, limits)
        cause = cause.__cause__ or cause.__context__
    return fault_of(error, limits)
