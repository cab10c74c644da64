"""What the authors' code left for Show-o2, and how the parity tests compare with it."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

from tests.helpers.reference import need_reference
from unispect.core.encoded import Encoded
from unispect.models.show_o2.card import CARDS
from unispect.models.show_o2.folder import load
from unispect.models.show_o2.model import ShowO2
from unispect.models.show_o2.processing import Inputs

TOLERANCE = 2e-5
LATENTS = 1e-4
WORST: dict[str, float] = {}
"""Case group -> largest error found, for `pytest -s`."""


@dataclass(frozen=True)
class Fixture:
    folder: Path
    cases: dict
    demo: dict
    tensors: dict[str, Tensor]

    def need(self, group: str) -> dict:
        if group not in self.cases["cases"]:
            pytest.skip(f"{self.folder} has no case group {group!r}")
        return self.cases.get(group, {})

    def __call__(self, name: str) -> Tensor:
        return self.tensors[name]

    def layers(self, start: str) -> list[Tensor]:
        """What is named start + 0, 1, 2, ..."""
        found: list[Tensor] = []
        while f"{start}{len(found)}" in self.tensors:
            found.append(self.tensors[f"{start}{len(found)}"])
        assert found, start
        return found


def read_fixture() -> Iterator[Fixture]:
    """For a fixture of pytest's; the largest errors are printed at its end."""
    folder = need_reference("show_o2")
    cases, demo = (json.loads((folder / name).read_text("utf-8")) for name in ("cases.json", "demo_config.json"))
    yield Fixture(folder, cases, demo, load_file(folder / "cases.safetensors"))
    for group, error in sorted(WORST.items()):
        sys.stdout.write(f"{group:40} {error:.1e}\n")


def read_model(fixture: Fixture) -> ShowO2:
    folder = fixture.folder / fixture.demo["model"]["showo"]["pretrained_model_path"]
    return load(CARDS["show-o2-1.5b"], folder, device="cpu", dtype="float32")


def close(name: str, ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    assert ours.shape == theirs.shape, f"{name}: {tuple(ours.shape)} {tuple(theirs.shape)}"
    error = float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-12))
    WORST[name] = max(WORST.get(name, 0.0), error)
    assert error <= tolerance, f"{name}: {error:.2e}"


def inputs_of(encoded: Encoded) -> Inputs:
    assert isinstance(encoded.inputs, Inputs)
    return encoded.inputs


def vision_stages(model: ShowO2, latents: Tensor) -> dict[str, Tensor]:
    """What the vision part computes on the way, by convolutions and stock blocks."""
    network = model.network
    found = {
        "und.patch_embed": network.seen_patches(latents).flatten(2).transpose(1, 2),
        "gen.patch_embed": network.drawn_patches(latents).flatten(2).transpose(1, 2),
    }
    patch = network.config.patch
    hidden = found["und.patch_embed"] + network.positions((latents.shape[2] // patch, latents.shape[3] // patch))
    for i, block in enumerate(network.seen.layers):
        hidden = block(hidden, None)
        found[f"und.layer{i}"] = hidden
    return found
