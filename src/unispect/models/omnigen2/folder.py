"""OmniGen2 models from folders and back: the published folder of parts, and tiny models of the same layout.

Parts stand in folders `mllm`, `transformer`, `vae` and `processor` (older copies: `mllm_processor`), each with its own
`config.json`. `save` puts all weights into one file beside them; the configurations stay where they are.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.building import in_words
from unispect.models.checkpoint import Checkpoint, Layout, files_in, located, open_folder, require_one
from unispect.models.config_values import check_values
from unispect.models.devices import devices_for, dtype_for
from unispect.models.keys import published
from unispect.models.ledger import Ledger
from unispect.models.omnigen2.card import DEFAULTS
from unispect.models.omnigen2.config import OmniGen2Config, network_config
from unispect.models.omnigen2.drawing import Drawing
from unispect.models.omnigen2.keys import PARTS, authors_table
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.network import OmniGen2Network, fresh_network, load_network
from unispect.models.omnigen2.processing import Processor, load_processor
from unispect.models.omnigen2.writing import Writing
from unispect.models.processing.tokenizer import require_rows
from unispect.models.sets import is_weights
from unispect.models.shards import prefixed, save_shard

_PROCESSORS = ("processor", "mllm_processor", ".")
_WHOLE = "model.safetensors"
_WHOLE_LAYOUT = Layout(known=("mllm.model.",))
_KNOWN = {
    "mllm": ("model.layers.", "model.language_model.layers."),
    "transformer": ("layers.",),
    "vae": ("encoder.down_blocks.",),
}
"""Part -> how one of its names begins at least."""
_SCHEDULER, _EULER = "scheduler", "FlowMatchEulerDiscreteScheduler"


@in_words
def load(card: ModelCard, weights: str | Path = "", *, device: str = "auto", dtype: str = "auto") -> OmniGen2:
    """An OmniGen2 model from a checkpoint folder or hub id (default: the card's).

    Raises:
        CheckpointError: the checkpoint is incomplete, damaged or another model's; names key and file.
        UsageError: no such folder, device or dtype.
    """
    where = devices_for(device)
    precision = dtype_for(dtype, where[0])
    checkpoint = _opened(weights or card.hub)
    config, processor, writing, moved = _read(checkpoint)
    network = load_network(checkpoint, config, devices=where, dtype=precision)
    return _joined(checkpoint.on(card), network, processor, writing, moved=moved)


@in_words
def start(card: ModelCard, folder: str | Path, *, seed: int) -> OmniGen2:
    """An untrained model, in float32 on the CPU, with the sizes and the tokenizer that a folder's files give.

    Raises:
        CheckpointError: a file is missing, or sizes do not fit each other.
    """
    config, processor, writing, moved = _read(files_in(Path(folder)))
    return _joined(card, fresh_network(config, seed), processor, writing, moved=moved)


def save(model: OmniGen2, path: str | Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes all weights as one safetensors file, in `dtype` (default: as they are).

    Names are the authors' behind those of their folders.
    """
    state = published(authors_table(model.network.config), model.network.state_dict())
    save_shard(Path(path), state, dtype)


def _joined(
    card: ModelCard, network: OmniGen2Network, processor: Processor, writing: Writing, *, moved: bool
) -> OmniGen2:
    defaults = {**DEFAULTS, **card.defaults}
    side, cell = int(defaults["image_size"]), network.config.cell
    parameters = round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 3)
    sized = replace(card, parameters=parameters, image_size=side, image_tokens=(side // cell) ** 2)
    drawing = Drawing(
        side,
        side,
        guidance=defaults["guidance"],
        steps=int(defaults["steps"]),
        image_guidance=defaults["image_guidance"],
        moved=moved,
    )
    return OmniGen2(sized, network, processor, drawing, writing)


def _read(checkpoint: Checkpoint) -> tuple[OmniGen2Config, Processor, Writing, bool]:
    folder = checkpoint.folder
    mllm, transformer, vae = (_part(checkpoint, name).json("config.json") for name in PARTS)
    config = network_config(mllm, transformer, vae, str(folder))
    files = next(part for name in _PROCESSORS if (part := _part(checkpoint, name)).folder.is_dir())
    processor = load_processor(files)
    _check_sizes(files.folder, config, processor)
    settings = _part(checkpoint, "mllm").optional_json("generation_config.json") or {}
    check_values(settings, f"{folder / 'mllm' / 'generation_config.json'}")
    writing = Writing(processor.system, published_penalty=float(settings.get("repetition_penalty") or 1.0))
    return config, processor, writing, _moved(_part(checkpoint, _SCHEDULER))


def _moved(part: Checkpoint) -> bool:
    """Whether times are moved by the size of a picture, as they are where no file says otherwise.

    Raises:
        CheckpointError: the scheduler is another than the published one.
    """
    content = part.optional_json("scheduler_config.json") or {}
    kind = content.get("_class_name", _EULER)
    if kind != _EULER:
        raise CheckpointError(
            f"{part.folder / 'scheduler_config.json'}: _class_name is {kind!r}, but the port has Euler's steps "
            f"({_EULER}); put the published file there"
        )
    check_values(content, str(part.folder / "scheduler_config.json"))
    return bool(content.get("dynamic_time_shift", True))


def _part(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """A part's own folder."""
    return checkpoint.at(checkpoint.folder / name if name != "." else checkpoint.folder)


def _opened(source: str | Path) -> Checkpoint:
    """The weights of all parts, under the names they have in one file.

    Raises:
        CheckpointError: a part is missing, or weights are there in one file and in parts, and differ.
    """
    folder, name = located(str(source))
    inner = folder.name if folder.name in PARTS and (folder.parent / "model_index.json").is_file() else ""
    if inner:  # a file of a part was named: the others are as they are
        folder = folder.parent
    if name and not inner:
        return open_folder(folder, _WHOLE_LAYOUT, name)
    parts = [part for part in PARTS if (folder / part).is_dir() and any(map(is_weights, (folder / part).iterdir()))]
    whole = open_folder(folder, _WHOLE_LAYOUT) if (folder / _WHOLE).is_file() and not inner else None
    if whole and not parts:
        return whole
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if len(missing) == len(PARTS):
        return open_folder(folder, _WHOLE_LAYOUT)
    if missing and not whole:
        raise CheckpointError(f"{folder / missing[0]} is missing: this is not a complete checkpoint folder")
    named = {part: _part_of(folder, part, name if part == inner else "") for part in (parts if whole else PARTS)}
    if whole:
        for part, opened in named.items():
            require_one(whole, opened, f"{part}.", f"the weights of {part}")
            whole.ledger.note(f"Weights in {part} were passed over: {_WHOLE} holds them too.")
        return whole
    ledger = Ledger(folder, chosen=bool(inner))
    for opened in named.values():
        ledger.take(opened.ledger)
    shards = (prefixed(shard, f"{part}.") for part, opened in named.items() for shard in opened.shards)
    return Checkpoint(folder, ledger, tuple(shards))


def _part_of(folder: Path, part: str, name: str) -> Checkpoint:
    return open_folder(folder / part, Layout(known=_KNOWN[part]), name)


def _check_sizes(folder: Path, config: OmniGen2Config, processor: Processor) -> None:
    vision, picture = config.vision, processor.picture
    checks: tuple[tuple[str, Any, Any], ...] = (
        ("patch_size", picture.patch_size, vision.patch_size),
        ("merge_size", picture.merge_size, vision.spatial_merge_size),
        ("temporal_patch_size", picture.temporal_patch_size, vision.temporal_patch_size),
    )
    for name, found, needed in checks:
        if found != needed:
            raise CheckpointError(
                f"{folder / 'preprocessor_config.json'}: {name} is {found}, but mllm/config.json implies {needed}"
            )
    require_rows(processor.tokenizer, config.text.vocab_size, folder / "tokenizer.json")
    place = config.mllm.image_token_id
    if place != processor.special.place:
        raise CheckpointError(
            f"{folder / 'tokenizer.json'}: pictures stand at token {processor.special.place}, but mllm/config.json "
            f"says {place}"
        )
