"""OpenAI through the package `openai`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unispect.chat.completions import reply_of
from unispect.chat.dialect import LimitName
from unispect.chat.faults import ApiFailure
from unispect.chat.http import BoundedClient
from unispect.chat.openai_http import OpenAIHTTP, mends
from unispect.chat.sdk import NO_KEY, PackagedClient, package
from unispect.chat.secret import Secret
from unispect.chat.values import Reply, Request
from unispect.core.units import JSON


@dataclass(frozen=True)
class OpenAISDK(PackagedClient):
    """A chat model of OpenAI; attributes as those of `OpenAIHTTP`."""

    PACKAGE = "openai"
    secret: Secret = field(default_factory=lambda: Secret("OPENAI_API_KEY"))
    base_url: str = "https://api.openai.com/v1"
    limit_name: LimitName = "max_completion_tokens"
    seeded: bool = True
    system: bool = True
    plain: bool = False
    name: str = field(default="openai", init=False)

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

    def ask(self, http: BoundedClient, request: Request[Any]) -> None:
        key = self.secret.value() or NO_KEY
        client = package(self.PACKAGE).OpenAI(api_key=key, base_url=self.base_url, max_retries=0, http_client=http)
        client.chat.completions.create(**self.wire.body(request))

    def mends(self, request: Request[Any]) -> dict[str, str]:
        return mends(self.wire.dialect, request)

    def read(self, answer: Any) -> Reply | ApiFailure:
        """See `Client.read`."""
        return reply_of(answer)
