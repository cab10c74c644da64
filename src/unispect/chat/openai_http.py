"""Chat completions over plain HTTP, as OpenAI, vLLM, llama.cpp, OpenRouter and many others speak them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from unispect.chat.bodies import NOTHING, first_dict, parsed, raw_of, said, text_of, thoughts_beside, usage_of, words
from unispect.chat.dialect import Dialect, Forms, LimitName
from unispect.chat.faults import Fault, of_status, refusal_in
from unispect.chat.http import BoundedClient, checked_url, fault_of
from unispect.chat.network import way_to
from unispect.chat.secret import Secret
from unispect.chat.values import Limits, Reply, Request, Usage, png_base64
from unispect.core.units import JSON, canonical_json


@dataclass(frozen=True)
class OpenAIHTTP:
    """A chat model behind `base_url`/chat/completions.

    Attributes:
        model: as the endpoint calls it.
        base_url: with the version, for instance `https://api.openai.com/v1`.
        secret: the variable that holds the key.
        limits: of one attempt.
        forms: what the server understands.
        limit_name: the field that limits the answer; newer OpenAI models want `max_completion_tokens`.
        seeded: send seeds.
        system: send instructions as a message of their own.
        plain: send a prompt without pictures as one text.
        now: seconds since the epoch.
    """

    model: str
    base_url: str
    secret: Secret = Secret()  # noqa: RUF009 - frozen
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    forms: Forms = "schema"
    limit_name: LimitName = "max_tokens"
    seeded: bool = True
    system: bool = True
    plain: bool = False
    now: Callable[[], float] = time.time
    name: str = field(default="openai-http", init=False)

    def __post_init__(self) -> None:
        checked_url(self.base_url, with_key=bool(self.secret.variable))

    @property
    def endpoint(self) -> str:
        return self.base_url.rstrip("/") + "/chat/completions"

    @property
    def dialect(self) -> Dialect:
        """How the server is spoken to."""
        return Dialect(self.forms, self.seeded, self.limit_name, self.system, self.plain)

    def prepare(self) -> None:
        """Fails now if there is no key, or no way to the server."""
        self.secret.value()
        way_to(self.endpoint)

    def manner(self, request: Request[Any]) -> Mapping[str, JSON]:
        """See `Client.manner`."""
        return self.dialect.writing(formed=request.form is not None, instructed=bool(request.system))

    def send(self, request: Request[Any]) -> Reply | Fault:
        """The reply to one attempt, or why there is none."""
        sent = Posted(self.body(request), mends(self.dialect, request))
        answer = posted(self.endpoint, self.secret.value(), sent, self.limits, self.now)
        return answer if isinstance(answer, Reply | Fault) else self.read(answer)

    def read(self, answer: Any) -> Reply | Fault:
        """See `Client.read`."""
        return reply_of(answer)

    def body(self, request: Request[Any]) -> dict[str, Any]:
        """What is posted."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": messages(
                request,
                worded=self.forms != "schema" and request.form is not None,
                system=self.system,
                plain=self.plain,
            ),
        }
        if self.limit_name != "none":
            body[self.limit_name] = request.max_tokens
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if self.seeded:
            body["seed"] = request.seed
        if request.form is None:
            return body
        if self.forms == "schema":
            form = {"name": "answer", "strict": True, "schema": request.form}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        elif self.forms == "object":
            body["response_format"] = {"type": "json_object"}
        return body


def mends(dialect: Dialect, request: Request[Any]) -> dict[str, str]:
    """What a request holds that a server may not know -> the option that asks otherwise; see `faults.mend_in`."""
    other = "max_tokens" if dialect.limit_name == "max_completion_tokens" else "max_completion_tokens"
    less = {"schema": "--answer-form object (or words)", "object": "--answer-form words"}
    found = {
        "response_format": request.form is not None and less.get(dialect.forms, ""),
        "seed": dialect.seeds and "--no-seed",
        "limit": dialect.limit_name != "none" and f"--limit-name {other} (or none)",
        "temperature": request.temperature is not None and "--no-temperature",
        "system": request.system and dialect.system and "--no-system-role",
        "content": not (dialect.plain or request.prompt.images) and "--plain-prompts",
    }
    return {name: f"for such servers: {option}" for name, option in found.items() if option}


