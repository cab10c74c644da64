"""What the clients through vendors' own packages share: they are imported when used, and bounded like any other."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import httpx2

from unispect.chat.faults import Fault, of_status
from unispect.chat.http import fault_of
from unispect.chat.values import Limits
from unispect.core.errors import UsageError

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


def fault_in(error: BaseException, limits: Limits) -> Fault:
    """What an exception of a vendor's package means; nothing of the exception itself is kept."""
    response = getattr(error, "response", None)
    if isinstance(response, httpx2.Response) and response.status_code != httpx2.codes.OK:
        return of_status(response.status_code, response.headers, response.text, time.time())
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx2.HTTPError):
            return fault_of(cause, limits)
        cause = cause.__cause__ or cause.__context__
    return Fault(f"the response makes no sense ({type(error).__name__})", again=True, paid=True)
