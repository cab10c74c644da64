"""What the clients through vendors' own packages share: they are imported when used, and bounded like any other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import httpx2

from unispect.chat.bodies import text_of
from unispect.chat.completions import understood
from unispect.chat.faults import Fault, of_status
from unispect.chat.http import BoundedClient, fault_of
from unispect.chat.values import Limits, Reply
from unispect.core.errors import UnispectError, UsageError

NO_KEY = "none"
"""What the packages are given, which will not do without a key, for a server that wants none."""


def package(name: str) -> Any:
    """The vendor's package.

    Raises:
        UsageError: it is not installed; says how to get it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f"this chat model needs the package {name}: pip install 'unispect[judges]'") from error


def exchanged(
    http: BoundedClient, call: Callable[[], object], read: Callable[[Any], Reply | Fault], limits: Limits, **more: str
) -> Reply | Fault:
    """The reply to a call of a vendor's package, read from the response itself.

    The package puts the request and sends it. What it makes of a response that is odd somewhere, or whether it raises
    over it, does not matter: a response under status 200 was paid for.

    Args:
        http: the client that the package sends with.
        call: sends.
        read: the reply in the JSON of a response.
        limits: of the exchange.
        more: see `faults.of_status`, `mends`.

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
    if http.last is not None and http.last.status_code == httpx2.codes.OK:
        answer = understood(text_of(http.last.content), time.time, more)
        return answer if isinstance(answer, Reply | Fault) else read(answer)
    return fault_in(raised, http.last, limits, more)


def fault_in(
    error: BaseException | None, response: httpx2.Response | None, limits: Limits, mends: Mapping[str, str]
) -> Fault:
    """What a call that brought no reply means; nothing of the exception itself is kept."""
    if response is not None:
        text = text_of(response.content)
        return of_status(response.status_code, response.headers, text, time.time(), mends)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx2.HTTPError):
            return fault_of(cause, limits)
        cause = cause.__cause__ or cause.__context__
    return fault_of(error, limits)
