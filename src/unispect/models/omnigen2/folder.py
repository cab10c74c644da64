"""OmniGen2 models from folders and back: the published folder of parts, and tiny models of the same layout.

Parts stand in folders `mllm`, `transformer`, `vae` and `processor` (older copies: `mllm_processor`), each with its own
`config.json`. `save` puts all weights into one file beside them; the configurations stay where they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint, Prefixed, Shard, open_checkpoint, weight_files
from unispect.models.devices import devices_for, dtype_for
from unispect.models.keys import published
from unispect.models.omnigen2.card import DEFAULTS
from unispect.models.omnigen2.config import OmniGen2Config, network_config
from unispect.models.omnigen2.drawing import Drawing
from unispect.models.omnigen2.keys import PARTS, authors_table
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.network import OmniGen2Network, fresh_network, load_network
from unispect.models.omnigen2.processing import Processor, load_processor
from unispect.models.omnigen2.writing import Writing

_PROCESSORS = ("processor", "mllm_processor", ".")
_WHOLE = "model.safetensors"
_SCHEDULER, _EULER = "scheduler", "FlowMatchEulerDiscreteScheduler"


def load(card: ModelCard, weights: str | Path = "", *, device: str = "auto", dtype: str = "auto") -> OmniGen2:
    """An OmniGen2 model from a checkpoint folder or hub id (default: the card's).

    Raises:
        CheckpointError: the checkpoint is incomplete, damaged or another model's; names key and file.
        UsageError: no such folder, device or dtype.
    """
    where = devices_for(device)
    precision = dtype_for(dtype, where[0])
    opened = open_checkpoint(weights or card.hub, pick=_weights)
    checkpoint = replace(opened, revision=_revision(opened), shards=tuple(_named(opened)))
    config, processor, writing, moved = _read(checkpoint)
    network = load_network(checkpoint, config, devices=where, dtype=precision)
    return _joined(card.at(checkpoint.revision), network, processor, writing, moved=moved)


def start(card: ModelCard, folder: str | Path, *, seed: int) -> OmniGen2:
    """An untrained model, in float32 on the CPU, with the sizes and the tokenizer that a folder's files give.

    Raises:
        CheckpointError: a file is missing, or sizes do not fit each other.
    """
    config, processor, writing, moved = _read(Checkpoint(Path(folder), "", ()))
    return _joined(card, fresh_network(config, seed), processor, writing, moved=moved)


def save(model: OmniGen2, path: str | Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes all weights as one safetensors file, in `dtype` (default: as they are).

    Names are the authors' behind those of their folders.
    """
    state = published(authors_table(model.network.config), model.network.state_dict())
    save_file({name: tensor.to("cpu", dtype).contiguous() for name, tensor in state.items()}, str(path))


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
    mllm, transformer, vae = (_part(folder, name).json("config.json") for name in PARTS)
    config = network_config(mllm, transformer, vae, str(folder))
    files = next(part for name in _PROCESSORS if (part := _part(folder, name)).folder.is_dir())
    processor = load_processor(files)
    _check_sizes(files.folder, config, processor)
    settings = _part(folder, "mllm").optional_json("generation_config.json") or {}
    writing = Writing(processor.system, published_penalty=float(settings.get("repetition_penalty") or 1.0))
    return config, processor, writing, _moved(folder)


def _moved(folder: Path) -> bool:
    """Whether times are moved by the size of a picture, as they are where no file says otherwise.

    Raises:
        CheckpointError: the scheduler is another than the published one.
    """
    part = _part(folder, _SCHEDULER)
    content = part.optional_json("scheduler_config.json") or {}
    kind = content.get("_class_name", _EULER)
    if kind != _EULER:
        raise CheckpointError(
            f"{part.folder / 'scheduler_config.json'}: _class_name is {kind!r}, but the port has Euler's steps "
            f"({_EULER}); put the published file there"
        )
    return bool(content.get("dynamic_time_shift", True))


def _part(folder: Path, name: str) -> Checkpoint:
    """A part's own folder."""
    return Checkpoint(folder / name if name != "." else folder, "", ())


def _weights(folder: Path) -> Sequence[Path] | None:
    """The weight files of all parts; the usual ones where all parts are in one."""
    if (folder / _WHOLE).is_file():
        return None
    missing = [name for name in PARTS if not (folder / name).is_dir()]
    if len(missing) == len(PARTS):
        return None
    if missing:
        raise CheckpointError(f"{folder / missing[0]} is missing: this is not a complete checkpoint folder")
    return [path for name in PARTS for path in weight_files(folder / name)]


def _named(checkpoint: Checkpoint) -> Iterator[Shard]:
    """Weight files whose keys begin with the part they belong to."""
    for shard in checkpoint.shards:
        own = shard.path.parent.name
        apart = shard.path.parent != checkpoint.folder
        yield Prefixed(shard, f"{own}.") if apart else shard


def _revision(checkpoint: Checkpoint) -> str:
    """That of the checkpoint; a digest also counts the files of the parts that decide what the model computes."""
    if not checkpoint.revision.startswith("sha256:"):
        return checkpoint.revision
    total = hashlib.sha256(checkpoint.revision.encode())
    for name in sorted({*PARTS, *_PROCESSORS, _SCHEDULER} - {"."}):
        for path in sorted((checkpoint.folder / name).glob("*.json")):
            total.update(f"{name}/{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return f"sha256:{total.hexdigest()[:16]}"


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
    known, vocabulary = processor.tokenizer.get_vocab_size(), config.text.vocab_size
    if known > vocabulary:
        raise CheckpointError(f"{folder / 'tokenizer.json'} has {known} tokens, the embeddings {vocabulary}")
    place = config.mllm.image_token_id
    if place != processor.special.place:
        raise CheckpointError(
            f"{folder / 'tokenizer.json'}: pictures stand at token {processor.special.place}, but mllm/config.json "
            f"says {place}"
        )
