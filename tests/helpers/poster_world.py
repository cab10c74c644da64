"""Posters of eight coloured cells, a model that knows them as planted, and a judge that grades by reading cells.

The judge is a function from a chat request, in OpenAI's form, to the text of a reply; it knows nothing but the request.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from PIL import Image

from unispect.core.cards import ModelCard
from unispect.core.encoded import Encoded
from unispect.core.prompts import Goal, Segment
from unispect.core.replies import ImageReply, TextReply
from unispect.core.seeds import generator_for

CELLS = 8
SIDE = 16
PALETTE = {
    "red": (220, 20, 20),
    "green": (20, 160, 20),
    "blue": (20, 20, 220),
    "yellow": (240, 220, 20),
    "purple": (140, 20, 160),
    "white": (250, 250, 250),
}
NAMES = tuple(PALETTE)
NOTHING = (120, 120, 120)
"""The colour of a cell that shows nothing."""
ABSENT = 4
"""The first cells have a likely error on the rubric, too."""

Cells = Mapping[int, str]


def truth(title: str) -> dict[int, str]:
    """The cells of a poster."""
    return {cell: NAMES[int(generator_for("poster", title, cell).integers(len(NAMES)))] for cell in range(1, CELLS + 1)}


def other(colour: str, steps: int = 1) -> str:
    return NAMES[(NAMES.index(colour) + steps) % len(NAMES)]


def half(title: str) -> dict[int, str]:
    """Half of it right: two likely errors, one unlikely one, one omission, four cells as they are."""
    cells = truth(title)
    cells[1], cells[2], cells[3] = other(cells[1]), other(cells[2]), other(cells[3], 2)
    del cells[4]
    return cells


def picture(cells: Cells) -> Image.Image:
    image = Image.new("RGB", (SIDE * CELLS, SIDE), NOTHING)
    for cell, colour in cells.items():
        image.paste(PALETTE[colour], ((cell - 1) * SIDE, 0, cell * SIDE, SIDE))
    return image


def text(cells: Cells) -> str:
    return "I remember it well. " + " ".join(f"Cell {cell} is {colour}." for cell, colour in cells.items())


def seen(image: Image.Image) -> dict[int, str]:
    pixels = [image.convert("RGB").getpixel((cell * SIDE + SIDE // 2, SIDE // 2)) for cell in range(CELLS)]
    names = {value: name for name, value in PALETTE.items()}
    return {cell: names[pixel] for cell, pixel in enumerate(pixels, 1) if pixel in names}


def read(words: str) -> dict[int, str]:
    return {int(cell): colour for cell, colour in re.findall(r"[Cc]ell (\d) is (\w+)", words)}


def subjects_file(folder: Path, titles: Sequence[str]) -> Path:
    """Reference pictures and the file that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    for title in titles:
        picture(truth(title)).save(folder / f"{title}.png")
    entries = [{"title": title, "year": 1990 + n, "image": f"{title}.png"} for n, title in enumerate(titles)]
    path = folder / "subjects.yaml"
    path.write_text(yaml.safe_dump(entries))
    return path


def title_in(prompt: str) -> str:
    """The poster that a prompt of the study asks for."""
    found = re.search(r" of (\w+) \(\d{4}\)", prompt)
    assert found, prompt
    return found[1]


CARD = ModelCard(
    "planted", "planted", "cells", 1.0, SIDE, 1, revision="1", capabilities=frozenset({"draw", "write", "see"})
)


@dataclass
class Painter:
    """Draws every cell right, tells half of them, and all but one if asked to picture the poster first."""

    card: ModelCard = CARD
    asked: list[str] = field(default_factory=list)

    def encode(self, prompts, goal: Goal) -> Encoded:
        self.asked += [prompt.text for prompt in prompts]
        return Encoded(goal, tuple((Segment(0, 1, "text", "prompt"),) for _ in prompts), tuple(prompts))

    def draw(self, encoded, how) -> list[ImageReply]:
        return [
            ImageReply(picture(truth(title_in(prompt.text))), seed)
            for prompt, seed in zip(encoded.inputs, how.seeds, strict=True)
        ]

    def write(self, encoded, how) -> list[TextReply]:
        return [TextReply(told(prompt.text), (1,), (0.0,), True) for prompt in encoded.inputs]

    def score(self, encoded, answers):
        raise NotImplementedError

    def states(self, encoded, replies=None, *, at=-1):
        raise NotImplementedError


