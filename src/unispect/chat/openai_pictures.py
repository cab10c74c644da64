"""Pictures over plain HTTP, as OpenAI and servers of its protocol draw them: `base_url`/images/generations."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from unispect.chat.faults import Fault
from unispect.chat.http import checked_url
from unispect.chat.openai_http import posted
from unispect.chat.pictures import LIMITS, PictureRequest, picture_bytes
from unispect.chat.secret import Secret
from unispect.chat.values import Limits, Reply, Usage


class _Tokens(BaseModel):
    input_tokens: int
    output_tokens: int


class _Drawn(BaseModel):
    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class _Drawings(BaseModel):
    data: list[_Drawn]
    usage: _Tokens | None = None
    model: str | None = None


@dataclass(frozen=True)
class OpenAIPictures:
    """A model that draws, which has no place for seeds and temperatures.

    Attributes:
        model: as the endpoint calls it.
        base_url: with the version, for instance `https://api.openai.com/v1`.
        secret: the variable that holds the key.
        limits: of one attempt.
        ask_for_bytes: send `response_format`: without it many servers answer with an address, and with it OpenAI's own
            models, which always send bytes, refuse.
        now: seconds since the epoch.
    """

    model: str
    base_url: str
    secret: Secret = Secret()  # noqa: RUF009 - frozen
    limits: Limits = LIMITS
    ask_for_bytes: bool = True
    now: Callable[[], float] = time.time
    name: str = field(default="openai-pictures", init=False)
    seeded: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        checked_url(self.base_url, with_key=bool(self.secret.variable))

    @property
    def endpoint(self) -> str:
        return self.base_url.rstrip("/") + "/images/generations"

    def prepare(self) -> None:
        """Fails now if there is no key."""
        self.secret.value()

    def send(self, request: Any) -> Reply | Fault:
        """The picture of one attempt, a refusal, or why there is neither."""
        answer = posted(self.endpoint, self.secret.value(), self.body(request), self.limits, self.now)
        if isinstance(answer, Reply | Fault):
            return answer
        try:
            said = _Drawings.model_validate(answer)
        except ValidationError:
            return Fault("the response holds no pictures", again=True, paid=True)
        drawn = said.data[0] if said.data else _Drawn()
        if drawn.url and not drawn.b64_json:
            return Fault(
                "the server answered with the address of a picture, and addresses are not followed; "
                "it must send pictures as b64_json",
                paid=True,
                hopeless=True,
            )
        return Reply(
            text=drawn.revised_prompt or "",
            model=said.model or "",
            usage=said.usage and Usage(max(0, said.usage.input_tokens), max(0, said.usage.output_tokens)),
            picture=picture_bytes(drawn.b64_json or ""),
        )

    def body(self, request: PictureRequest) -> dict[str, Any]:
        """What is posted."""
        body: dict[str, Any] = {"model": self.model, "prompt": request.prompt.text, "n": 1}
        if request.size:
            body["size"] = request.size
        if request.quality:
            body["quality"] = request.quality
        if self.ask_for_bytes:
            body["response_format"] = "b64_json"
        return body
