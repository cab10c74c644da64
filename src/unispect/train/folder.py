"""Bound weights as a folder of their own, in the published layout: what `name=FOLDER` loads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import torch
from peft import LoraConfig
from safetensors.torch import save_file
from torch import Tensor

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError, UsageError
from unispect.models.base import UnifiedModel
from unispect.models.loading import Family
from unispect.models.registry import family_of
from unispect.models.taught import TAUGHT, WEIGHTS, Taught, write_taught
from unispect.runs import durable
from unispect.train.output_folder import explained
from unispect.train.vocabulary import WHOLE, add_to_texts, add_to_weights, lexicon_words

RUN, STEPS, ADAPTER = "training", "steps", "adapter"
"""Folders beside the weights: of the training itself, of weights on the way, and of adapters."""
PEFT = "base_model.model."
"""How names of tensors begin in an adapter file that peft reads."""
UNFINISHED = ".unfinished"
"""Folder in one that is written: what it will hold."""
_TEXTS = ("*.json", "*.txt", "*.model")
_OURS = frozenset({RUN, STEPS, ADAPTER})
_LEFT_OUT = ("*.index.json", "training.json", TAUGHT)


@dataclass(frozen=True)
class Whole:
    """A network's tensors and its sizes: what the families' `save` needs of one."""

    tensors: Mapping[str, Tensor]
    config: Any

    def state_dict(self) -> Mapping[str, Tensor]:
        return self.tensors


@dataclass(frozen=True)
class Bound:
    """What is written.

    Attributes:
        card: of the model.
        network: its tensors, what adapters add included.
        source: folder with the files around the weights that it was bound from.
        dtype: of the written weights.
        adapters: how adapters were made, and their tensors under peft's names, if there are any.
        whole_words: all words of the lexicons are tokens of their own.
    """

    card: ModelCard
    network: Whole
    source: Path
    dtype: torch.dtype
    adapters: tuple[LoraConfig, Mapping[str, Tensor]] | None = None
    whole_words: bool = False


def with_whole_words(model: UnifiedModel, source: Path, device: str = "cpu") -> UnifiedModel:
    """The model, loaded again with all words of the lexicons as tokens of their own (`vocabulary`).

    Args:
        model: loaded.
        source: folder with the files around its weights.
        device: where it goes.

    Raises:
        UsageError: it is none of the tiny models, whose tables may grow.
    """
    card = model.card
    if card.hub:
        raise UsageError(
            f"'words: {WHOLE}' adds rows to a model's tables, which only organisms' may get: those of {card.id} "
            "are published with its tokenizer; leave it out"
        )
    family = family_of(card)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _copy_around(family, source, folder)
        family.save(model, folder / WEIGHTS, dtype=torch.float32)
        add_to_weights(folder / WEIGHTS, *add_to_texts(folder, lexicon_words()))
        made: UnifiedModel = family.load(
            replace(card, settings={}, published={}), folder, device=device, dtype="float32"
        )
    own = made.card
    made.card = replace(card, parameters=own.parameters, settings=own.settings, published=own.published)
    return made


def write_bound(bound: Bound, folder: Path, taught: Taught) -> None:
    """Writes what loads into a folder that is there; whoever is stopped on the way leaves none that claims to be whole.

    Raises:
        StoreError: it cannot be written.
        UsageError: nobody says how weights of this family are written.
        CheckpointError: a tensor is not finite.
    """
    bad = [name for name, tensor in bound.network.tensors.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise CheckpointError(f"{bad[0]} is not finite after {taught.steps} steps; nothing was written")
    unfinished = folder / UNFINISHED
    with explained(folder):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        _write_files(bound, unfinished, taught)
        durable.sync_tree(unfinished)
        _move_into(folder, unfinished)


def _write_files(bound: Bound, folder: Path, taught: Taught) -> None:
    family = family_of(bound.card)
    _copy_around(family, bound.source, folder)
    if bound.whole_words:
        add_to_texts(folder, lexicon_words())
    with durable.replacing(folder / WEIGHTS) as path:
        family.save(SimpleNamespace(network=bound.network), path, dtype=bound.dtype)
    if bound.adapters:
        config, tensors = bound.adapters
        config.save_pretrained(str(folder / ADAPTER))
        with durable.replacing(folder / ADAPTER / "adapter_model.safetensors") as path:
            save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, path)
        write_taught(folder / ADAPTER, taught)
    write_taught(folder, taught)


def _move_into(folder: Path, unfinished: Path) -> None:
    # The file that says what was taught goes first and comes last, behind the weights: with it, the folder is whole.
    (folder / TAUGHT).unlink(missing_ok=True)
    durable.sync_folder(folder)
    for entry in sorted(
        unfinished.iterdir(), key=lambda entry: (entry.name == TAUGHT, entry.name == WEIGHTS, entry.name)
    ):
        goal = folder / entry.name
        if goal.is_dir():
            shutil.rmtree(goal)
        if entry.name == TAUGHT:
            durable.sync_folder(folder)
        os.replace(entry, goal)
    durable.sync_folder(folder)
    unfinished.rmdir()


def _copy_around(family: Family[Any], source: Path, folder: Path) -> None:
    """Copies the files around a model's weights."""
    _copy_texts(source, folder)
    for path in family.companions(source):
        if path.is_dir() and path.parent != source:
            _copy_texts(path, folder / path.name)
        elif path.is_file():
            shutil.copyfile(path, folder / path.name)


def _copy_texts(source: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for path in _texts(source):
        goal = folder / path.relative_to(source)
        goal.parent.mkdir(exist_ok=True)  # no parents: where the folder is gone, it must not be made again
        shutil.copyfile(path, goal)


def _texts(source: Path) -> Iterator[Path]:
    """The files around the weights, in the folder and in those directly in it.

    Raises:
        CheckpointError: one is a link to somewhere else, whose content would be copied to where others may read it.
    """
    for pattern in (*_TEXTS, *(f"*/{pattern}" for pattern in _TEXTS)):
        for path in sorted(source.glob(pattern)):
            inner = path.relative_to(source).parts
            foreign = inner[0].startswith(".") or (len(inner) > 1 and inner[0] in _OURS)
            if path.is_file() and not foreign and not any(path.match(name) for name in _LEFT_OUT):
                if not path.resolve().is_relative_to(_home(source)):
                    raise CheckpointError(f"{path} leads out of {source}; put the file itself there")
                yield path


def _home(source: Path) -> Path:
    """What the links in a folder may lead to: itself, and in the hub's cache what lies beside all revisions."""
    return (source.parent.parent if source.parent.name == "snapshots" else source).resolve()