def told(prompt: str) -> str:
    """What the planted model writes."""
    title = title_in(prompt)
    if "in your mind" in prompt:
        return text({cell: colour for cell, colour in truth(title).items() if cell != ABSENT})
    return text(half(title))


def parts_of(body: Mapping) -> list[str | Image.Image]:
    """Texts and pictures of a request, in order."""
    found: list[str | Image.Image] = []
    for part in body["messages"][-1]["content"]:
        if part["type"] == "text":
            found.append(part["text"])
        else:
            data = base64.b64decode(part["image_url"]["url"].partition(",")[2])
            found.append(Image.open(io.BytesIO(data)))
    return found


def kind_of(body: Mapping) -> str:
    """What a judge is asked for: look, rubric or items."""
    form = body["response_format"]["json_schema"]["schema"]["properties"]
    return "look" if "accurate" in form else "rubric" if "present" in form else "items"


def statement(cell: int, colour: str) -> str:
    return f"Cell {cell} is {colour}"


def judge(body: Mapping) -> str:
    """The reply of a judge who reads cells and colours without error."""
    parts = parts_of(body)
    kind = kind_of(body)
    if kind == "look":
        return json.dumps(_look(*[_cells(part) for part in _material(parts)]))
    if kind == "rubric":
        return json.dumps(_rubric(parts))
    (rendition,) = (_cells(part) for part in _material(parts))
    return json.dumps({"answers": [_said(number, words, rendition) for number, words in statements_in(body)]})


def statements_in(body: Mapping) -> list[tuple[int, str]]:
    """Number and words of every statement a judge is asked about."""
    return [
        (int(number), words) for number, words in re.findall(r"^(\d+)\. (.+)$", str(parts_of(body)[0]), re.MULTILINE)
    ]


def _said(number: int, words: str, rendition: Cells) -> dict:
    ((cell, colour),) = read(words).items()
    status = "not shown" if cell not in rendition else "as stated" if rendition[cell] == colour else "otherwise"
    return {"number": number, "explanation": f"cell {cell}: {rendition.get(cell, 'nothing')}", "status": status}


def _look(original: Cells, rendition: Cells) -> dict:
    both = [cell for cell in original if cell in rendition]
    wrong = [cell for cell in both if original[cell] != rendition[cell]]
    return {
        "accurate": [statement(cell, original[cell]) for cell in both if cell not in wrong],
        "wrong": [
            {"shown": statement(cell, rendition[cell]), "original": statement(cell, original[cell])} for cell in wrong
        ],
        "added": [],
        "missing": [statement(cell, original[cell]) for cell in original if cell not in rendition],
    }


def _rubric(parts: Sequence[str | Image.Image]) -> dict:
    pictures = [part for part in parts if not isinstance(part, str)]
    if pictures:
        cells = seen(pictures[0])
        likely = [statement(cell, other(cells[cell])) for cell in list(cells)[:ABSENT]]
        return {"present": [statement(*one) for one in cells.items()], "absent": likely}
    present, absent = str(_material(parts)[0]).split("ABSENT")
    return {name: re.findall(r"Cell \d is \w+", own) for name, own in (("present", present), ("absent", absent))}


def _material(parts: Sequence[str | Image.Image]) -> list[str | Image.Image]:
    """The pictures, and the texts between the marks."""
    found: list[str | Image.Image] = []
    for before, part in zip(("", *parts), parts, strict=False):
        if not isinstance(part, str) or (isinstance(before, str) and before.endswith("BEGIN\n")):
            found.append(part)
    return found


def _cells(part: str | Image.Image) -> dict[int, str]:
    return read(part) if isinstance(part, str) else seen(part)
