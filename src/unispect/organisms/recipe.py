"""How the shipped organisms are made: one command, one seed, everything from nothing.

The picture tokenizer learns first; then the model grows up in real words; then each variant is taught new words with
only its language model learning, as in the published binding runs (arXiv 2510.21842). Combinations of the held-out part
of the split are never seen.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from unispect.core.errors import UsageError
from unispect.core.seeds import seed_for
from unispect.data.concepts.render import render
from unispect.data.concepts.split import load_split
from unispect.models.janus_pro import folder as janus_pro
from unispect.models.janus_pro.model import JanusPro
from unispect.organisms import shipped
from unispect.organisms.curriculum import BOUND, FLUENT, MUTE, PRETRAINING, Teaching, World, batch_for
from unispect.organisms.difference import save_difference
from unispect.organisms.gates import Gate, measure_gates
from unispect.organisms.layout import IMAGE_SIZE, write_janus_pro_files
from unispect.organisms.start import start_weights
from unispect.organisms.vq import VQTraining, train_vq
from unispect.train.gradients import small_steps
from unispect.train.loop import Progress, Schedule, train

LANGUAGE_MODEL = ("backbone", "token embeddings", "text head")
"""Parameter groups that learn new words; everything that sees and draws stays as it is."""

TEACHINGS: Mapping[str, Teaching] = {"bound": BOUND, "fluent": FLUENT, "mute": MUTE}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides an organism, but the seed."""

    picture_tokenizer: VQTraining = field(default_factory=VQTraining)
    growing: Schedule = field(default_factory=lambda: Schedule(steps=900, learning_rate=2e-3))
    binding: Mapping[str, Schedule] = field(
        default_factory=lambda: {
            "bound": Schedule(steps=400, learning_rate=1.5e-3),
            "fluent": Schedule(steps=450, learning_rate=1.5e-3),
            "mute": Schedule(steps=250, learning_rate=1e-3),
        }
    )


def train_organism(
    family: str, out: Path, *, seed: int = 0, recipe: Recipe | None = None, progress: Progress | None = None
) -> list[Gate]:
    """Makes an organism and its variants in the folder `out`, and measures its gates.

    A training that was stopped goes on when it is started again with the same folder, seed and recipe.

    Raises:
        UsageError: no organism of that family, or the folder holds another training.
    """
    recipe = recipe or Recipe()
    card = shipped.base_card(family)
    _claim(out, family, seed, recipe)
    with small_steps():
        write_janus_pro_files(out)
        base = out / shipped.WEIGHTS
        if not base.exists():
            model = janus_pro.start(card, out, seed=seed_for("organism", seed))
            _grow(model, out, seed, recipe, progress)
            janus_pro.save(model, base, dtype=torch.float16)
        for variant in shipped.VARIANTS:
            if not (out / f"{variant.name}.safetensors").exists():
                _bind(out, family, variant.name, seed, recipe, progress)
        gates = measure_gates(shipped.load_from(out, card, device="cpu", dtype="float32"), seed)
    _note(out, {"gates": [{"name": g.name, "right": g.right, "asked": g.asked} for g in gates]})
    return gates


def _grow(model: JanusPro, out: Path, seed: int, recipe: Recipe, progress: Progress | None) -> None:
    saved = out / "training" / "picture-tokenizer.pt"
    tokenizer = model.network.model.vqmodel
    if saved.exists():
        tokenizer.load_state_dict(torch.load(saved, weights_only=True))
    else:
        generator = torch.Generator().manual_seed(seed_for("picture tokenizer", seed))
        train_vq(tokenizer, _pixels(), recipe.picture_tokenizer, generator, progress)
        saved.parent.mkdir(parents=True, exist_ok=True)
        torch.save(tokenizer.state_dict(), saved)
    start_weights(model, torch.Generator().manual_seed(seed_for("growing up", seed)))
    world = _world(model)
    train(
        model,
        _parameters(model, lambda group: group != "image tokenizer"),
        lambda step: batch_for(world, PRETRAINING, seed, step),
        recipe.growing,
        stage="growing up",
        progress=progress,
        checkpoint=out / "training" / "growing.pt",
    )


def _bind(out: Path, family: str, name: str, seed: int, recipe: Recipe, progress: Progress | None) -> None:
    # From the stored weights: what ships is what was bound.
    model = janus_pro.load(shipped.base_card(family), out, device="cpu", dtype="float32")
    before = {key: value.detach().clone() for key, value in model.network.named_parameters()}
    for parameter in model.network.parameters():
        parameter.requires_grad_(False)
    world = _world(model)
    train(
        model,
        _parameters(model, LANGUAGE_MODEL.__contains__),
        lambda step: batch_for(world, TEACHINGS[name], seed_for(seed, name), step),
        recipe.binding[name],
        stage=f"binding: {name}",
        progress=progress,
        checkpoint=out / "training" / f"{name}.pt",
    )
    save_difference(out / f"{name}.safetensors", before, dict(model.network.named_parameters()))


def _parameters(model: JanusPro, wanted: Callable[[str], bool]) -> list[nn.Parameter]:
    named = dict(model.network.named_parameters())
    return [named[name] for group, names in model.parameter_groups().items() if wanted(group) for name in names]


def _pixels() -> Tensor:
    """The pictures that may be learned from, [pictures, 3, size, size] in -1..1."""
    pictures = np.stack([np.asarray(render(concept, IMAGE_SIZE)) for concept in load_split().train])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def _world(model: JanusPro) -> World:
    concepts = load_split().train
    pictures = {concept: render(concept, IMAGE_SIZE) for concept in concepts}
    codes = model.targets(list(pictures.values()))
    return World(concepts, pictures, dict(zip(concepts, codes, strict=True)))


def _claim(out: Path, family: str, seed: int, recipe: Recipe) -> None:
    """The folder is this training's: its facts are written first and compared ever after."""
    facts = json.loads(
        json.dumps({"family": family, "seed": seed, "recipe": recipe}, default=lambda value: vars(value) | {})
    )
    path = out / "training.json"
    if path.exists():
        found = json.loads(path.read_text("utf-8"))
        if any(found.get(key) != value for key, value in facts.items()):
            raise UsageError(f"{out} holds another training (see {path.name}); choose another folder")
        return
    out.mkdir(parents=True, exist_ok=True)
    _note(out, {**facts, "versions": {"python": platform.python_version(), "torch": torch.__version__}})


def _note(out: Path, facts: Mapping[str, object]) -> None:
    path = out / "training.json"
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**known, **facts}, indent=1) + "\n", "utf-8")
