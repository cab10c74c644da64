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

from torch import Tensor

from unispect.core.cards import ModelCard
from unispect.models.bagel.card import BASE, DEFAULTS, REDRAWING
from unispect.models.bagel.config import BagelConfig, check_family, network_config
from unispect.models.bagel.drawing import DrawSettings
from unispect.models.bagel.guidance import Guidance
from unispect.models.bagel.keys import AUTOENCODER, DRAWN_PLACES, SEEN_PLACES, STACKS, TOWER, authors_table
from unispect.models.bagel.model import Bagel
from unispect.models.bagel.network import BagelNetwork, waves
from unispect.models.bagel.processing import Processor, load_processor
from unispect.models.building import empty, within
from unispect.models.checkpoint import Checkpoint, Layout, single
from unispect.models.companions import Part, around, companion, holder, with_part
from unispect.models.config_sections import last_part
from unispect.models.keys import published
from unispect.models.loading import Family, Found
from unispect.models.processing.tokenizer import require_rows
from unispect.models.sets import USUAL
from unispect.models.shards import Renamed

WEIGHTS = ("ema.safetensors", "model_bf16.safetensors", "model.safetensors")
"""Names of weight files in published layouts, and in that of `save`."""
_HOME = last_part(BASE)
_AUTOENCODER = Part(
    "the pixel autoencoder", AUTOENCODER, ("encoder.down.",), BASE, files=("ae.safetensors",), home=_HOME
)
_LAYOUT = Layout(
    known=("language_model.model.layers.",),
    usual=(*WEIGHTS, *USUAL),
    apart=_AUTOENCODER.files,
    beside=_AUTOENCODER.files,
)
_LANGUAGE, _VISION, _CONTENT, _TOKENIZER = "llm_config.json", "vit_config.json", "config.json", "tokenizer.json"


def _read(card: ModelCard, checkpoint: Checkpoint) -> Found:
    config = _config(checkpoint)
    processor = _processor(checkpoint, config)
    whole, _ = with_part(checkpoint, _AUTOENCODER)
    return Found(_completed(whole, config) if whole.shards else whole, config, processor)


def _model(card: ModelCard, network: BagelNetwork, processor: Processor) -> Bagel:
    config = network.config
    # The tables of places are no parameters here, but they are published with the weights.
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


def _drawing(how: Mapping[str, float], side: int) -> DrawSettings:
    guidance = Guidance(
        text=how["guidance"],
        image=how["image_guidance"],
        interval=(how["interval_from"], how["interval_to"]),
        renorm_min=how["renorm_min"],
    )
    return DrawSettings((side, side), int(how["steps"]), how["shift"], guidance)


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
    files = checkpoint.at(_found(checkpoint, _TOKENIZER).parent)
    processor = load_processor(files, config)
    require_rows(processor.tokenizer, int(config.text.vocab_size), files.folder / _TOKENIZER)
    return processor


@dataclass(frozen=True)
class Tables:
    """The tables of places that weights lack, as if they stood in a file.

    Attributes:
        path: of the file that lacks them.
        sides: key -> rows, and columns, of its table.
        width: of the backbone.
    """

    path: Path
    sides: Mapping[str, int]
    width: int

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {key: (side * side, self.width) for key, side in self.sides.items()}

    def dtypes(self) -> Mapping[str, str]:
        return dict.fromkeys(self.sides, "float32")

    def read(self, key: str) -> Tensor:
        return waves(self.sides[key], self.width)


def _completed(checkpoint: Checkpoint, config: BagelConfig) -> Checkpoint:
    """With what weights may lack."""
    present = checkpoint.shapes()
    with within(checkpoint):
        expected = published(authors_table(config), empty(BagelNetwork, config).state_dict())
    path = checkpoint.shards[0].path
    sides = {SEEN_PLACES: config.seen_table, DRAWN_PLACES: config.drawn_table}
    tables = {key: side for key, side in sides.items() if key not in present}
    if tables:
        checkpoint = replace(checkpoint, shards=(*checkpoint.shards, Tables(path, tables, config.width)))
    tower = frozenset(key for key in expected if key.startswith(TOWER) and key not in present)
    return _with_tower(checkpoint, path, tower) if tower else checkpoint


def _with_tower(checkpoint: Checkpoint, path: Path, keys: Iterable[str]) -> Checkpoint:
    """With these tensors from the base's weights."""
    base = single(_found(checkpoint, WEIGHTS[0]), _LAYOUT.known)
    if base.shards[0].path == path:
        return checkpoint
    wanted = frozenset(keys)
    some = Renamed(base.shards[0], lambda key: key if key in wanted else None)
    return replace(checkpoint, shards=(*checkpoint.shards, some), parts=(*checkpoint.parts, base.ledger))


def _found(checkpoint: Checkpoint, name: str) -> Path:
    """A file that the folder or, in its stead, the base's holds.

    Raises:
        CheckpointError: neither does, and the hub does not give it.
    """
    folder = checkpoint.folder
    return companion(folder, name, BASE, around(folder, _HOME), checkpoint.ledger)


def _json(checkpoint: Checkpoint, name: str) -> Mapping[str, Any]:
    return checkpoint.at(_found(checkpoint, name).parent).json(name)


def _optional(checkpoint: Checkpoint, name: str) -> Mapping[str, Any]:
    home = holder((checkpoint.folder, *around(checkpoint.folder, _HOME)), name)
    return checkpoint.at(home).json(name) if home else {}


def _companions(folder: Path) -> Iterator[Path]:
    """The base's folder, which holds what a checkpoint lacks."""
    yield from (home for home in around(folder, _HOME) if home != folder and home.is_dir())


FAMILY = Family(
    read=_read,
    build=BagelNetwork,
    table=lambda config, checkpoint: authors_table(config),
    stacks=STACKS,
    model=_model,
    layout=_LAYOUT,
    # In float32 whatever the precision, as the authors run it (docs/sources/bagel.md#precision).
    exact=(AUTOENCODER,),
    companions=_companions,
)
load, start, save = FAMILY.load, FAMILY.start, FAMILY.save
