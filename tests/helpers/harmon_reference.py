"""What the authors' code left for Harmon, and how the parity tests compare with it.

Errors are relative to the largest value of what is compared, since random weights give latents of any size.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.helpers.reference import need_reference
from unispect.core.encoded import Encoded
from unispect.models.harmon.card import CARDS
from unispect.models.harmon.folder import load
from unispect.models.harmon.model import Harmon
from unispect.models.harmon.processing import PictureFormat

TOLERANCE = 2e-5
LATENTS = 1e-4
PIXELS = 1e-4
WORST: dict[str, float] = {}
"""Largest relative error by case group and kind."""

OPENING, CLOSING = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
DRAW = "Generate an image: "


@dataclass(frozen=True)
class Fixture:
    folder: Path
    cases: dict
    tensors: dict[str, Tensor]

    def need(self, group: str) -> dict:
        if group not in self.cases:
            pytest.skip(f"{self.folder} has no case group {group!r}")
        return self.cases[group]

    def __call__(self, name: str) -> Tensor:
        return self.tensors[name]

    def texts(self, group: str) -> list[str]:
        """What users said in a group's prompts."""
        case = self.need(group)
        prompts = case.get("prompts") or [case["prompt"]]
        assert all(text.startswith(OPENING) and text.endswith(CLOSING) for text in prompts)
        return [text.removeprefix(OPENING).removesuffix(CLOSING) for text in prompts]

    def iterations(self, group: str) -> range:
        return range(self.need(group)["args"]["num_iter"])


def read_fixture() -> Iterator[Fixture]:
    """For a fixture of pytest's; the largest errors are printed at its end."""
    folder = need_reference("harmon")
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    yield Fixture(folder, cases, load_file(folder / "cases.safetensors"))
    for group, error in sorted(WORST.items()):
        sys.stdout.write(f"{group:40} {error:.1e}\n")


def read_model(fixture: Fixture) -> Harmon:
    mar = json.loads((fixture.folder / "config.json").read_text(encoding="utf-8"))["mar"]
    card = replace(CARDS["harmon-0.5b-reca"], image_size=mar["img_size"])
    return load(card, fixture.folder, device="cpu", dtype="float32")


def sized(model: Harmon, size: int) -> Harmon:
    """The same model, looking at pictures of another size."""
    tokens = (size // model.network.config.vae.stride) ** 2
    processor = replace(model.processor, picture=PictureFormat(size), picture_tokens=tokens)
    return Harmon(model.card, model.network, processor, model.drawing)


def close(name: str, ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    assert ours.shape == theirs.shape, name
    error = float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-12)) if theirs.numel() else 0.0
    group = f"{name.split('.')[0]}.{name.split('.')[-1]}"
    WORST[group] = max(WORST.get(group, 0.0), error)
    assert error <= tolerance, f"{name}: {error:.2e}"


def check_states(group: str, model: Harmon, encoded: Encoded, hidden: Tensor, masks: Tensor, **how) -> None:
    """Every layer, and what the final norm makes of the last, against [layers + 2, samples, positions, width]."""
    layers = [state.rows for state in model.states(encoded, **how)]
    assert len(layers) == len(hidden) - 1
    with torch.no_grad():
        layers.append(tuple(model.backbone.norm(rows) for rows in layers[-1]))
    for rows, theirs in zip(layers, hidden, strict=True):
        for own, sample_, mask in zip(rows, theirs, masks.bool(), strict=False):
            close(f"{group}.hidden", own, sample_[mask])


def check_encoder(group: str, model: Harmon, latents: Tensor, places: Tensor, grid, theirs: Tensor) -> None:
    mar = model.network.mar
    states = [mar.encoder_input(latents, places, grid)]
    for block in mar.encoder_blocks:
        states.append(block(states[-1]))
    states.append(mar.encoder_norm(states[-1]))
    assert torch.equal(states[-1], mar.encode(latents, places, grid))
    for own, state in zip(states, theirs, strict=True):
        close(f"{group}.mar_enc_hidden", own, state)
