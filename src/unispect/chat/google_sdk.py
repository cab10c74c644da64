"""Google through the package `google-genai`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx2

from unispect.chat.faults import Fault
from unispect.chat.http import BoundedClient, checked_url
from unispect.chat.pictures import PictureRequest
from unispect.chat.sdk import NO_KEY, fault_in, package
from unispect.chat.secret import Secret
from unispect.chat.values import Limits, Reply, Request, Usage, png


@dataclass(frozen=True)
class GoogleSDK:
    """A chat model of Google; some draw as well, and are asked for words beside the picture: refusals are words.

    Attributes:
        model: as the provider calls it.
        secret: the variable that holds the key.
        base_url: of the provider.
        limits: of one attempt.
    """

    model: str
    secret: Secret = field(default_factory=lambda: Secret("GEMINI_API_KEY"))
    base_url: str = "https://generativelanguage.googleapis.com"
    limits: Limits = field(default_factory=Limits)
    name: str = field(default="google", init=False)
    seeded: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        checked_url(self.base_url, with_key=True)

    @property
    def endpoint(self) -> str:
        return self.base_url

    def prepare(self) -> None:
        """Fails now if the package or the key is missing."""
        package("google.genai")
        self.secret.value()

    def send(self, request: Request[Any] | PictureRequest) -> Reply | Fault:
        """The reply to one attempt, or why there is none."""
        genai, types = package("google.genai"), package("google.genai.types")
        errors = package("google.genai.errors")
        chats = isinstance(request, Request)
        try:
            with BoundedClient(self.limits) as http:
                options = types.HttpOptions(base_url=self.base_url, httpx_client=http)
                client = genai.Client(api_key=self.secret.value() or NO_KEY, vertexai=False, http_options=options)
                answer = client.models.generate_content(
                    model=self.model,
                    contents=[types.Content(role="user", parts=[_part(types, part) for part in request.prompt.parts])],
                    config=types.GenerateContentConfig(**(_config(request) if chats else _drawing(types, request))),
                )
            return _reply(answer)
        except (errors.APIError, httpx2.HTTPError, AttributeError, ValueError) as error:
            return fault_in(error, self.limits)


def _config(request: Request[Any]) -> dict[str, Any]:
    config: dict[str, Any] = {
        "max_output_tokens": request.max_tokens,
        "seed": request.seed,
    }
    if request.form is not None:
        config |= {"response_mime_type": "application/json", "response_json_schema": request.form}
    if request.system:
        config["system_instruction"] = request.system
    if request.temperature is not None:
        config["temperature"] = request.temperature
    return config


def _drawing(types: Any, request: PictureRequest) -> dict[str, Any]:
    config: dict[str, Any] = {"response_modalities": ["TEXT", "IMAGE"], "seed": request.seed}
    shape = {"aspect_ratio": request.size, "image_size": request.quality}
    if any(shape.values()):
        config["image_config"] = types.ImageConfig(**{name: value for name, value in shape.items() if value})
    if request.temperature is not None:
        config["temperature"] = request.temperature
    return config


def _part(types: Any, part: Any) -> Any:
    return (
        types.Part(text=part) if isinstance(part, str) else types.Part.from_bytes(data=png(part), mime_type="image/png")
    )


def _reply(answer: Any) -> Reply:
    blocked = getattr(answer.prompt_feedback, "block_reason", None)
    candidate = answer.candidates[0] if answer.candidates else None
    if candidate is None and not blocked:
        raise ValueError("no candidate")
    parts = candidate.content.parts or [] if candidate and candidate.content else []
    finish = getattr(candidate.finish_reason, "value", "") if candidate else ""
    counted = answer.usage_metadata
    usage = None
    if counted is not None and counted.prompt_token_count is not None:
        written = (counted.candidates_token_count or 0) + (counted.thoughts_token_count or 0)
        usage = Usage(counted.prompt_token_count, written)
    return Reply(
        text="".join(part.text or "" for part in parts if not part.thought),
        model=answer.model_version or "",
        usage=usage,
        finish=finish,
        refusal=str(getattr(blocked, "value", blocked)) if blocked else finish if finish in _REFUSALS else "",
        id=answer.response_id or "",
        picture=next((part.inline_data.data or b"" for part in parts if part.inline_data and not part.thought), b""),
    )


_REFUSALS = {
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
}
