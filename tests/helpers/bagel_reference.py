"""What the authors' code left for BAGEL, and how the parity tests compare with it."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from tests.helpers.reference import need_reference
from unispect.core.encoded import Encoded
from unispect.models.bagel.card import CARDS
from unispect.models.bagel.context import Context, prompts_of, states_of
from unispect.models.bagel.drawing import DrawSettings
from unispect.models.bagel.folder import load
from unispect.models.bagel.guidance import Guidance
from unispect.models.bagel.model import Bagel
from unispect.models.bagel.processing import Inputs, Shown
from unispect.models.bagel.resize import Resize

TOLERANCE = 2e-5
LATENTS = 1e-4
WORST: dict[str, float] = {}
"""Case group -> largest error found, for `pytest -s`."""


@dataclass(frozen=True)
class Group:
    """One case of the authors'."""

    name: str
    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def __call__(self, name: str) -> Tensor:
        return self.tensors[f"{self.name}/{name}"]

    @property
    def args(self) -> Mapping[str, Any]:
        return self.facts["args"]

    @property
    def meta(self) -> Mapping[str, Any]:
        return self.facts["meta"]


@dataclass(frozen=True)
class Fixture:
    folder: Path
    cases: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.cases["parameters"]

    def need(self, name: str) -> Group:
        if name not in self.cases["cases"]:
            pytest.skip(f"{self.folder} has no case group {name!r}")
        return Group(name, self.cases["cases"][name], self.tensors)

    def picture(self, name: str) -> Image.Image:
        return Image.fromarray(self.need("inputs")(name.removeprefix("inputs/")).numpy())


def read_fixture() -> Iterator[Fixture]:
    """For a fixture of pytest's; the largest errors are printed at its end."""
    folder = need_reference("bagel")
    cases = json.loads((folder / "cases.json").read_text("utf-8"))
    yield Fixture(folder, cases, load_file(folder / "cases.safetensors"))
    for group, error in sorted(WORST.items()):
        sys.stdout.write(f"{group:44} {error:.1e}\n")
    WORST.clear()


def read_model(fixture: Fixture) -> Bagel:
    """With the picture sizes of the cases, which no file of the checkpoint gives."""
    model = load(CARDS["bagel-7b-mot"], fixture.folder, device="cpu", dtype="float32")
    seen, kept = (Resize(*fixture.parameters[f"{kind}_transform"]) for kind in ("vit", "vae"))
    processor = replace(model.processor, seen=seen, kept=kept)
    return Bagel(model.card, model.network, processor, model.drawing, model.redrawing)


def set_apart(model: Bagel, *, shown: Shown | None = None, thinking: Any = None) -> Bagel:
    """The same model with other settings."""
    return Bagel(model.card, model.network, model.processor, model.drawing, model.redrawing, shown, thinking)


def guidance_of(args: Mapping[str, Any], **usual: Any) -> Guidance:
    """The authors' settings in our words."""
    names = {
        "cfg_text_scale": "text",
        "cfg_img_scale": "image",
        "cfg_renorm_type": "renorm",
        "cfg_renorm_min": "renorm_min",
    }
    given = {ours: args[theirs] for theirs, ours in names.items() if theirs in args}
    if "cfg_interval" in args:
        given["interval"] = tuple(args["cfg_interval"])
    return Guidance(**{"text": 1.0, "image": 1.0, "interval": (0.0, 1.0), **usual, **given})


def drawing_of(args: Mapping[str, Any], grid: tuple[int, int]) -> DrawSettings:
    """As the authors' inferencer draws; where a case does not say otherwise, with its defaults."""
    guidance = guidance_of(args, text=3.0, image=1.5, interval=(0.4, 1.0))
    return DrawSettings(grid, args.get("num_timesteps", 50) - 1, args.get("timestep_shift", 3.0), guidance)


def close(name: str, ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    assert ours.shape == theirs.shape, f"{name}: {tuple(ours.shape)} {tuple(theirs.shape)}"
    error = float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-12))
    WORST[name] = max(WORST.get(name, 0.0), error)
    assert error <= tolerance, f"{name}: {error:.2e}"


def inputs_of(encoded: Encoded) -> Inputs:
    assert isinstance(encoded.inputs, Inputs)
    return encoded.inputs


def with_noise(encoded: Encoded, *noise: Tensor) -> Encoded:
    """Prompts with the authors' draws from the posterior in place of means."""
    inputs = inputs_of(encoded)
    draws = iter(noise)
    kinds = [block.kind for blocks in inputs.blocks for block in blocks if block.kind != "text"]
    drawn = tuple(next(draws) if kind == "kept" else None for kind in kinds)
    return replace(encoded, inputs=replace(inputs, noise=drawn))


def all_states(model: Bagel, context: Context) -> Tensor:
    """Every layer's rows [layers + 1, length, width] of one sequence."""
    return torch.stack([state[0] for state in states_of(model.network, [context])])


def context_of(model: Bagel, encoded: Encoded) -> Context:
    """The only prompt as a sequence."""
    (context,) = prompts_of(model.network, inputs_of(encoded))
    return context


class Kept:
    """In place of a cache: what it is given."""

    def __init__(self) -> None:
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def update(self, keys: Tensor, values: Tensor, *_: object) -> tuple[Tensor, Tensor]:
        self.keys.append(keys[0].transpose(0, 1))
        self.values.append(values[0].transpose(0, 1))
        return keys, values
