"""OpenAI through the package `openai`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unispect.chat.completions import reply_of
from unispect.chat.dialect import Forms, LimitName
from unispect.chat.faults import Fault
from unispect.chat.http import BoundedClient, checked_url
from unispect.chat.network import way_to
from unispect.chat.openai_http import OpenAIHTTP, mends
from unispect.chat.sdk import NO_KEY, exchanged, package
from unispect.chat.secret import Secret
from unispect.chat.values import Limits, Reply, Request
from unispect.core.units import JSON


@dataclass(frozen=True)
class OpenAISDK:
    """A chat model of OpenAI; attributes as those of `OpenAIHTTP`."""

    model: str
    secret: Secret = field(default_factory=lambda: Secret("OPENAI_API_KEY"))
    base_url: str = "https://api.openai.com/v1"
    limits: Limits = field(default_factory=Limits)
    forms: Forms = "schema"
    limit_name: LimitName = "max_completion_tokens"
    seeded: bool = True
    system: bool = True
    plain: bool = False
    name: str = field(default="openai", init=False)

    def __post_init__(self) -> None:
        checked_url(self.base_url, with_key=True)

    @property
    def endpoint(self) -> str:
        return self.base_url

    def prepare(self) -> None:
        """Fails now if the package, the key or a way to the server is missing."""
        package("openai")
        self.secret.value()
        way_to(self.base_url)

    @property
    def wire(self) -> OpenAIHTTP:
        """The same over plain HTTP, which says what is sent."""
        return OpenAIHTTP(
            self.model,
            self.base_url,
            forms=self.forms,
            limit_name=self.limit_name,
            seeded=self.seeded,
            system=self.system,
            plain=self.plain,
        )

    def manner(self, request: Request[Any]) -> Mapping[str, JSON]:
        """See `Client.manner`."""
        return self.wire.manner(request)

    def send(self, request: Request[Any]) -> Reply | Fault:
        """The reply to one attempt, or why there is none."""
        openai, wire = package("openai"), self.wire
        with BoundedClient(self.limits, self.base_url, packaged=True) as http:

            def call() -> None:
                client = openai.OpenAI(
                    api_key=self.secret.value() or NO_KEY, base_url=self.base_url, max_retries=0, http_client=http
                )
                client.chat.completions.create(**wire.body(request))

            return exchanged(http, call, self, **mends(wire.dialect, request))

    def read(self, answer: Any) -> Reply | Fault:
        """See `Client.read`."""
        return reply_of(answer)
