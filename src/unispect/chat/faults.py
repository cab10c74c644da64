"""What can go wrong with one attempt to ask, as values: an exception could carry a request, and with it a key."""

from __future__ import annotations

import email.utils
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from unispect.core.errors import Halted, UnispectError

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may succeed; 529 is Anthropic's "overloaded"."""
HOPELESS = frozenset({401, 402, 403, 404})
"""Statuses that every other request to the same endpoint would meet too."""
EXCERPT = 300
"""Characters of a server's own words that an error repeats."""


class AskError(UnispectError):
    """A chat model gave no answer; says why, after how many attempts, and never a key."""


class Hopeless(AskError, Halted):
    """Every other request to the same endpoint would fare the same."""


@dataclass(frozen=True)
class Fault:
    """An attempt without a reply.

    Attributes:
        what: happened, in a clause.
        again: the same request may succeed later.
        paid: the provider may have charged for it.
        wait: seconds the server asked to wait; None if it did not.
        crowded: the server has too many requests: all others wait too.
        hopeless: every other request would meet the same.
    """

    what: str
    again: bool = False
    paid: bool = False
    wait: float | None = None
    crowded: bool = False
    hopeless: bool = False


def of_status(status: int, headers: Mapping[str, str], body: str, now: float) -> Fault:
    """The fault that a status other than 200 stands for; providers do not charge for these.

    Args:
        status: of the HTTP response.
        headers: of the response, names in lower case.
        body: of the response, as far as it was read.
        now: seconds since the epoch, for a `Retry-After` that is a date.
    """
    broke = status == 429 and "insufficient_quota" in body
    what = f"status {status}" + (f": {said}" if (said := message_in(body)) else "")
    again = status in AGAIN and not broke
    return Fault(
        what=what,
        again=again,
        wait=asked_to_wait(headers, now) if again else None,
        crowded=again and status in (429, 503, 529),
        hopeless=status in HOPELESS or broke,
    )


REFUSALS = frozenset(
    {"content_filter", "content_policy_violation", "image_content_policy_violation", "moderation_blocked"}
)
"""Codes of errors that mean: not this request, not now and not later."""


def refusal_in(status: int, body: str) -> str:
    """A provider's words if an error is a refusal to answer what was asked; empty otherwise."""
    if status not in (400, 403, 422):
        return ""
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    error = error.get("error") if isinstance(error, dict) else None
    if not isinstance(error, dict) or error.get("code") not in REFUSALS:
        return ""
    return message_in(body)


def message_in(body: str) -> str:
    """The message of a provider's error, or the beginning of what it sent instead, on one line."""
    try:
        error = json.loads(body)
        error = error.get("error", error) if isinstance(error, dict) else error
        said = error.get("message", error) if isinstance(error, dict) else error
    except (ValueError, RecursionError):
        said = body
    text = " ".join(str(said).split())
    return text if len(text) <= EXCERPT else text[:EXCERPT] + "..."


def asked_to_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds from `retry-after-ms` or `Retry-After` (a number or a date); None if there is neither."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(headers["retry-after"]).timestamp() - now)
    except (KeyError, ValueError):
        return None
