"""BAGEL models from folders and back: published checkpoints, weights of others' for them, and tiny models.

A published folder holds `llm_config.json`, `vit_config.json`, `tokenizer.json`, weights and, apart, the pixel
autoencoder's as `ae.safetensors`. What a folder lacks of these is looked for in folder `BAGEL-7B-MoT` in it or beside
it, then on the hub: RecA's holds weights alone. Weights may lack the tables of places, which are made anew, and the
vision tower, which is taken from the base's weights (docs/sources/bagel.md#checkpoints); nothing else.

`save` puts all weights into one file, the pixel autoencoder's too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unispect.core.cards import ModelCard
from unispect.models.bagel.card import BASE, DEFAULTS, REDRAWING
from unispect.models.bagel.config import BagelConfig, check_family, network_config
from unispect.models.bagel.drawing import Drawing
from unispect.models.bagel.guidance import Guidance
from unispect.models.bagel.keys import AUTOENCODER, DRAWN_PLACES, SEEN_PLACES, TOWER, authors_table
from unispect.models.bagel.model import Bagel
from unispect.models.bagel.network import BagelNetwork, empty_network, fresh_network, load_network, waves
from unispect.models.bagel.processing import Processor, load_processor
from unispect.models.building import in_words, within
from unispect.models.checkpoint import (
    Checkpoint,
    Layout,
    companion,
    files_in,
    joined,
    open_checkpoint,
    require_one,
    single,
)
from unispect.models.devices import devices_for, dtype_for
from unispect.models.keys import published
from unispect.models.processing.tokenizer import require_rows
from unispect.models.sets import USUAL
from unispect.models.shards import Renamed, save_shard

WEIGHTS = ("ema.safetensors", "model_bf16.safetensors", "model.safetensors")
"""Names of weight files in published layouts, and in that of `save`."""
_AUTOENCODER = "ae.safetensors"
_AUTOENCODER_KNOWN = ("encoder.down.",)
_LAYOUT = Layout(
    known=("language_model.model.layers.",),
    usual=(*WEIGHTS, *USUAL),
    apart=(_AUTOENCODER,),
    fetched=(*WEIGHTS, _AUTOENCODER),
)
_LANGUAGE, _VISION, _CONTENT, _TOKENIZER = "llm_config.json", "vit_config.json", "config.json", "tokenizer.json"


@in_words
def load(card: ModelCard, weights: str | Path = "", *, device: str = "auto", dtype: str = "auto") -> Bagel:
    """A BAGEL model from a checkpoint folder or hub id (default: the card's).

    Raises:
        CheckpointError: the checkpoint or what belongs to it is incomplete, damaged or another model's; names key and
            file.
        UsageError: no such folder, device or dtype.
    """
    where = devices_for(device)
    precision = dtype_for(dtype, where[0])
    checkpoint = open_checkpoint(weights or card.hub, layout=_LAYOUT)
    config = _config(checkpoint)
    processor = _processor(checkpoint, config)
    whole = _completed(_with_autoencoder(checkpoint), config)
    network = load_network(whole, config, devices=where, dtype=precision)
    return _joined(whole.on(card), network, processor)


@in_words
def start(card: ModelCard, folder: str | Path, *, seed: int) -> Bagel:
    """An untrained model, in float32 on the CPU, with the sizes and the tokenizer that a folder's files give.

    Raises:
        CheckpointError: a file is missing, or sizes do not fit each other.
    """
    files = files_in(Path(folder))
    config = _config(files)
    return _joined(card, fresh_network(config, seed), _processor(files, config))


def save(model: Bagel, path: str | Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes all weights as one safetensors file under the authors' names, in `dtype` (default: as they are)."""
    state = published(authors_table(model.network.config), model.network.state_dict())
    save_shard(Path(path), state, dtype)


def companions(folder: Path) -> list[Path]:
    """The base's folder, inside or beside a checkpoint's, which holds what that lacks."""
    return [place for place in _places(folder) if place != folder and place.is_dir()]


@dataclass(frozen=True)
class Tables:
    """The tables of places that weights lack, as if they stood in a file.

    Attributes:
        path: of the file that lacks them.
        sides: key -> rows, and columns, of its table.
        width: of the trunk.
    """

    path: Path
    sides: Mapping[str, int]
    width: int

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {key: (side * side, self.width) for key, side in self.sides.items()}

    def read(self, key: str) -> Tensor:
        return waves(self.sides[key], self.width)


def _joined(card: ModelCard, network: BagelNetwork, processor: Processor) -> Bagel:
    config = network.config
    parameters = round(sum(tensor.numel() for tensor in network.state_dict().values()) / 1e6, 3)
    side = config.kept.longest // config.cell
    sized = replace(card, parameters=parameters, image_size=side * config.cell, image_tokens=side * side)
    drawing = _drawing({**DEFAULTS, **card.defaults}, side)
    redrawing = _drawing({**REDRAWING, **_changed(card.defaults)}, side)
    redrawing = replace(redrawing, guidance=replace(redrawing.guidance, renorm="text_channel"))
    return Bagel(sized, network, processor, drawing, redrawing)


def _changed(defaults: Mapping[str, float]) -> Mapping[str, float]:
    """What a card says otherwise than the authors do of drawing from text."""
    return {name: value for name, value in defaults.items() if DEFAULTS.get(name) != value}


def _drawing(how: Mapping[str, float], side: int) -> Drawing:
    guidance = Guidance(
        text=how["guidance"],
        image=how["image_guidance"],
        interval=(how["interval_from"], how["interval_to"]),
        renorm_min=how["renorm_min"],
    )
    return Drawing((side, side), int(how["steps"]), how["shift"], guidance)


def _config(checkpoint: Checkpoint) -> BagelConfig:
    folder, shapes = checkpoint.folder, checkpoint.shapes()
    content = _optional(checkpoint, _CONTENT)
    check_family(content, str(folder))
    seen, drawn = (math.isqrt(shapes[name][0]) if name in shapes else None for name in (SEEN_PLACES, DRAWN_PLACES))
    return network_config(
        language=_json(checkpoint, _LANGUAGE),
        vision=_json(checkpoint, _VISION),
        content=content,
        tables=(seen, drawn),
        where=str(folder),
    )


def _processor(checkpoint: Checkpoint, config: BagelConfig) -> Processor:
    files = checkpoint.at(_found(checkpoint.folder, _TOKENIZER).parent)
    processor = load_processor(files, config)
    require_rows(processor.tokenizer, int(config.text.vocab_size), files.folder / _TOKENIZER)
    return processor


def _with_autoencoder(checkpoint: Checkpoint) -> Checkpoint:
    inside = any(key.startswith(AUTOENCODER) for key in checkpoint.shapes())
    if not inside:
        return joined(checkpoint, single(_found(checkpoint.folder, _AUTOENCODER), _AUTOENCODER_KNOWN), AUTOENCODER)
    if (checkpoint.folder / _AUTOENCODER).is_file():
        part = single(checkpoint.folder / _AUTOENCODER, _AUTOENCODER_KNOWN)
        require_one(checkpoint, part, AUTOENCODER, "the pixel autoencoder")
    return checkpoint


def _completed(checkpoint: Checkpoint, config: BagelConfig) -> Checkpoint:
    """With what weights may lack."""
    present = checkpoint.shapes()
    with within(checkpoint):
        expected = published(authors_table(config), empty_network(config).state_dict())
    path = checkpoint.shards[0].path
    sides = {SEEN_PLACES: config.seen_table, DRAWN_PLACES: config.drawn_table}
    tables = {key: side for key, side in sides.items() if key not in present}
    if tables:
        checkpoint = replace(checkpoint, shards=(*checkpoint.shards, Tables(path, tables, config.width)))
    tower = frozenset(key for key in expected if key.startswith(TOWER) and key not in present)
    return _with_tower(checkpoint, path, tower) if tower else checkpoint


def _with_tower(checkpoint: Checkpoint, path: Path, keys: Iterable[str]) -> Checkpoint:
    """With these tensors from the base's weights."""
    base = single(_found(checkpoint.folder, WEIGHTS[0]), _LAYOUT.known)
    if base.shards[0].path == path:
        return checkpoint
    wanted = frozenset(keys)
    some = Renamed(base.shards[0], lambda key: key if key in wanted else None)
    return replace(checkpoint, shards=(*checkpoint.shards, some), parts=(*checkpoint.parts, base.ledger))


def _found(folder: Path, name: str) -> Path:
    """A file that the folder or, in its stead, the base's holds.

    Raises:
        CheckpointError: neither does, and the hub does not give it.
    """
    return next((place / name for place in _places(folder) if (place / name).is_file()), None) or companion(
        folder, name, BASE
    )


def _json(checkpoint: Checkpoint, name: str) -> Mapping[str, Any]:
    return checkpoint.at(_found(checkpoint.folder, name).parent).json(name)


def _optional(checkpoint: Checkpoint, name: str) -> Mapping[str, Any]:
    found = next((place for place in _places(checkpoint.folder) if (place / name).is_file()), None)
    return {} if found is None else checkpoint.at(found).json(name)


def _places(folder: Path) -> Iterator[Path]:
    name = BASE.rpartition("/")[2]
    yield from (folder, folder / name, folder.parent / name)
