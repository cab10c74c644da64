"""How the shipped organisms are made: one command, one seed, everything from nothing.

The picture tokenizer learns first (`unispect.organisms.making` says how, for each family); then the model grows up in
the real words of its world (`unispect.organisms.upbringing`); then each variant is taught new words with only its
language model learning, as in the published binding runs (arXiv 2510.21842). What a world holds out is never seen.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from unispect.core.errors import UsageError
from unispect.core.seeds import seed_for
from unispect.models.json_file import read_json
from unispect.models.shards import open_shard
from unispect.models.taught import Taught, write_taught
from unispect.organisms import shipped
from unispect.organisms.difference import save_difference
from unispect.organisms.families import IMAGE_SIZE, base_card, family_of
from unispect.organisms.gates import Gate
from unispect.organisms.making.base import Making, Organism, Recipe
from unispect.organisms.upbringing import Upbringing, upbringing_of
from unispect.runs import durable
from unispect.train.gradients import small_steps
from unispect.train.loop import Progress, train
from unispect.train.state import write_whole

CONCEPTS = "concepts"
"""The world of the organisms that ship."""

_TIED = '"tie_word_embeddings": false', '"tie_word_embeddings": true'

LANGUAGE_MODEL = ("backbone", "token embeddings", "text head")
"""Parameter groups that learn new words; everything that sees and draws stays as it is."""


def train_organism(
    family: str,
    out: Path,
    *,
    seed: int = 0,
    world: str = CONCEPTS,
    tied: bool = False,
    recipe: Recipe | None = None,
    progress: Progress | None = None,
) -> list[Gate]:
    """Makes an organism and its variants in the folder `out`, and measures its gates.

    A training that was stopped goes on when it is started again with the same folder, seed and recipe.

    Raises:
        UsageError: no organism of that family, no such world, the family's text head cannot be `tied` to its token
            embeddings, or the folder holds another training.
    """
    card, making, upbringing = base_card(family), family_of(family).making, upbringing_of(world)
    recipe = recipe or making.recipe
    if tied:
        _check_tied(family, upbringing)
    special = {"world": world} if world != CONCEPTS else {}
    _claim(out, {"family": family, "seed": seed, "recipe": recipe, **special, **({"tied": True} if tied else {})})
    for folder in (out, out / "training"):
        durable.remove_leftovers(folder)
    with small_steps():
        making.write_files(out, upbringing.sentences())
        if tied:
            tie(out)
        base = out / shipped.WEIGHTS
        if not base.exists():
            model = making.start(card, out, seed=seed_for("organism", seed))
            _grow(model, making, upbringing, out, seed, recipe, progress)
            with durable.replacing(base) as unfinished:
                making.save(model, unfinished, dtype=torch.float16)
        for variant in upbringing.variants:
            if not (out / f"{variant}.safetensors").exists():
                _bind(out, family, variant, upbringing, seed, recipe, progress)
        if world != CONCEPTS:
            write_taught(out, Taught(card.id, "", "", {}, 0, seed, world))
        grown = shipped.load_from(out, card, device="cpu", dtype="float32")
        gates = upbringing.gates(grown, seed, drawn=family_of(family).gate)
    _note(out, {"gates": [{"name": g.name, "right": g.right, "asked": g.asked} for g in gates]})
    return gates


def _grow(
    model: Organism,
    making: Making,
    upbringing: Upbringing,
    out: Path,
    seed: int,
    recipe: Recipe,
    progress: Progress | None,
) -> None:
    saved = out / "training" / "picture-tokenizer.pt"
    names = model.parameter_groups()["image tokenizer"]
    tokenizer = {name: parameter for name, parameter in model.network.named_parameters() if name in set(names)}
    if saved.exists():
        shard = open_shard(saved)
        _restore(tokenizer, {name: shard.read(name) for name in shard.shapes()})
    else:
        generator = torch.Generator().manual_seed(seed_for("picture tokenizer", seed))
        begun = saved.with_name("tokenizing.pt")
        making.train_tokenizer(model, _pixels(upbringing), recipe.picture_tokenizer, generator, progress, begun)
        write_whole(saved, {name: parameter.detach() for name, parameter in tokenizer.items()})
        begun.unlink()
    making.start_weights(model, torch.Generator().manual_seed(seed_for("growing up", seed)))
    lessons = upbringing.lessons(model)
    stages = [("growing up", "growing.pt", recipe.growing, seed)]
    if recipe.drawing:
        stages.insert(0, ("drawing", "drawing.pt", recipe.drawing, seed_for(seed, "drawing")))
    if recipe.asking:
        stages.append(("asking", "asking.pt", recipe.asking, seed_for(seed, "asking")))
    for stage, file, schedule, lot in stages:
        train(
            model,
            _parameters(model, lambda group: group != "image tokenizer"),
            lambda step, stage=stage, lot=lot: lessons(stage, lot, step),
            schedule,
            stage=stage,
            matrices=_matrices(model),
            progress=progress,
            checkpoint=out / "training" / file,
        )


def _bind(
    out: Path,
    family: str,
    name: str,
    upbringing: Upbringing,
    seed: int,
    recipe: Recipe,
    progress: Progress | None,
) -> None:
    # From the stored weights: what ships is what was bound.
    model: Organism = family_of(family).load(base_card(family), out, device="cpu", dtype="float32")
    before = {key: value.detach().clone() for key, value in model.network.named_parameters()}
    for parameter in model.network.parameters():
        parameter.requires_grad_(False)
    lessons = upbringing.lessons(model)
    train(
        model,
        _parameters(model, LANGUAGE_MODEL.__contains__),
        lambda step: lessons(name, seed_for(seed, name), step),
        recipe.binding[name],
        stage=f"binding: {name}",
        matrices=_matrices(model),
        progress=progress,
        checkpoint=out / "training" / f"{name}.pt",
    )
    with durable.replacing(out / f"{name}.safetensors") as unfinished:
        save_difference(unfinished, before, dict(model.network.named_parameters()))


@torch.no_grad()
def _restore(parameters: Mapping[str, nn.Parameter], saved: Mapping[str, Tensor]) -> None:
    for name, parameter in parameters.items():
        parameter.copy_(saved[name])


def _parameters(model: Organism, wanted: Callable[[str], bool]) -> list[nn.Parameter]:
    named = dict(model.network.named_parameters())
    return [named[name] for group, names in model.parameter_groups().items() if wanted(group) for name in names]


def _matrices(model: Organism) -> list[nn.Parameter]:
    """The linear maps between hidden states: all but the heads'."""
    groups = model.parameter_groups()
    heads = {name for group in family_of(model.card.family).making.heads for name in groups.get(group, ())}
    named = dict(model.network.named_parameters())
    maps = [f"{name}.weight" for name, module in model.network.named_modules() if isinstance(module, nn.Linear)]
    return [named[name] for name in maps if name in named and name not in heads]


