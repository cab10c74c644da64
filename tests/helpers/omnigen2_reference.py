"""What the authors' code left for OmniGen2, and how the parity tests compare with it."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from tests.helpers.reference import need_reference
from unispect.core.prompts import Goal, Prompt
from unispect.models.omnigen2.card import CARDS
from unispect.models.omnigen2.folder import load
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.processing import Inputs

TOLERANCE = 2e-5
LATENTS = 1e-4
WORST: dict[str, float] = {}
"""Case group -> largest error found, for `pytest -s`."""
_PICTURE = re.compile(r"<img\d+>: <\|vision_start\|>(?:<\|image_pad\|>)+<\|vision_end\|>")
_TURNS = re.compile(r"<\|im_start\|>system\n(.*?)<\|im_end\|>\n<\|im_start\|>user\n(.*)<\|im_end\|>\n", re.DOTALL)


@dataclass(frozen=True)
class Fixture:
    folder: Path
    cases: dict
    tensors: dict[str, Tensor]

    def need(self, group: str) -> None:
        if group not in self.cases["groups"]:
            pytest.skip(f"{self.folder} has no case group {group!r}")

    def __call__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def layers(self, start: str) -> list[Tensor]:
        """What is named start + 0, 1, 2, ..."""
        found: list[Tensor] = []
        while f"{start}{len(found)}" in self.tensors:
            found.append(self.tensors[f"{start}{len(found)}"])
        assert found, start
        return found

    def picture(self, name: str) -> Image.Image:
        return Image.fromarray(self(name).numpy())

    def pictures(self, group: str) -> list[list[Image.Image]]:
        """Those of every prompt of a group."""
        if group == "imagebatch":
            return [[self.picture("image.raw")], [self.picture("image2.raw0")]]
        names = [name for name in (f"{group}.raw", f"{group}.raw0", f"{group}.raw1") if name in self.tensors]
        return [[self.picture(name) for name in names]]

    def prompts(self, group: str) -> tuple[str, list[Prompt]]:
        """The system line of a group, and its prompts with their pictures."""
        found = []
        system = ""
        texts = self.cases["prompts"][group]
        pictures = self.pictures(group) if _PICTURE.search(texts[0]) else [[] for _ in texts]
        for text, own in zip(texts, pictures, strict=True):
            match = _TURNS.match(text)
            assert match
            system, content = match.groups()
            assert len(_PICTURE.findall(content)) == len(own)
            found.append(Prompt((*own, _PICTURE.sub("", content))))
        return system, found


def read_fixture() -> Iterator[Fixture]:
    folder = need_reference("omnigen2")
    cases = json.loads((folder / "cases.json").read_text("utf-8"))
    yield Fixture(folder, cases, load_file(folder / "cases.safetensors"))
    for group, error in sorted(WORST.items()):
        sys.stdout.write(f"{group:40} {error:.1e}\n")


def read_model(fixture: Fixture) -> OmniGen2:
    return load(CARDS["omnigen2"], fixture.folder, device="cpu", dtype="float32")


def spoken(model: OmniGen2, system: str, **how: object) -> OmniGen2:
    """The model with this system line, and other settings of drawing."""
    processor = replace(model.processor, system=system)
    drawing = replace(model.drawing, **how)  # type: ignore[arg-type]
    return OmniGen2(model.card, model.network, processor, drawing, replace(model.writing, system=system))


def inputs_of(model: OmniGen2, prompts: list[Prompt], goal: Goal) -> Inputs:
    inputs = model.encode(prompts, goal).inputs
    assert isinstance(inputs, Inputs)
    return inputs


def close(name: str, ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    assert ours.shape == theirs.shape, f"{name}: {tuple(ours.shape)} {tuple(theirs.shape)}"
    error = float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-12))
    WORST[name] = max(WORST.get(name, 0.0), error)
    assert error <= tolerance, f"{name}: {error:.2e}"


def same_bytes(picture: Image.Image, theirs: Tensor) -> None:
    """Rounding may fall on either side of a value that differs in its last digits."""
    difference = np.abs(np.asarray(picture).astype(int) - theirs.numpy().astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 0.01


def valid(rows: Tensor, mask: Tensor) -> Tensor:
    """Rows [length, ...] that are no padding."""
    return rows[mask.bool()]
