"""How a server is spoken to, where servers of one protocol differ. Nothing falls back by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unispect.core.units import JSON

Forms = Literal["schema", "object", "words"]
"""How the form of an answer is asked for: by JSON schema, as "some JSON object" (with the schema in words), or in words
only, for servers that know neither."""
LimitName = Literal["max_tokens", "max_completion_tokens", "none"]
"""The field that limits an answer; `none` sends no limit, and then no cost is bounded by it."""

GuidanceName = Literal["guidance_scale", "true_cfg_scale", "cfg_scale"]
"""The field of classifier-free guidance; some models have `guidance_scale` distilled into them and this beside it."""
StepsName = Literal["num_inference_steps", "steps", "step"]
"""The field of denoising steps."""


@dataclass(frozen=True)
class Dialect:
    """What a server understands. None is what is known to suit the server (`named.dialect_of`).

    Attributes:
        forms: of answers that must have one.
        seeds: send seeds with what is to be written.
        limit_name: of the field that limits what is written.
        system: send instructions as a message of the role `system`; False puts them at the head of the prompt.
        plain: send a prompt without pictures as one text, not as a list of parts.
        picture_seeds: send seeds with what is to be drawn.
        picture_format: send `response_format` with what is to be drawn: without it many servers answer with an address,
            and with it OpenAI's own models, which always send bytes, refuse.
        guidance_name: of the field of guidance of what is to be drawn.
        steps_name: of the field of its steps.
    """

    forms: Forms = "schema"
    seeds: bool = True
    limit_name: LimitName | None = None
    system: bool = True
    plain: bool = False
    picture_seeds: bool | None = None
    picture_format: bool | None = None
    guidance_name: GuidanceName = "guidance_scale"
    steps_name: StepsName = "num_inference_steps"

    def writing(self, *, formed: bool, instructed: bool) -> dict[str, JSON]:
        """What of it decides a written answer and is not the default; part of a request's key and of a unit's settings.

        Args:
            formed: a form is asked for.
            instructed: there are instructions.
        """
        return {
            **({"forms": self.forms} if formed and self.forms != "schema" else {}),
            **({} if self.seeds else {"seeds": "not sent"}),
            **({"limit": "not sent"} if self.limit_name == "none" else {}),
            **({} if self.system or not instructed else {"system": "in the prompt"}),
        }

    @property
    def words(self) -> dict[str, str]:
        """What differs from the default, for the record of a command."""
        return {
            "answer form": "" if self.forms == "schema" else self.forms,
            "seeds of texts": "" if self.seeds else REPEATS,
            "name of the limit": self.limit_name or "",
            "instructions": "" if self.system else "in the prompt",
            "prompts": "as one text" if self.plain else "",
            "response_format of pictures": {None: "", True: "sent", False: "not sent"}[self.picture_format],
        }


REPEATS = "not sent: replies under different seeds are repetitions of one request"
