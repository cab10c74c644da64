"""Google through the package `google-genai`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unispect.chat.bodies import count, first_dict, raw_of, said, words
from unispect.chat.faults import ApiFailure, options_for
from unispect.chat.http import BoundedClient
from unispect.chat.openai_http import in_words
from unispect.chat.pictures import PictureRequest, picture_bytes
from unispect.chat.sdk import NO_KEY, PackagedClient, package
from unispect.chat.secret import Secret
from unispect.chat.values import Reply, Request, Usage, png
from unispect.core.units import JSON


@dataclass(frozen=True)
class GoogleSDK(PackagedClient):
    """A chat model of Google; some draw as well, and are asked for words beside the picture: refusals are words.

    Attributes:
        seeded: send seeds.
    """

    PACKAGE, TLS = "google.genai", True
    secret: Secret = field(default_factory=lambda: Secret("GEMINI_API_KEY"))
    base_url: str = "https://generativelanguage.googleapis.com"
    seeded: bool = True
    name: str = field(default="google", init=False)

    def manner(self, request: Request[Any] | PictureRequest) -> Mapping[str, JSON]:
        """See `Client.manner`."""
        formed = isinstance(request, Request) and request.form is not None and self.forms != "schema"
        return {**({"forms": self.forms} if formed else {}), **({} if self.seeded else {"seeds": "not sent"})}

    def ask(self, http: BoundedClient, request: Request[Any] | PictureRequest) -> None:
        genai, types = package(self.PACKAGE), package("google.genai.types")
        config = self._config(request) if isinstance(request, Request) else self._drawing(types, request)
        # Of what sends asynchronously, which is never used, but made, and would read all certificates twice.
        trust = {"verify": http.trust, "ssl": http.trust}
        options = types.HttpOptions(base_url=self.base_url, httpx_client=http, async_client_args=trust)
        client = genai.Client(api_key=self.secret.value() or NO_KEY, vertexai=False, http_options=options)
        client.models.generate_content(
            model=self.model,
            contents=[types.Content(role="user", parts=[_part(types, part) for part in request.prompt.parts])],
            config=types.GenerateContentConfig(**config),
        )

    def mends(self, request: Request[Any] | PictureRequest) -> dict[str, str]:
        draws = isinstance(request, PictureRequest)
        less = {"schema": "--answer-form object (or words)", "object": "--answer-form words"}
        found = {
            "response_format": not draws and request.form is not None and less.get(self.forms, ""),
            "seed": self.seeded and ("--no-picture-seed" if draws else "--no-seed"),
            "temperature": request.temperature is not None and "--no-temperature",
        }
        return options_for(found)

    def _config(self, request: Request[Any]) -> dict[str, Any]:
        config: dict[str, Any] = {"max_output_tokens": request.max_tokens}
        if self.seeded:
            config["seed"] = request.seed
        worded = request.form is not None and self.forms != "schema"
        if request.form is not None and self.forms != "words":
            config["response_mime_type"] = "application/json"
        if request.form is not None and self.forms == "schema":
            config["response_json_schema"] = request.form
        if request.system or worded:
            config["system_instruction"] = in_words(request) if worded else request.system
        if request.temperature is not None:
            config["temperature"] = request.temperature
        return config

    def _drawing(self, types: Any, request: PictureRequest) -> dict[str, Any]:
        config: dict[str, Any] = {"response_modalities": ["TEXT", "IMAGE"]}
        if self.seeded:
            config["seed"] = request.seed
        shape = {"aspect_ratio": request.size, "image_size": request.quality}
        if any(shape.values()):
            config["image_config"] = types.ImageConfig(**{name: value for name, value in shape.items() if value})
        if request.temperature is not None:
            config["temperature"] = request.temperature
        return config

    def read(self, answer: Any) -> Reply | ApiFailure:
        """See `Client.read`: text, thoughts and picture of the first candidate."""
        whole = answer if isinstance(answer, dict) else {}
        blocked = words(first_dict(whole.get("promptFeedback")).get("blockReason"))
        candidate = first_dict(whole.get("candidates"))
        if not candidate and not blocked:
            return Reply("", unread="the response holds no candidate", raw=raw_of(answer))
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else content
        text, thoughts = said(parts or [])
        finish = words(candidate.get("finishReason"))
        picture = _picture(parts)
        wrote = bool(text or thoughts or picture)
        return Reply(
            text=text,
            model=words(whole.get("modelVersion")),
            usage=_usage(whole.get("usageMetadata"), wrote=wrote),
            finish=finish,
            refusal=blocked or (finish if finish in _REFUSALS else ""),
            id=words(whole.get("responseId")),
            picture=picture_bytes(picture) if picture else b"",
            thoughts=thoughts,
        )


def _part(types: Any, part: Any) -> Any:
    return (
        types.Part(text=part) if isinstance(part, str) else types.Part.from_bytes(data=png(part), mime_type="image/png")
    )


def _picture(parts: Any) -> str:
    """The first picture among the parts that are no thoughts, as it is spelled."""
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict) and part.get("thought") is not True:
            data = first_dict(part.get("inlineData") or part.get("inline_data")).get("data")
            if isinstance(data, str) and data:
                return data
    return ""


def _usage(usage: Any, *, wrote: bool) -> Usage | None:
    """Tokens, thoughts among those written; None if they are not named. What is 0 is left out in Google's replies."""
    counts = usage if isinstance(usage, dict) else {}
    written = sum(count(counts.get(name)) for name in ("candidatesTokenCount", "thoughtsTokenCount"))
    read = count(counts.get("promptTokenCount"))
    return Usage(read, written) if read and (written or not wrote) else None


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
