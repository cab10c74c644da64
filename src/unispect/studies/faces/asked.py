"""A chat model as the judge of drawn faces: which value of each attribute a picture shows.

After arXiv 2510.21842 (docs/sources/modal-aphasia.md#graders): the judge sees the picture and the values to choose
from, each with what counts as it, and may choose none. Of the name, the description and the value that was wanted
nothing reaches it: what makes its request is given the picture alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from PIL import Image
from pydantic import BaseModel, create_model

from unispect.chat import Chat, Request
from unispect.core.prompts import Prompt
from unispect.core.units import JSON, Grade, Record, Unit
from unispect.data.faces.world import ATTRIBUTES, VALUES
from unispect.studies.base import Judge, OpenBlob
from unispect.studies.grading import opened

CANNOT_TELL = "cannot tell"
UNPARSED = "unparsed"

_NOTES: Mapping[tuple[str, str], str] = {
    ("eye color", "brown"): "light or dark",
    ("hair color", "light brown"): "any brown, light or dark",
    ("hair color", "blonde"): "all over, or in patches that stand out",
    ("hair color", "gray white"): "evenly gray or white",
    ("hair style", "shoulder straight"): "straight, ends about the chin or above the shoulders",
    ("hair style", "shoulder afro"): "any round, curly shape above the shoulders",
    ("hair style", "long wavy"): "wavy, reaches the shoulders or farther",
    ("hair style", "long straight"): "straight, reaches the shoulders or farther",
    ("hair style", "buzz cut"): "any short hair",
    ("accessories", "none"): "none of the following can be seen",
}
"""What counts as a value, where its name does not say enough."""

_SYSTEM = (
    "You are shown a picture. Say what the face in it looks like: for each attribute, which of the listed values it "
    f"shows. Judge what can be seen alone. Answer {CANNOT_TELL!r} where no listed value is clearly shown, and "
    "throughout where there is no face."
)
_TOKENS = 256


def _list() -> str:
    lines = []
    for attribute in ATTRIBUTES:
        lines.append(f"{attribute}:")
        for value in VALUES[attribute]:
            note = _NOTES.get((attribute, value), "")
            lines.append(f"- {value}" + (f" ({note})" if note else ""))
    return "\n".join(lines)


def _field(attribute: str) -> str:
    return attribute.replace(" ", "_")


FaceVerdict: type[BaseModel] = create_model(
    "FaceVerdict",
    __doc__="What a face looks like: one value per attribute.",
    **{_field(one): (Literal[(*VALUES[one], CANNOT_TELL)], ...) for one in ATTRIBUTES},  # type: ignore[call-overload]
)


def about_face(picture: Image.Image, *, temperature: float | None, seed: int, thinking: int = 0) -> Request[BaseModel]:
    """Asks what the face in a picture looks like."""
    prompt = Prompt.of(f"The values to choose from:\n{_list()}\n\nThe picture:\n", picture)
    return Request(prompt, FaceVerdict, _SYSTEM, _TOKENS + thinking, temperature, seed)


def judging(chat: Chat, name: str, *, temperature: float | None = 0.0, thinking: int = 0) -> Judge:
    """The judge that asks a chat model about drawn faces, under the name that its grades carry.

    `thinking` tokens come on top of answers.

    Payload: `values` (attribute -> value, None where it cannot tell, which counts as wrong). A reply of another form
    leaves `seen` with "unparsed" instead: it is kept and counted, decides nothing, and is not asked for again.
    """

    def judge(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
        if unit.kind != "draw" or record.status != "done":
            return None
        picture = opened(unit, record, open_blob)
        found = chat.ask(about_face(picture, temperature=temperature, seed=unit.seed, thinking=thinking))
        seen: dict[str, JSON] = {"values": _values(found.value)} if found.value else {"seen": UNPARSED}
        return Grade(unit.id, name, {**seen, "asked": found.as_payload()})

    return judge


def _values(verdict: BaseModel) -> dict[str, JSON]:
    said = {attribute: getattr(verdict, _field(attribute)) for attribute in ATTRIBUTES}
    return {attribute: None if value == CANNOT_TELL else value for attribute, value in said.items()}
