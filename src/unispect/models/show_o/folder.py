"""Show-o models from folders and back: published checkpoints, and tiny models in one folder."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from unispect.core.cards import ModelCard
from unispect.models.building import in_words
from unispect.models.checkpoint import Checkpoint, Layout, companion, files_in, joined, open_checkpoint, require_one
from unispect.models.config_sections import last_part
from unispect.models.devices import devices_for, dtype_for
from unispect.models.keys import published
from unispect.models.sets import is_weights
from unispect.models.shards import save_shard
from unispect.models.show_o.card import DEFAULTS
from unispect.models.show_o.config import CLIP, MAGVIT, PHI, ShowOConfig, network_config
from unispect.models.show_o.drawing import Drawing
from unispect.models.show_o.keys import AUTHORS
from unispect.models.show_o.keys import CLIP as CLIP_KEYS
from unispect.models.show_o.keys import VQ as VQ_KEYS
from unispect.models.show_o.model import ShowO
from unispect.models.show_o.network import ShowONetwork, fresh_network, load_network
from unispect.models.show_o.processing import Processor, load_processor

_LLM_HUB, _VQ_HUB, _CLIP_HUB = "microsoft/phi-1_5", "showlab/magvitv2", "openai/clip-vit-large-patch14-336"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_LAYOUT = Layout(known=("showo.model.layers.",))
_PARTS = {VQ_KEYS: Layout(known=("encoder.down.",)), CLIP_KEYS: Layout(known=("vision_model.encoder.",))}


@in_words
def load(card: ModelCard, weights: str | Path = "", *, device: str = "auto", dtype: str = "auto") -> ShowO:
    """A Show-o model from a checkpoint folder or hub id (default: the card's).

    The picture tokenizer, the CLIP tower and the text tokenizer may lie in the same folder, as an organism's do (all
    weights in one file), or each in a folder of its published name inside or beside it; else they come from the hub.

    Raises:
        CheckpointError: a checkpoint is incomplete, damaged or another model's; names key and file.
        UsageError: no such folder, device or dtype.
    """
    where = devices_for(device)
    precision = dtype_for(dtype, where[0])
    checkpoint = open_checkpoint(weights or card.hub, layout=_LAYOUT)
    config = model_config(checkpoint)
    processor = _processor(checkpoint, config)
    needed = ((VQ_KEYS, _VQ_HUB), *([(CLIP_KEYS, _CLIP_HUB)] if config.clip is not None else []))
    for prefix, hub in needed:
        inside = any(key.startswith(prefix) for key in checkpoint.shapes())
        own = checkpoint.folder / last_part(hub)
        if not inside:
            part = open_checkpoint(_beside(checkpoint.folder, hub) or hub, layout=_PARTS[prefix])
            checkpoint = joined(checkpoint, part, prefix)
        elif own.is_dir() and any(map(is_weights, own.iterdir())):
            part = open_checkpoint(own, layout=_PARTS[prefix])
            require_one(checkpoint, part, prefix, last_part(hub))
    network = load_network(checkpoint, config, devices=where, dtype=precision)
    return _joined(checkpoint.on(card), network, processor)


@in_words
def start(card: ModelCard, folder: str | Path, *, seed: int) -> ShowO:
    """An untrained model, in float32 on the CPU, with the sizes and the tokenizer that a folder's files give.

    Raises:
        CheckpointError: a file is missing, or sizes do not fit each other.
    """
    files = files_in(Path(folder))
    config = model_config(files)
    return _joined(card, fresh_network(config, seed), _processor(files, config))


def save(model: ShowO, path: str | Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes all weights as one safetensors file under the authors' names, in `dtype` (default: as they are).

    Those of the picture tokenizer stand behind `vq.`, those of the CLIP tower behind `clip.`.
    """
    state = published(AUTHORS, model.network.state_dict())
    save_shard(Path(path), state, dtype)


def companions(folder: Path) -> list[Path]:
    """Folders inside or beside a checkpoint's that hold sizes or the tokenizer."""
    names = (*_llm(folder), _VQ_HUB, _CLIP_HUB)
    return [place for name in names if (place := _beside(folder, name)) is not None]


def _llm(folder: Path) -> tuple[str, ...]:
    content = files_in(folder).optional_json("config.json") or {}
    return (str(content.get("llm_model_path") or _LLM_HUB),)


def _joined(card: ModelCard, network: ShowONetwork, processor: Processor) -> ShowO:
    config = network.config
    defaults = {**DEFAULTS, **card.defaults}
    drawing = Drawing(int(defaults["steps"]), defaults["guidance"], defaults["temperature"])
    card = replace(
        card,
        parameters=round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 3),
        image_size=config.image_size,
        image_tokens=config.places,
    )
    return ShowO(card, network, processor, drawing)


def model_config(checkpoint: Checkpoint) -> ShowOConfig:
    """The configuration, with sizes from folders beside the checkpoint where there are any."""
    content = checkpoint.json("config.json")
    folder = checkpoint.folder
    return network_config(
        content,
        str(folder / "config.json"),
        llm=_sizes(checkpoint, str(content.get("llm_model_path") or _LLM_HUB)) or PHI,
        vq=_sizes(checkpoint, _VQ_HUB) or MAGVIT,
        vision=_sizes(checkpoint, _CLIP_HUB) or CLIP,
    )


def _processor(checkpoint: Checkpoint, config: ShowOConfig) -> Processor:
    """The processor, with the tokenizer of the folder, of one beside it, or of the hub."""
    name = str((checkpoint.optional_json("config.json") or {}).get("llm_model_path") or _LLM_HUB)
    files = checkpoint
    if not (checkpoint.folder / "tokenizer.json").is_file():
        beside = _beside(checkpoint.folder, name)
        hub = name if _HUB_ID.fullmatch(name) else _LLM_HUB
        path = companion(beside or checkpoint.folder, "tokenizer.json", hub)
        files = checkpoint.at(path.parent)
    return load_processor(files, config)


def _beside(folder: Path, name: str) -> Path | None:
    """The folder that holds a part's files, inside or beside a checkpoint's; None when there is none."""
    last = last_part(name)
    return next((path for path in (folder / last, folder.parent / last) if (path / "config.json").is_file()), None)


def _sizes(checkpoint: Checkpoint, name: str) -> dict[str, Any] | None:
    beside = _beside(checkpoint.folder, name)
    if beside is None:
        return None
    sizes = checkpoint.at(beside).json("config.json")
    # The published configuration of the picture tokenizer has no sizes.
    return sizes if sizes.keys() - {"_class_name", "_diffusers_version"} else None
