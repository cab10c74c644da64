"""Chat completions over plain HTTP, as OpenAI, vLLM, llama.cpp, OpenRouter and many others speak them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2
from pydantic import BaseModel, ValidationError

from unispect.chat.faults import Fault, of_status, refusal_in
from unispect.chat.http import BoundedClient, checked_url, fault_of
from unispect.chat.secret import Secret
from unispect.chat.values import Limits, Reply, Request, Usage, png_base64
from unispect.core.units import canonical_json

Forms = Literal["schema", "object", "words"]
"""How the form of the answer is asked for: by JSON schema, as "some JSON object" (with the schema in words), or in
words only, for servers that know neither."""


class _Tokens(BaseModel):
    prompt_tokens: int
    completion_tokens: int


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice]
    usage: _Tokens | None = None
    model: str | None = None
    id: str | None = None


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
        now: seconds since the epoch.
    """

    model: str
    base_url: str
    secret: Secret = Secret()  # noqa: RUF009 - frozen
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    forms: Forms = "schema"
    limit_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    seeded: bool = True
    now: Callable[[], float] = time.time
    name: str = field(default="openai-http", init=False)

    def __post_init__(self) -> None:
        checked_url(self.base_url, with_key=bool(self.secret.variable))

    @property
    def endpoint(self) -> str:
        return self.base_url.rstrip("/") + "/chat/completions"

    def prepare(self) -> None:
        """Fails now if there is no key."""
        self.secret.value()

    def send(self, request: Request[Any]) -> Reply | Fault:
        """The reply to one attempt, or why there is none."""
        answer = posted(self.endpoint, self.secret.value(), self.body(request), self.limits, self.now)
        if isinstance(answer, Reply | Fault):
            return answer
        try:
            return reply_of(answer)
        except (ValidationError, IndexError):
            return Fault("the response is no chat completion", again=True, paid=True)

    def body(self, request: Request[Any]) -> dict[str, Any]:
        """What is posted."""
        body = {
            "model": self.model,
            "messages": messages(request, worded=self.forms != "schema" and request.form is not None),
            self.limit_name: request.max_tokens,
        }
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


def posted(url: str, key: str, body: dict[str, Any], limits: Limits, now: Callable[[], float]) -> Any | Reply | Fault:
    """The JSON that a server answers with; a `Reply` if it refuses for what was asked, a `Fault` if it fails."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        with BoundedClient(limits) as client:
            response = client.post(url, headers=headers, json=body)
    except httpx2.HTTPError as error:
        return fault_of(error, limits)
    if response.status_code != httpx2.codes.OK:
        refusal = refusal_in(response.status_code, response.text)
        return refused(refusal) if refusal else of_status(response.status_code, response.headers, response.text, now())
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return Fault("the response is no whole JSON", again=True, paid=True)
    error = answer.get("error") if isinstance(answer, dict) else None
    if error:  # gateways report failures of the provider behind them under status 200
        code = error.get("code") if isinstance(error, dict) else None
        refusal = refusal_in(httpx2.codes.BAD_REQUEST, response.text)
        if refusal:
            return refused(refusal)
        return of_status(code if isinstance(code, int) else 500, {}, canonical_json(answer), now())
    return answer


def refused(words: str) -> Reply:
    """What a server says that will not answer; it charges nothing for an error."""
    return Reply("", usage=Usage(0, 0), finish="refused", refusal=words)


def reply_of(answer: Any) -> Reply:
    """What a chat completion says.

    Raises:
        ValidationError: it is none.
        IndexError: it holds no choice.
    """
    said = _Completion.model_validate(answer)
    choice, usage = said.choices[0], said.usage
    return Reply(
        text=choice.message.content or "",
        model=said.model or "",
        usage=usage and Usage(max(0, usage.prompt_tokens), max(0, usage.completion_tokens)),
        finish=choice.finish_reason or "",
        refusal=choice.message.refusal or "",
        id=said.id or "",
    )


def messages(request: Request[Any], *, worded: bool) -> list[dict[str, Any]]:
    """The request as chat messages, pictures in place as data URLs; the form in words if `worded`."""
    parts = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png_base64(part)}"}}
        for part in request.prompt.parts
    ]
    system = in_words(request) if worded else request.system
    start = [{"role": "system", "content": system}] if system else []
    return [*start, {"role": "user", "content": parts}]


def in_words(request: Request[Any]) -> str:
    """The system text, with the form of the answer in words behind it."""
    words = "Answer with one JSON object and nothing else. It must satisfy this JSON schema:\n"
    return "\n\n".join(filter(None, [request.system, words + canonical_json(request.form)]))
