"""Chat completions over plain HTTP, as OpenAI, vLLM, llama.cpp, OpenRouter and many others speak them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from unispect.chat.completions import Reader, received, reply_of
from unispect.chat.dialect import Dialect, Forms, LimitName
from unispect.chat.faults import ApiFailure, options_for
from unispect.chat.http import BoundedClient, checked_url, fault_of
from unispect.chat.network import way_to
from unispect.chat.secret import Secret
from unispect.chat.values import Limits, Reply, Request, png_base64
from unispect.core.errors import UnispectError
from unispect.core.units import JSON, canonical_json


@dataclass(frozen=True)
class OpenAIClient:
    """A model behind an endpoint of this protocol.

    Attributes:
        model: as the endpoint calls it.
        base_url: with the version, for instance `https://api.openai.com/v1`.
        secret: the variable that holds the key.
        limits: of one attempt.
    """

    PATH: ClassVar[str]
    """Of the endpoint, behind `base_url`."""
    model: str
    base_url: str
    secret: Secret = Secret()  # noqa: RUF009 - frozen
    limits: Limits = Limits()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        checked_url(self.base_url, with_key=bool(self.secret.variable))

    @property
    def endpoint(self) -> str:
        return self.base_url.rstrip("/") + self.PATH

    def prepare(self) -> None:
        """Fails now if there is no key, or no way to the server."""
        self.secret.value()
        way_to(self.endpoint)


@dataclass(frozen=True)
class OpenAIHTTP(OpenAIClient):
    """A chat model behind `base_url`/chat/completions.

    Attributes:
        forms: what the server understands.
        limit_name: the field that limits the answer; newer OpenAI models want `max_completion_tokens`.
        seeded: send seeds.
        system: send instructions as a message of their own.
        plain: send a prompt without pictures as one text.
        now: seconds since the epoch.
    """

    PATH = "/chat/completions"
    forms: Forms = "schema"
    limit_name: LimitName = "max_tokens"
    seeded: bool = True
    system: bool = True
    plain: bool = False
    now: Callable[[], float] = time.time
    name: str = field(default="openai-http", init=False)

    @property
    def dialect(self) -> Dialect:
        """How the server is spoken to."""
        return Dialect(self.forms, self.seeded, self.limit_name, self.system, self.plain)

    def manner(self, request: Request[Any]) -> Mapping[str, JSON]:
        """See `Client.manner`."""
        return self.dialect.writing(formed=request.form is not None, instructed=bool(request.system))

    def send(self, request: Request[Any]) -> Reply | ApiFailure:
        """The reply to one attempt, or why there is none."""
        sent = Posted(self.body(request), mends(self.dialect, request))
        return posted(self.endpoint, self, sent, self.now)

    def read(self, answer: Any) -> Reply | ApiFailure:
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
        if request.log_probabilities:
            body["logprobs"] = True
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
        "logprobs": request.log_probabilities and "leaving --log-probabilities out",
        "content": not (dialect.plain or request.prompt.images) and "--plain-prompts",
    }
    return options_for(found)


@dataclass(frozen=True)
class Posted:
    """What is posted.

    Attributes:
        body: the JSON.
        mends: what of it a server may not know -> the option that helps.
    """

    body: Mapping[str, Any]
    mends: Mapping[str, str]


def posted(url: str, client: Reader, sent: Posted, now: Callable[[], float]) -> Reply | ApiFailure:
    """What a server answers, or why it does not."""
    key = client.secret.value()
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        with BoundedClient(client.limits, url) as http:
            response = http.post(url, headers=headers, json=dict(sent.body))
    except UnispectError:  # of a proxy, say; it names the cure
        raise
    except Exception as error:  # whatever the HTTP library raises: an exception could carry the request
        return fault_of(error, client.limits)
    return received(response, client, now, sent.mends)


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
