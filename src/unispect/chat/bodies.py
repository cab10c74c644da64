"""The body of a response, read as leniently as servers write: nothing here raises, whatever came."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from unispect.chat.values import Usage

NOTHING: Final = object()
"""What `parsed` gives for a body that is no whole JSON."""
MOST_TOKENS = 10**7
"""Ten times what the largest models read at once; a larger count is no count."""
_DIGITS = 19
"""Integers of more digits are read as infinite: Python refuses very long ones, and nobody counts that far."""


def text_of(body: bytes) -> str:
    """A body as text: UTF-8, whatever its headers say of it, as JSON must be; odd bytes become U+FFFD."""
    return body.decode("utf-8-sig", "replace")


def parsed(text: str) -> Any:
    """The JSON in a body, or what a stream of events adds up to; `NOTHING` if it is neither."""
    try:
        return json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError):
        return _streamed(text)


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _DIGITS else math.inf


def _streamed(text: str) -> Any:
    """One chat completion from the events of a stream, which some gateways send though none was asked for."""
    if not text.lstrip().startswith(("data:", "event:", ":")):
        return NOTHING
    whole: dict[str, Any] = {}
    said: dict[str, str] = {}
    finish: Any = None
    for line in text.splitlines():
        name, _, data = line.partition(":")
        if name.strip() != "data" or data.strip() == "[DONE]":
            continue
        try:
            event = json.loads(data, parse_int=_integer)
        except (ValueError, RecursionError):
            continue
        if not isinstance(event, dict):
            continue
        whole |= {name: value for name, value in event.items() if value and name != "choices"}
        choice = first_dict(event.get("choices"))
        delta = choice.get("delta") or choice.get("message")
        for name, part in (delta if isinstance(delta, dict) else {}).items():
            if isinstance(part, str) and name != "role":
                said[name] = said.get(name, "") + part
        finish = choice.get("finish_reason") or finish
    return {**whole, "choices": [{"message": said, "finish_reason": finish}]} if whole or said else NOTHING


def raw_of(answer: Any) -> str:
    """JSON as text that `parsed` reads back, for the record."""
    try:
        return json.dumps(answer, ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""


def first_dict(value: Any) -> Mapping[str, Any]:
    """The first object of a list, or the object itself; empty where there is none."""
    if isinstance(value, dict):
        return value
    return next((one for one in value if isinstance(one, dict)), {}) if isinstance(value, list) else {}


def words(value: Any) -> str:
    """A name, an id or a reason as text, whatever type it came as; empty for none."""
    return "" if value is None or isinstance(value, dict | list) else str(value)


THOUGHT_TYPES = ("thinking", "reasoning", "redacted_thinking", "thought", "analysis")
"""Types of parts of a message that hold thoughts."""


def said(content: Any) -> tuple[str, str]:
    """Text and thoughts of a message's content: a string, a part, or parts in a list."""
    if isinstance(content, str):
        return content, ""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            kind = words(part.get("type")).partition(".")[0].lower()
            thinks = kind in THOUGHT_TYPES or part.get("thought") is True
            (thoughts if thinks else texts).append(_text(part, THOUGHT_NAMES if thinks else TEXT_NAMES))
    return "".join(texts), "\n\n".join(filter(None, thoughts))


TEXT_NAMES = ("text", "output_text", "content", "value")
THOUGHT_NAMES = ("thinking", "reasoning", "text", "summary", "content", "thought")
"""Without the sealed thoughts of some providers (`data`), which nobody can read."""


def thoughts_beside(message: Mapping[str, Any]) -> str:
    """What a server sets apart as thoughts, under any of the names that servers use; the same under two names once."""
    found = [
        _plain(message.get(name), THOUGHT_NAMES)
        for name in ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks", "thoughts")
    ]
    return "\n\n".join(dict.fromkeys(one for one in found if one.strip()))


def _text(part: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((text for name in names if (text := _plain(part.get(name), names))), "")


def _plain(value: Any, names: Sequence[str], depth: int = 0) -> str:
    """The text in a string, a part or a list of parts."""
    if isinstance(value, str):
        return value
    if depth > 3:
        return ""
    if isinstance(value, list):
        return "".join(_plain(one, names, depth + 1) for one in value)
    if isinstance(value, dict):
        return next((text for name in names if (text := _plain(value.get(name), names, depth + 1))), "")
    return ""


READ = ("prompt_tokens", "input_tokens")
WRITTEN = ("completion_tokens", "output_tokens")


def usage_of(usage: Any, *, read: Iterable[str] = READ, written: Iterable[str] = WRITTEN) -> Usage | None:
    """The tokens that a provider charges for, if it names both kinds in numbers that can be.

    A request is never of no tokens, so 0 read or written is not believed: such a reply counts at its most, as one
    without counts does.
    """
    if not isinstance(usage, dict):
        return None
    numbers = [next((n for name in names if (n := count(usage.get(name)))), 0) for names in (read, written)]
    return Usage(*numbers) if all(numbers) else None


def count(value: Any) -> int:
    """How many, from a whole number, also as text; 0 for anything that is no count, such as a part of a token."""
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"[0-9]{1,19}", value) else 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_TOKENS:
        return 0
    return int(value) if value == int(value) else 0


def likelihoods_of(logprobs: Any) -> tuple[float, ...]:
    """The log-probability of each token of a choice; empty where one is missing or none."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    found = [first_dict([one]).get("logprob") for one in content] if isinstance(content, list) else []
    numbers = tuple(float(one) for one in found if isinstance(one, float | int) and -math.inf < one <= 0)
    return numbers if len(numbers) == len(found) else ()
