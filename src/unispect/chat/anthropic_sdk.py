"""Anthropic through the package `anthropic`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from unispect.chat.faults import Fault
from unispect.chat.http import BoundedClient, checked_url
from unispect.chat.sdk import NO_KEY, fault_in, package
from unispect.chat.secret import Secret
from unispect.chat.values import Limits, Reply, Request, Usage, png_base64


@dataclass(frozen=True)
class AnthropicSDK:
    """A chat model of Anthropic, which has no place for seeds.

    Attributes:
        model: as the provider calls it.
        secret: the variable that holds the key.
        base_url: of the provider.
        limits: of one attempt.
    """

    model: str
    secret: Secret = field(default_factory=lambda: Secret("ANTHROPIC_API_KEY"))
    base_url: str = "https://api.anthropic.com"
    limits: Limits = field(default_factory=Limits)
    name: str = field(default="anthropic", init=False)
    seeded: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        checked_url(self.base_url, with_key=True)

    @property
    def endpoint(self) -> str:
        return self.base_url

    def prepare(self) -> None:
        """Fails now if the package or the key is missing."""
        package("anthropic")
        self.secret.value()

    def send(self, request: Request[Any]) -> Reply | Fault:
        """The reply to one attempt, or why there is none."""
        anthropic = package("anthropic")
        try:
            with BoundedClient(self.limits) as http:
                client = anthropic.Anthropic(
                    api_key=self.secret.value() or NO_KEY, base_url=self.base_url, max_retries=0, http_client=http
                )
                return _reply(client.messages.create(**self.body(request)))
        except (anthropic.AnthropicError, AttributeError, TypeError, ValueError) as error:
            return fault_in(error, self.limits)

    def body(self, request: Request[Any]) -> dict[str, Any]:
        """What the package is called with."""
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": request.max_tokens,
            "messages": [{"role": "user", "content": [_part(part) for part in request.prompt.parts]}],
        }
        if request.form is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": request.form}}
        if request.system:
            body["system"] = request.system
        if request.temperature is not None:  # the package no longer names it, and older models still take it
            body["extra_body"] = {"temperature": request.temperature}
        return body


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    source = {"type": "base64", "media_type": "image/png", "data": png_base64(part)}
    return {"type": "image", "source": source}


def _reply(message: Any) -> Reply:
    text = "".join(block.text for block in message.content if block.type == "text")
    usage = message.usage
    read = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0) + usage.input_tokens
    return Reply(
        text=text,
        model=message.model,
        usage=Usage(read, usage.output_tokens),
        finish=message.stop_reason or "",
        refusal=(text or "refused") if message.stop_reason == "refusal" else "",
        id=message.id,
    )
