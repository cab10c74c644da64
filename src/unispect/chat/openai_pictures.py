"""Pictures over plain HTTP, as OpenAI and servers of its protocol draw them: `base_url`/images/generations."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from unispect.chat.bodies import first_dict, raw_of, usage_of, words
from unispect.chat.dialect import GuidanceName, StepsName
from unispect.chat.faults import ApiFailure, options_for
from unispect.chat.openai_http import OpenAIClient, Posted, posted
from unispect.chat.pictures import LIMITS, PictureRequest, is_address, is_picture, picture_bytes
from unispect.chat.values import Limits, Reply
from unispect.core.units import JSON


@dataclass(frozen=True)
class OpenAIPictures(OpenAIClient):
    """A model that draws, which has no place for temperatures.

    Attributes:
        ask_for_bytes: send `response_format`: without it many servers answer with an address, and with it OpenAI's own
            models, which always send bytes, refuse.
        seeded: send seeds: most servers of this protocol take them, OpenAI's own has no place for them.
        guidance_name: the field of guidance.
        steps_name: the field of steps.
        now: seconds since the epoch.
    """

    PATH = "/images/generations"
    limits: Limits = LIMITS
    ask_for_bytes: bool = True
    seeded: bool = False
    guidance_name: GuidanceName = "guidance_scale"
    steps_name: StepsName = "num_inference_steps"
    now: Callable[[], float] = time.time
    name: str = field(default="openai-pictures", init=False)

    def manner(self, request: PictureRequest) -> Mapping[str, JSON]:
        """See `Client.manner`; without seeds a request is the one that older versions sent."""
        named = {
            "seeds": "sent" if self.seeded else None,
            "guidance": None if request.guidance is None else self.guidance_name,
            "steps": None if request.steps is None else self.steps_name,
        }
        return {name: value for name, value in named.items() if value}

    def send(self, request: Any) -> Reply | ApiFailure:
        """The picture of one attempt, a refusal, or why there is neither."""
        sent = Posted(self.body(request), self._mends(request))
        return posted(self.endpoint, self, sent, self.now)

    def read(self, answer: Any) -> Reply | ApiFailure:
        """See `Client.read`: the first picture of a response, under whatever name and in whatever spelling it came."""
        whole = answer if isinstance(answer, dict) else {"data": answer}
        drawn = next((found for name in _LISTS if (found := _first(whole.get(name)))), {})
        spelled = _spelled(drawn)
        if is_address(spelled):
            cure = "" if self.ask_for_bytes else " (--picture-format asks for that)"
            return ApiFailure(
                "the server answered with the address of a picture, and addresses are not followed; "
                f"it must send pictures as b64_json{cure}",
                paid=True,
                fatal=True,
                body=raw_of(answer),
            )
        if (not spelled and _holds_more(drawn)) or not (drawn or any(name in whole for name in _LISTS)):
            return Reply("", unread="the response holds no pictures", raw=raw_of(answer))
        return Reply(
            text=words(drawn.get("revised_prompt")),
            model=words(whole.get("model")),
            usage=usage_of(whole.get("usage")),
            id=words(whole.get("id")),
            picture=picture_bytes(spelled) if spelled else b"",
            raw="" if spelled else raw_of(answer),
        )

    def body(self, request: PictureRequest) -> dict[str, Any]:
        """What is posted."""
        said: dict[str, Any] = {
            "size": request.size or None,
            "quality": request.quality or None,
            "response_format": "b64_json" if self.ask_for_bytes else None,
            "seed": request.seed if self.seeded else None,
            self.guidance_name: request.guidance,
            self.steps_name: request.steps,
            "negative_prompt": request.negative or None,
        }
        asked = {"model": self.model, "prompt": request.prompt.text, "n": 1}
        return asked | {name: value for name, value in said.items() if value is not None}

    def _mends(self, request: PictureRequest) -> dict[str, str]:
        found = {
            "response_format": self.ask_for_bytes and "--no-picture-format",
            "seed": self.seeded and "--no-picture-seed",
            "size": request.size and "--picture-size none",
            "quality": request.quality and "leaving --picture-quality out",
            "guidance": request.guidance is not None and "another --guidance-name, or leaving --picture-guidance out",
            "steps": request.steps is not None and "another --steps-name, or leaving --picture-steps out",
            "negative": request.negative and "leaving --negative-prompt out",
        }
        return options_for(found)


_LISTS = ("data", "images", "image", "output", "artifacts", "predictions", "result")
"""Where servers put pictures: one or a list of them."""
_BYTES = ("b64_json", "b64", "base64", "image_base64", "bytesBase64Encoded", "image", "data", "url", "image_url")
"""What servers call the file of a picture."""


def _first(value: Any) -> Mapping[str, Any]:
    """The first picture of a list, or the only one, as an object."""
    one = value[0] if isinstance(value, list) and value else value
    if isinstance(one, str) and one:
        return {"b64_json": one}
    return first_dict(value)


def _holds_more(drawn: Mapping[str, Any]) -> bool:
    """Something is in it that is too long for a word and could be a file."""
    return any(len(value) > 200 for name, value in drawn.items() if name != "revised_prompt" and isinstance(value, str))


def _spelled(drawn: Mapping[str, Any]) -> str:
    """The file, or its address, as it is spelled."""
    for name in _BYTES:
        value = drawn.get(name)
        if isinstance(value, dict):
            value = value.get("url") or value.get("data")
        if isinstance(value, str) and value.strip():
            return value
    others = (value for value in drawn.values() if isinstance(value, str))
    return next((value for value in others if is_picture(picture_bytes(value))), "")
