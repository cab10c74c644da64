"""What stands in a response of OpenAI's protocol: a chat completion, read as leniently as servers write it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import httpx2

from unispect.chat.bodies import (
    NOTHING,
    first_dict,
    likelihoods_of,
    parsed,
    raw_of,
    said,
    text_of,
    thoughts_beside,
    usage_of,
    words,
)
from unispect.chat.faults import ApiFailure, of_status, refusal_in
from unispect.chat.secret import Secret
from unispect.chat.values import Limits, Reply, Usage


class Reader(Protocol):
    """What of a client decides how a response is read."""

    @property
    def secret(self) -> Secret: ...

    @property
    def limits(self) -> Limits: ...

    def read(self, answer: Any) -> Reply | ApiFailure: ...


def received(
    response: httpx2.Response, client: Reader, now: Callable[[], float], mends: Mapping[str, str]
) -> Reply | ApiFailure:
    """What a whole response says; a `Reply` also where a server refuses what was asked. Raises nothing.

    The key is masked in it before anything is made of it: what is cut off first could not be recognised.
    """
    text = client.secret.scrub(text_of(response.content))
    try:
        if not response.is_success:
            refusal = refusal_in(response.status_code, text)
            return (
                refused(refusal) if refusal else of_status(response.status_code, response.headers, text, now(), mends)
            )
        answer = understood(text, now, mends)
        return answer if isinstance(answer, Reply | ApiFailure) else client.read(answer)
    except Exception as error:  # nothing that a server sends is an error of ours
        return ApiFailure(f"what came cannot be read ({type(error).__name__})", paid=response.is_success, body=text)


def understood(text: str, now: Callable[[], float], mends: Mapping[str, str]) -> Any | Reply | ApiFailure:
    """The JSON in a body under status 200, or what else it says."""
    answer = parsed(text)
    if answer is NOTHING:
        return _no_json(text)
    error = error_in(answer)
    if error and not _holds_something(answer):
        # Gateways report failures of the provider behind them under status 200.
        inner = raw_of({"error": error})
        refusal = refusal_in(httpx2.codes.BAD_REQUEST, inner)
        if refusal:
            return refused(refusal)
        return of_status(_status(error), {}, inner, now(), mends)
    return answer


def _no_json(text: str) -> Reply | ApiFailure:
    begin = text.lstrip()[:1]
    if begin == "<":
        what = "a page came and no JSON; does the address end as the server wants it, for instance in /v1?"
        return ApiFailure(what, paid=True, common=True, body=text)
    if begin in ("", "{", "["):
        return ApiFailure("the response is no whole JSON", again=True, paid=True, body=text)
    return Reply("", unread="the response is no JSON", raw=text)


def error_in(answer: Any) -> Any:
    """The error that a body under status 200 speaks of, if it does."""
    if not isinstance(answer, dict):
        return None
    return answer if answer.get("object") == "error" else answer.get("error")


def _holds_something(answer: Mapping[str, Any]) -> bool:
    reply = reply_of(answer)
    return isinstance(reply, Reply) and bool(reply.text or reply.thoughts or answer.get("data"))


def _status(error: Any) -> int:
    """The status that an error stands for."""
    named = [error.get("code"), error.get("status")] if isinstance(error, dict) else []
    numbers = [int(str(one)) for one in named if re.fullmatch(r"[45]\d\d", str(one))]
    return numbers[0] if numbers else 500


def refused(words: str) -> Reply:
    """What a server says that will not answer; it charges nothing for an error."""
    return Reply("", usage=Usage(0, 0), finish="refused", refusal=words)


CUT = "length"


def reply_of(answer: Any) -> Reply | ApiFailure:
    """What a chat completion says, as far as it says anything.

    Nothing beside the text voids it: what is missing or odd is left out, and tokens that are not named count at their
    most. A choice without a message is an empty answer that was cut off.
    """
    whole = answer if isinstance(answer, dict) else {}
    choice = first_dict(whole.get("choices"))
    error = choice.get("error")
    message = _message(whole, choice)
    if message is None and not whole.get("choices"):
        return Reply("", unread="the response is no chat completion", raw=raw_of(answer))
    text, thoughts = said(message.get("content") if message else None)
    beside = thoughts_beside(message) if message else ""
    refusal = words(message.get("refusal")) if message else ""
    if error and not (text or beside):
        return of_status(_status(error), {}, raw_of({"error": error}), 0.0)
    finish = words(choice.get("finish_reason")) or words(whole.get("finish_reason") or whole.get("status"))
    silent = message is None
    return Reply(
        text=text,
        model=words(whole.get("model")),
        usage=usage_of(whole.get("usage")),
        finish=CUT if silent else finish,
        refusal=refusal,
        id=words(whole.get("id")),
        thoughts="\n\n".join(filter(None, (beside, thoughts))),
        raw=raw_of(answer) if silent else "",
        log_probabilities=likelihoods_of(choice.get("logprobs")),
    )


def _message(whole: Mapping[str, Any], choice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a model said, wherever a server puts it: in a message, as text of a choice, or beside the choices."""
    message = choice.get("message") or choice.get("delta")
    if isinstance(message, dict):
        return message
    candidates = [message, choice.get("text"), *([] if choice else [whole.get(name) for name in _ELSEWHERE])]
    for candidate in candidates:
        if isinstance(candidate, dict) and {"content", "reasoning", "reasoning_content"} & candidate.keys():
            return candidate
        text, thoughts = said(_output(candidate))
        if text or thoughts:
            return {"content": text, "reasoning": thoughts}
    return None


_ELSEWHERE = ("message", "output", "output_text", "text", "content", "response", "generated_text", "completion")
"""Where else a text stands: OpenAI's responses, Ollama, text generation servers."""


def _output(candidate: Any) -> Any:
    """The parts of the messages and thoughts in a list of outputs; anything else as it is."""
    if not (isinstance(candidate, list) and any(isinstance(one, dict) and "content" in one for one in candidate)):
        return candidate
    parts: list[Any] = []
    for one in candidate:
        content = one.get("content") if isinstance(one, dict) else one
        thinks = isinstance(one, dict) and words(one.get("type")) == "reasoning"
        parts += [one] if thinks else content if isinstance(content, list) else [content]
    return parts