@dataclass(frozen=True)
class Posted:
    """What is posted.

    Attributes:
        body: the JSON.
        mends: what of it a server may not know -> the option that helps.
    """

    body: Mapping[str, Any]
    mends: Mapping[str, str]


def posted(url: str, key: str, sent: Posted, limits: Limits, now: Callable[[], float]) -> Any | Reply | Fault:
    """The JSON that a server answers with; a `Reply` if it refuses for what was asked, a `Fault` if it fails."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        with BoundedClient(limits, url) as client:
            response = client.post(url, headers=headers, json=dict(sent.body))
    except Exception as error:  # whatever the HTTP library raises: an exception could carry the request
        return fault_of(error, limits)
    text = text_of(response.content)
    if response.status_code != httpx2.codes.OK:
        refusal = refusal_in(response.status_code, text)
        return (
            refused(refusal) if refusal else of_status(response.status_code, response.headers, text, now(), sent.mends)
        )
    return understood(text, now, sent.mends)


def understood(text: str, now: Callable[[], float], mends: Mapping[str, str]) -> Any | Reply | Fault:
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


def _no_json(text: str) -> Reply | Fault:
    begin = text.lstrip()[:1]
    if begin == "<":
        what = "a page came and no JSON; does the address end as the server wants it, for instance in /v1?"
        return Fault(what, paid=True, common=True, body=text)
    if begin in ("", "{", "["):
        return Fault("the response is no whole JSON", again=True, paid=True, body=text)
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


def reply_of(answer: Any) -> Reply | Fault:
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
    )


def _message(whole: Mapping[str, Any], choice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a model said, wherever a server puts it: in a message, as text of a choice, or beside the choices."""
    message = choice.get("message") or choice.get("delta")
    if isinstance(message, dict):
        return message
    places = [message, choice.get("text"), *([] if choice else [whole.get(name) for name in _ELSEWHERE])]
    for place in places:
        if isinstance(place, dict) and {"content", "reasoning", "reasoning_content"} & place.keys():
            return place
        text, thoughts = said(_output(place))
        if text or thoughts:
            return {"content": text, "reasoning": thoughts}
    return None


_ELSEWHERE = ("message", "output", "output_text", "text", "content", "response", "generated_text", "completion")
"""Where else a text stands: OpenAI's responses, Ollama, text generation servers."""


def _output(place: Any) -> Any:
    """The parts of the messages and thoughts in a list of outputs; anything else as it is."""
    if not (isinstance(place, list) and any(isinstance(one, dict) and "content" in one for one in place)):
        return place
    parts: list[Any] = []
    for one in place:
        content = one.get("content") if isinstance(one, dict) else one
        thinks = isinstance(one, dict) and words(one.get("type")) == "reasoning"
        parts += [one] if thinks else content if isinstance(content, list) else [content]
    return parts


def messages(request: Request[Any], *, worded: bool, system: bool = True, plain: bool = False) -> list[dict[str, Any]]:
    """The request as chat messages.

    Args:
        request: to put.
        worded: its form goes into words.
        system: instructions are a message of their own, else they stand before the prompt.
        plain: a prompt without pictures is one text, else all are parts with pictures in place as data URLs.
    """
    instructions = in_words(request) if worded else request.system
    parts: list[Any] = list(request.prompt.parts)
    if instructions and not system:
        parts.insert(0, instructions + "\n\n")
    start = [{"role": "system", "content": instructions}] if instructions and system else []
    if plain and not request.prompt.images:
        return [*start, {"role": "user", "content": "".join(parts)}]
    content = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png_base64(part)}"}}
        for part in parts
    ]
    return [*start, {"role": "user", "content": content}]


def in_words(request: Request[Any]) -> str:
    """The system text, with the form of the answer in words behind it."""
    words = "Answer with one JSON object and nothing else. It must satisfy this JSON schema:\n"
    return "\n\n".join(filter(None, [request.system, words + canonical_json(request.form)]))
