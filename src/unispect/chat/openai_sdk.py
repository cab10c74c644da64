"""OpenAI through the package `openai`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from unispect.chat.faults import Fault
from unispect.chat.http import BoundedClient, checked_url
from unispect.chat.openai_http import OpenAIHTTP, reply_of
from unispect.chat.sdk import NO_KEY, fault_in, package
from unispect.chat.secret import Secret
from unispect.chat.values import Limits, Reply, Request


@dataclass(frozen=True)
class OpenAISDK:
    """A chat model of OpenAI; attributes as those of `OpenAIHTTP`."""

    model: str
    secret: Secret = field(default_factory=lambda: Secret("OPENAI_API_KEY"))
    base_url: str = "https://api.openai.com/v1"
    limits: Limits = field(default_factory=Limits)
    seeded: bool = True
    name: str = field(default="openai", init=False)

    def __post_init__(self) -> None:
        checked_url(self.base_url, with_key=True)

    @property
    def endpoint(self) -> str:
        return self.base_url

    def prepare(self) -> None:
        """Fails now if the package or the key is missing."""
        package("openai")
        self.secret.value()

    def send(self, request: Request[Any]) -> Reply | Fault:
        """The reply to one attempt, or why there is none."""
        openai = package("openai")
        wire = OpenAIHTTP(self.model, self.base_url, limit_name="max_completion_tokens", seeded=self.seeded)
        try:
            with BoundedClient(self.limits) as http:
                client = openai.OpenAI(
                    api_key=self.secret.value() or NO_KEY, base_url=self.base_url, max_retries=0, http_client=http
                )
                answer = client.chat.completions.create(**wire.body(request))
            return reply_of(answer.model_dump())
        except (openai.OpenAIError, ValidationError, AttributeError, IndexError, ValueError) as error:
            return fault_in(error, self.limits)