def _pixels(upbringing: Upbringing) -> Tensor:
    """The pictures that may be learned from, [pictures, 3, size, size] in -1..1."""
    pictures = np.stack([np.asarray(picture) for picture in upbringing.pictures(IMAGE_SIZE)])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def _check_tied(family: str, upbringing: Upbringing) -> None:
    making = family_of(family).making
    with TemporaryDirectory() as place:
        folder = Path(place)
        making.write_files(folder, upbringing.sentences())
        tie(folder)
        if "text head" in making.start(base_card(family), folder, seed=0).parameter_groups():
            raise UsageError(f"{family} models keep a text head of their own; it cannot be tied")


def tie(folder: Path) -> None:
    """Makes the text head of a family's files that of its token embeddings."""
    for path in folder.rglob("*config.json"):
        path.write_text(path.read_text("utf-8").replace(*_TIED), "utf-8")


def _claim(out: Path, told: Mapping[str, object]) -> None:
    """The folder is this training's: its facts are written first and compared ever after."""
    facts = json.loads(json.dumps(told, default=_told))
    path = out / "training.json"
    if path.exists():
        found = read_json(path)
        if any(found.get(key) != value for key, value in ({"world": None, "tied": None} | facts).items()):
            raise UsageError(f"{out} holds another training (see {path.name}); choose another folder")
        return
    out.mkdir(parents=True, exist_ok=True)
    _note(out, {**facts, "versions": {"python": platform.python_version(), "torch": torch.__version__}})


def _told(value: object) -> dict[str, object]:
    """What is set: stages that a recipe does without are not mentioned; folders from before they existed still fit."""
    return {name: own for name, own in vars(value).items() if own is not None}


def _note(out: Path, facts: Mapping[str, object]) -> None:
    path = out / "training.json"
    known = read_json(path) if path.exists() else {}
    durable.write(path, (json.dumps({**known, **facts}, indent=1) + "\n").encode())
