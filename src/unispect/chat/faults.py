"""What can go wrong with one attempt to ask, as values: an exception could carry a request, and with it a key."""

from __future__ import annotations

import email.utils
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from unispect.core.errors import Halted, UnispectError, Unread

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Statuses after which the same request may succeed; 529 is Anthropic's "overloaded", 520 to 524 are a gateway's words
for a server that it does not reach."""
CROWDED = frozenset({429, 529})
"""Statuses of a server that lives and has too much to do."""
FATAL = frozenset({401, 402, 403, 404, 405, 407, 410})
"""Statuses that every other request to the same endpoint would meet too."""
EXCERPT = 300
"""Characters of a server's own words that an error repeats."""


class AskError(UnispectError):
    """A chat model gave no answer; says why, after how many attempts, and never a key."""


class FatalError(AskError, Halted):
    """Every other request to the same endpoint would fare the same."""


class Unreadable(AskError, Unread):
    """A reply came and was paid for, and nothing in it could be read; it stays on the cassette."""


@dataclass(frozen=True)
class ApiFailure:
    """An attempt without a reply.

    Attributes:
        what: happened, in a clause.
        again: the same request may succeed later.
        paid: the provider may have charged for it.
        wait: seconds the server asked to wait; None if it did not.
        crowded: the server has too many requests: all others wait too.
        fatal: every other request would meet the same.
        common: it names what every request holds; fatal unless another was answered.
        alike: what it has in common with faults of other requests that mean the same; empty for nothing.
        body: what came, where a paid response is no reply; kept on the cassette.
        heard: the server lives: it looked at the request, or asked to wait. What it sends when it fails itself says
            no more than silence does.
        worded: the server says itself, in an error of its API, that it failed; it may have failed over this request.
    """

    what: str
    again: bool = False
    paid: bool = False
    wait: float | None = None
    crowded: bool = False
    fatal: bool = False
    common: bool = False
    alike: str = ""
    body: str = field(default="", repr=False)
    heard: bool = False
    worded: bool = False


def of_status(
    status: int, headers: Mapping[str, str], body: str, now: float, mends: Mapping[str, str] | None = None
) -> ApiFailure:
    """The fault that a status other than 200 stands for; providers do not charge for these.

    Args:
        status: of the HTTP response.
        headers: of the response, names in lower case.
        body: of the response, as far as it was read.
        now: seconds since the epoch, for a `Retry-After` that is a date.
        mends: what was sent that a server may not know -> the option that helps.
    """
    broke = status == 429 and "insufficient_quota" in body
    what = f"status {status}" + (f": {said}" if (said := message_in(body)) else "")
    again = status in AGAIN and not broke
    wait = asked_to_wait(headers, now) if again else None
    mend = "" if status == 429 else mend_in(body, mends or {})
    return ApiFailure(
        what=f"{what}; {mend}" if mend else what,
        again=again,
        wait=wait,
        crowded=again and status in (429, 503, 529),
        fatal=status in FATAL or broke,
        common=bool(mend) and not again,
        alike="" if again or _CONTENT.search(body[:_LOOKED_AT]) else what,
        heard=status in CROWDED or wait is not None or not (again or status >= _FAILED),
        worded=status == _FAILED and _is_error(body),
    )


_FAILED = 500
"""Statuses from here on are failures of the server's own."""
_CONTENT = re.compile(
    r"safety|policy|policies|moderat|flagged|content.?filter|prohibited|sensitive|inappropriate|harmful|copyright"
    r"|context.?(length|window|size)|too (long|large|big)|maximum (context|length)|could not (process|decode)",
    re.IGNORECASE,
)
"""Words of an error about what one request holds."""
_LOOKED_AT = 4000
"""Letters of an error's body that are searched."""
_NOT_KNOWN = re.compile(
    r"un(supported|known|recogni[sz]ed|expected|available|permitted)|not\b.{0,20}\b(support|known|recogni|available|allowed"
    r"|permitted|implement|compatible|accept)|n't support|extra (inputs?|fields?|parameters?)|additional propert"
    r"|invalid|forbidden|instead|no longer|deprecated|removed|only .{0,60}(support|allow|accept)|must be|should be"
    r"|incompatible|cannot (be )?(use|set|specif)|expected|disabled",
    re.IGNORECASE | re.DOTALL,
)
_SPELLED = {
    "response_format": r"response.?format|json.?(schema|mode|object)|structured.?output|output.?(config|format)|guided"
    r"|grammar|response.?mime",
    "seed": r"\bseeds?\b",
    "limit": r"max.?(completion|output|new)?.?tokens",
    "temperature": r"\btemperature\b",
    "system": r"system.{0,12}(role|message|prompt|instruction)|role.{0,20}system|developer instruction",
    "content": r"\bcontent\b.{0,60}(string|str\b|text)|(string|str\b).{0,60}\bcontent\b|invalid type: sequence",
    "size": r"\bsize\b",
    "quality": r"\bquality\b",
    "logprobs": r"log.?prob",
    "guidance": r"guidance|cfg.?scale",
    "steps": r"steps?\b",
    "negative": r"negative.?prompt",
}
"""What a request may hold that servers do not know, as their errors name it."""
_TOO_MANY = re.compile(r"too (large|big|many)|at most|exceed|less than", re.IGNORECASE)


def options_for(found: Mapping[str, object]) -> dict[str, str]:
    """What of a request a server may not know -> the option that asks otherwise; names without one are left out."""
    return {name: f"for such servers: {option}" for name, option in found.items() if option}


def mend_in(body: str, mends: Mapping[str, str]) -> str:
    """The option that helps, if an error names something that was sent and that the server does not know.

    Args:
        body: of the error.
        mends: name in `_SPELLED` -> words with the option, for what was sent.
    """
    text = body[:_LOOKED_AT]
    if not mends or not _NOT_KNOWN.search(text):
        return ""
    named = _parameters_in(body)
    if not named and _CONTENT.search(text):
        return ""
    for name, mend in mends.items():
        if re.search(_SPELLED[name], named or text, re.IGNORECASE | re.DOTALL):
            return "" if name == "limit" and _TOO_MANY.search(text) else mend
    return ""


def _is_error(body: str) -> bool:
    """A JSON object with words about an error: what a server writes itself, and no gateway in its place."""
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(error, dict):
        return False
    said = error.get("error") or error.get("message") or error.get("detail")
    return bool(said.get("message") if isinstance(said, dict) else said)


def _parameters_in(body: str) -> str:
    """The parameters that an error names in a place of their own: `param` (OpenAI) or `loc` (FastAPI)."""
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(error, dict):
        return ""
    details, inner = error.get("detail"), error.get("error", error)
    named = [inner.get("param")] if isinstance(inner, dict) else []
    named += [one.get("loc") for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    return " ".join(".".join(map(str, one)) if isinstance(one, list) else str(one) for one in named if one)


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
    if not isinstance(error, dict) or str(error.get("code")) not in REFUSALS:
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
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):  # as parsers of dates raise
        return None
