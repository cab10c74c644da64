"""How the shipped organisms are made: one command, one seed, everything from nothing.

The picture tokenizer learns first (`unispect.organisms.making` says how, for each family); then the model grows up in
the real words of its world (`unispect.organisms.corpus`); then each variant is taught new words with only its
language model learning, as in the published binding runs (arXiv 2510.21842). What a world holds out is never seen.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError, UsageError
from unispect.core.seeds import seed_for
from unispect.models.taught import Taught, write_taught
from unispect.organisms import shipped
from unispect.organisms.corpus import Corpus, corpus_named
from unispect.organisms.difference import save_difference
from unispect.organisms.families import IMAGE_SIZE, base_card, family_of
from unispect.organisms.gates import Gate
from unispect.organisms.making.base import Making, Organism, Recipe
from unispect.organisms.switches import LEVELS, STAGED, USUAL, Switches
from unispect.runs import durable
from unispect.train.gradients import small_steps
from unispect.train.loop import Progress, train
from unispect.train.output_folder import claimed, explained, held, write_claim
from unispect.train.state import read_whole, write_whole
from unispect.train.step import portioned

CONCEPTS = "concepts"
"""The world of the organisms that ship."""
CLAIM, TRAINING = "training.json", "training"
"""What says which training a folder holds, and the folder in it of states to go on from."""

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
    variants: Sequence[str] | None = None,
    switches: Switches = USUAL,
    progress: Progress | None = None,
) -> list[Gate]:
    """Makes an organism and its variants in the folder `out`, and measures its gates.

    `variants` names those that are made, by default all of its world. Without any the folder says, as one of another
    world does, by which seed the organism grew up, and what was switched; so where something is, none are made. What
    both have of one that is switched and one that is not begins with the same weights.

    A training that was stopped goes on when it is started again with the same folder, seed and recipe.

    Raises:
        UsageError: no organism of that family, no such world, the family's text head cannot be `tied` to its token
            embeddings, it cannot be switched so, variants are asked for of one that is switched, or the folder holds
            another training, something else or a link.
        StoreError: another process trains in the folder, it was moved or deleted, or cannot be written. The same call
            goes on from what was saved.
    """
    card, making, corpus = base_card(family), family_of(family).making, corpus_named(world)
    recipe = recipe or making.recipe
    if tied:
        _check_tied(family, corpus)
    special: dict[str, object] = {"world": world} if world != CONCEPTS else {}
    if tied:
        special["tied"] = True
    if variants is not None:
        special["variants"] = list(variants)
    switched = switches.unusual(family)
    if switched and variants:
        raise UsageError("variants are made of organisms as they ship; bind others with unispect train finetune")
    special |= switched
    told = {"family": family, "seed": seed, "recipe": recipe, **special}
    chosen = () if switched else corpus.variants if variants is None else tuple(variants)
    facts = json.loads(json.dumps(told, default=_told))
    _known(out, facts)
    with held(out, out / TRAINING) as hold, hold.writing(out), small_steps():
        if _known(out, facts) is None:  # looked at again, now that nobody else writes
            _note(out, {**facts, "versions": {"python": platform.python_version(), "torch": torch.__version__}})
        _write_files(out, making, corpus, switched, tied=tied)
        base = out / shipped.WEIGHTS
        if not base.exists():
            model = making.start(card, out, seed=seed_for("organism", seed))
            usual = _usual(making, corpus, card, seed, tied=tied) if _changes(making, switched) else None
            _grow(model, making, corpus, out, seed, _ordered(recipe, switched), progress, usual)
            with explained(base), durable.replacing(base) as unfinished:
                making.save(model, unfinished, dtype=torch.float16)
        for variant in chosen:
            if not (out / f"{variant}.safetensors").exists():
                _bind(out, family, variant, corpus, seed, recipe, progress)
        if not chosen:  # beside variants, it would say that what is stored of them is whole
            elsewhere, levels = world if world != CONCEPTS else "", {**({"tied": "yes"} if tied else {}), **switched}
            write_taught(out, Taught(card.id, "", "", {}, 0, seed, elsewhere, switches=levels))
        grown = shipped.load_from(out, card, device="cpu", dtype="float32")
        gates = corpus.gates(grown, seed, drawn=family_of(family).gate)
        hold.check()
        _note(out, {"gates": [{"name": g.name, "right": g.right, "asked": g.asked} for g in gates]})
    return gates


def _grow(
    model: Organism,
    making: Making,
    corpus: Corpus,
    out: Path,
    seed: int,
    recipe: Recipe,
    progress: Progress | None,
    usual: Organism | None,
) -> None:
    """Grows `model` up; what it shares with `usual`, which is the same but for what was switched, begins as there."""
    if usual:
        _take_over(model, usual)
    saved = out / TRAINING / "picture-tokenizer.pt"
    names = model.parameter_groups()["image tokenizer"]
    tokenizer = {name: parameter for name, parameter in model.network.named_parameters() if name in set(names)}
    begun = saved.with_name("tokenizing.pt")
    if saved.exists():
        _restore(tokenizer, saved)
    else:
        generator = torch.Generator().manual_seed(seed_for("picture tokenizer", seed))
        making.train_tokenizer(model, _pixels(corpus), recipe.picture_tokenizer, generator, progress, begun)
        write_whole(saved, {name: parameter.detach() for name, parameter in tokenizer.items()})
    begun.unlink(missing_ok=True)
    making.start_weights(model, torch.Generator().manual_seed(seed_for("growing up", seed)))
    if usual:
        _take_over(usual, model, tokenizer)
        making.start_weights(usual, torch.Generator().manual_seed(seed_for("growing up", seed)))
        _take_over(model, usual)
    lessons = corpus.lessons(model)
    stages = [("pictures" if recipe.reading else "growing up", "growing.pt", recipe.growing, seed)]
    if recipe.drawing:
        stages.insert(0, ("drawing", "drawing.pt", recipe.drawing, seed_for(seed, "drawing")))
    if recipe.reading:
        stages.insert(0, ("reading", "reading.pt", recipe.reading, seed_for(seed, "reading")))
    if recipe.asking:
        stages.append(("asking", "asking.pt", recipe.asking, seed_for(seed, "asking")))
    for stage, file, schedule, part in stages:
        train(
            model,
            _parameters(model, lambda group: group != "image tokenizer"),
            lambda step, stage=stage, part=part: portioned(model, lessons(stage, part, step)),
            schedule,
            stage=stage,
            matrices=_matrices(model),
            progress=progress,
            checkpoint=out / TRAINING / file,
        )


def _bind(
    out: Path,
    family: str,
    name: str,
    corpus: Corpus,
    seed: int,
    recipe: Recipe,
    progress: Progress | None,
) -> None:
    # From the stored weights: what ships is what was bound.
    model: Organism = family_of(family).load(base_card(family), out, device="cpu", dtype="float32")
    before = {key: value.detach().clone() for key, value in model.network.named_parameters()}
    for parameter in model.network.parameters():
        parameter.requires_grad_(False)
    lessons = corpus.lessons(model)
    train(
        model,
        _parameters(model, LANGUAGE_MODEL.__contains__),
        lambda step: portioned(model, lessons(name, seed_for(seed, name), step)),
        recipe.binding[name],
        stage=f"binding: {name}",
        matrices=_matrices(model),
        progress=progress,
        checkpoint=out / TRAINING / f"{name}.pt",
    )
    variant = out / f"{name}.safetensors"
    with explained(variant), durable.replacing(variant) as unfinished:
        save_difference(unfinished, before, dict(model.network.named_parameters()))


def _write_files(
    folder: Path, making: Making, corpus: Corpus, switched: Mapping[str, str], *, tied: bool = False
) -> None:
    """Everything but the weights."""
    making.write_files(folder, corpus.sentences())
    if tied:
        tie(folder)
    for choice in switched.items():
        for name, changed in making.switched.get(choice, {}).items():
            content = json.loads((folder / name).read_text("utf-8"))
            text = json.dumps({**content, **changed}, indent=1, ensure_ascii=False)
            durable.write(folder / name, (text + "\n").encode())


def _changes(making: Making, switched: Mapping[str, str]) -> bool:
    """Something is switched that makes another network."""
    return any(choice in making.switched for choice in switched.items())


def _usual(making: Making, corpus: Corpus, card: ModelCard, seed: int, *, tied: bool) -> Organism:
    """The untrained model of that seed in which nothing is switched."""
    with TemporaryDirectory() as temporary:
        _write_files(Path(temporary), making, corpus, {}, tied=tied)
        return making.start(card, Path(temporary), seed=seed_for("organism", seed))


@torch.no_grad()
def _take_over(to: Organism, of: Organism, names: Collection[str] | None = None) -> None:
    """Gives one model the parameters of another, of those names or all, where it has them in the same shape."""
    own = dict(to.network.named_parameters())
    for name, parameter in of.network.named_parameters():
        if (names is None or name in names) and name in own and own[name].shape == parameter.shape:
            own[name].copy_(parameter)


def _ordered(recipe: Recipe, switched: Mapping[str, str]) -> Recipe:
    """The recipe with half of the steps of growing up for words alone, where that is asked for."""
    if switched.get("order") != STAGED:
        return recipe
    half = max(1, recipe.growing.steps // 2)
    later = replace(recipe.growing, steps=max(1, recipe.growing.steps - half))
    return replace(recipe, growing=later, reading=replace(recipe.growing, steps=half))


@torch.no_grad()
def _restore(parameters: Mapping[str, nn.Parameter], path: Path) -> None:
    saved = read_whole(path)
    try:
        for name, parameter in parameters.items():
            parameter.copy_(saved[name])
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} is damaged; delete it to begin again") from error


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


def _pixels(corpus: Corpus) -> Tensor:
    """The pictures that may be learned from, [pictures, 3, size, size] in -1..1."""
    pictures = np.stack([np.asarray(picture) for picture in corpus.pictures(IMAGE_SIZE)])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def _check_tied(family: str, corpus: Corpus) -> None:
    making = family_of(family).making
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        making.write_files(folder, corpus.sentences())
        tie(folder)
        if "text head" in making.start(base_card(family), folder, seed=0).parameter_groups():
            raise UsageError(f"{family} models keep a text head of their own; it cannot be tied")


def tie(folder: Path) -> None:
    """Makes the text head of a family's files that of its token embeddings."""
    for path in folder.rglob("*config.json"):
        durable.write(path, path.read_text("utf-8").replace(*_TIED).encode())


def _known(out: Path, facts: Mapping[str, object]) -> Mapping[str, object] | None:
    """What the folder says of its training, which is this one; None where none was begun."""
    claim = out / CLAIM
    found = claimed(claim, out)
    wanted = {"world": None, "tied": None, "variants": None, **dict.fromkeys(LEVELS), **facts}
    if found is not None and any(found.get(key) != value for key, value in wanted.items()):
        raise UsageError(f"{out} holds another training (see {claim.name}); choose another folder")
    return found


def _told(value: object) -> dict[str, object]:
    """What is set: stages that a recipe does without are not mentioned; folders from before they existed still fit."""
    return {name: own for name, own in vars(value).items() if own is not None}


def _note(out: Path, facts: Mapping[str, object]) -> None:
    claim = out / CLAIM
    write_claim(claim, {**(claimed(claim, out) or {}), **facts})
