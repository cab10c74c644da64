"""Anthropic through the package `anthropic`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from unispect.chat.bodies import count, raw_of, said, words
from unispect.chat.faults import ApiFailure, options_for
from unispect.chat.http import BoundedClient
from unispect.chat.openai_http import in_words
from unispect.chat.sdk import NO_KEY, PackagedClient, package
from unispect.chat.secret import Secret
from unispect.chat.values import Reply, Request, Usage, png_base64
from unispect.core.units import JSON


@dataclass(frozen=True)
class AnthropicSDK(PackagedClient):
    """A chat model of Anthropic, which has no place for seeds, and knows forms of answers by schema or in words."""

    PACKAGE = "anthropic"
    secret: Secret = field(default_factory=lambda: Secret("ANTHROPIC_API_KEY"))
    base_url: str = "https://api.anthropic.com"
    forms: Literal["schema", "words"] = "schema"
    name: str = field(default="anthropic", init=False)
    seeded: bool = field(default=False, init=False)

    def manner(self, request: Request[Any]) -> Mapping[str, JSON]:
        """See `Client.manner`."""
        return {"forms": self.forms} if request.form is not None and self.forms != "schema" else {}

    def ask(self, http: BoundedClient, request: Request[Any]) -> None:
        key = self.secret.value() or NO_KEY
        make = package(self.PACKAGE).Anthropic
        client = make(api_key=key, base_url=self.base_url, max_retries=0, http_client=http)
        client.messages.create(**self.body(request))

    def mends(self, request: Request[Any]) -> dict[str, str]:
        found = {
            "response_format": request.form is not None and self.forms == "schema" and "--answer-form words",
            "temperature": request.temperature is not None and "--no-temperature",
        }
        return options_for(found)

    def read(self, answer: Any) -> Reply | ApiFailure:
        """See `Client.read`: the text of a message, and its thoughts."""
        whole = answer if isinstance(answer, dict) else {}
        if "content" not in whole and "stop_reason" not in whole:
            return Reply("", unread="the response is no message", raw=raw_of(answer))
        text, thoughts = said(whole.get("content"))
        finish = words(whole.get("stop_reason"))
        return Reply(
            text=text,
            model=words(whole.get("model")),
            usage=_usage(whole.get("usage")),
            finish=finish,
            refusal=(text or "refused") if finish == "refusal" else "",
            id=words(whole.get("id")),
            thoughts=thoughts,
        )

    def body(self, request: Request[Any]) -> dict[str, Any]:
        """What the package is called with."""
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": request.max_tokens,
            "messages": [{"role": "user", "content": [_part(part) for part in request.prompt.parts]}],
        }
        worded = request.form is not None and self.forms == "words"
        if request.form is not None and not worded:
            body["output_config"] = {"format": {"type": "json_schema", "schema": request.form}}
        if request.system or worded:
            body["system"] = in_words(request) if worded else request.system
        if request.temperature is not None:  # the package no longer names it, and older models still take it
            body["extra_body"] = {"temperature": request.temperature}
        return body


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    source = {"type": "base64", "media_type": "image/png", "data": png_base64(part)}
    return {"type": "image", "source": source}


def _usage(usage: Any) -> Usage | None:
    """Tokens, those read from and written to the provider's cache among them; None if they are not named."""
    counts = usage if isinstance(usage, dict) else {}
    kinds = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    read, written = sum(count(counts.get(name)) for name in kinds), count(counts.get("output_tokens"))
    return Usage(read, written) if read and written else None
