"""Harmon models from folders and back: published checkpoints, and tiny models of the same layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.building import in_words
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
from unispect.models.harmon.card import DEFAULTS
from unispect.models.harmon.config import PUBLISHED, HarmonConfig, network_config
from unispect.models.harmon.drawing import Drawing
from unispect.models.harmon.keys import authors_table
from unispect.models.harmon.model import Harmon
from unispect.models.harmon.network import HarmonNetwork, fresh_network, load_network
from unispect.models.harmon.processing import Processor, load_processor
from unispect.models.keys import published
from unispect.models.processing.tokenizer import require_rows
from unispect.models.sets import USUAL
from unispect.models.shards import save_shard

_AUTOENCODER = "kl16.ckpt"
_ORIGINAL_HUB = "wusize/harmon"
_TOKENIZER_HUB = "Qwen/Qwen2.5-{}-Instruct"
_VAE = "vae."
_AUTOENCODER_KNOWN = ("encoder.down.",)
_ORIGINAL = ("harmon_0.5b.pth", "harmon_1.5b.pth", "harmon_1.5b-o.pth")
"""Names in the authors' repository, all of which may lie in one folder: the card says which size is meant."""


@in_words
def load(card: ModelCard, weights: str | Path = "", *, device: str = "auto", dtype: str = "auto") -> Harmon:
    """A Harmon model from a checkpoint folder or hub id (default: the card's), in any published layout.

    These are: the transformers layout (safetensors, whole or in parts, the autoencoder included); and the authors' own,
    which RecA uses too: one `.pth` without the autoencoder, which comes from `kl16.ckpt` beside it. What the latter
    layout lacks, sizes and tokenizer, is that of the size in the card's name.

    Raises:
        CheckpointError: the checkpoint is incomplete, damaged or another model's; names key and file.
        UsageError: no such folder, device or dtype.
    """
    where = devices_for(device)
    precision = dtype_for(dtype, where[0])
    checkpoint = open_checkpoint(weights or card.hub, layout=_layout(card))
    config = _config(card, checkpoint)
    checkpoint = _with_autoencoder(checkpoint)
    processor = _processor(card, checkpoint, config)
    network = load_network(checkpoint, config, devices=where, dtype=precision)
    return _joined(checkpoint.on(card), network, processor)


@in_words
def start(card: ModelCard, folder: str | Path, *, seed: int) -> Harmon:
    """An untrained model, in float32 on the CPU, with the sizes and the tokenizer that a folder's files give.

    Raises:
        CheckpointError: a file is missing, or sizes do not fit each other.
    """
    files = files_in(Path(folder))
    config = _config(card, files)
    processor = _processor(card, files, config)
    return _joined(card, fresh_network(config, seed), processor)


def save(model: Harmon, path: str | Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes the weights as one safetensors file under the authors' names, in `dtype` (default: as they are)."""
    state = published(authors_table(model.network.config), model.network.state_dict())
    save_shard(Path(path), state, dtype)


def _joined(card: ModelCard, network: HarmonNetwork, processor: Processor) -> Harmon:
    config = network.config
    side = card.image_size // config.vae.stride
    defaults = {**DEFAULTS, **card.defaults}
    steps = defaults.get("diffusion_steps")
    drawing = Drawing(
        grid=(side, side),
        iterations=min(int(defaults["iterations"]), side**2),
        guidance=defaults["guidance"],
        temperature=defaults["temperature"],
        diffusion_steps=config.mar.diffusion_steps if steps is None else str(int(steps)),
    )
    parameters = round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 3)
    return Harmon(replace(card, parameters=parameters, image_tokens=side**2), network, processor, drawing)


def _config(card: ModelCard, checkpoint: Checkpoint) -> HarmonConfig:
    where = str(checkpoint.folder / "config.json")
    size = _size(card)
    content = checkpoint.optional_json("config.json") or PUBLISHED.get(size) or checkpoint.json("config.json")
    config = network_config(content, where)
    if card.image_size % config.vae.stride:
        raise CheckpointError(
            f"{where}: pictures of {card.id} have {card.image_size} pixels, no multiple of the autoencoder's "
            f"{config.vae.stride}"
        )
    return config


def _processor(card: ModelCard, checkpoint: Checkpoint, config: HarmonConfig) -> Processor:
    files, size = checkpoint, _size(card)
    if size and not (checkpoint.folder / "tokenizer.json").is_file():
        path = companion(checkpoint.folder, "tokenizer.json", _TOKENIZER_HUB.format(size.upper()))
        files = checkpoint.at(path.parent)
    places = (card.image_size // config.vae.stride) ** 2
    processor = load_processor(files, size=card.image_size, picture_tokens=places, buffers=config.mar.buffers)
    require_rows(processor.tokenizer, int(config.text.vocab_size), files.folder / "tokenizer.json")
    return processor


def _size(card: ModelCard) -> str:
    """The published size that a card's name says; empty for others."""
    return next((size for size in PUBLISHED if card.id.startswith(f"harmon-{size}")), "")


def _layout(card: ModelCard) -> Layout:
    """How weights of the card's size are published; the authors' repository holds those of others beside them."""
    own = f"harmon_{_size(card)}.pth"
    others = tuple(name for name in _ORIGINAL if name != own)
    return Layout(("llm.model.layers.",), (*USUAL, own), (_AUTOENCODER, *others))


def _with_autoencoder(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with its autoencoder's keys where the transformers layout has them."""
    inside = any(key.startswith(_VAE) for key in checkpoint.shapes())
    beside = checkpoint.folder / _AUTOENCODER
    if inside and not beside.is_file():
        return checkpoint
    part = single(companion(checkpoint.folder, _AUTOENCODER, _ORIGINAL_HUB), _AUTOENCODER_KNOWN)
    if inside:
        require_one(checkpoint, part, _VAE, "the pixel autoencoder")
        return checkpoint
    return joined(checkpoint, part, _VAE)
