"""Janus-Pro models from folders and back: published checkpoints, and tiny models of the same layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from transformers.models.janus.modeling_janus import JanusForConditionalGeneration

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.building import in_words
from unispect.models.checkpoint import Checkpoint, Layout, files_in, open_checkpoint
from unispect.models.devices import devices_for, dtype_for
from unispect.models.janus_pro.card import DEFAULTS
from unispect.models.janus_pro.config import is_rehosted, network_config
from unispect.models.janus_pro.drawing import Drawing
from unispect.models.janus_pro.keys import AUTHORS, REHOSTED
from unispect.models.janus_pro.model import JanusPro
from unispect.models.janus_pro.network import drawn_side, fresh_network, load_network, seen_size, stride
from unispect.models.janus_pro.processing import Processor, load_processor
from unispect.models.json_file import read_json
from unispect.models.keys import published
from unispect.models.processing.tokenizer import require_rows
from unispect.models.shards import save_shard

_LAYOUT = Layout(known=("language_model.model.layers.", "model.language_model.layers."))


@in_words
def load(card: ModelCard, weights: str | Path = "", *, device: str = "auto", dtype: str = "auto") -> JanusPro:
    """A Janus-Pro model from a checkpoint folder or hub id (default: the card's), in either published layout.

    Raises:
        CheckpointError: the checkpoint is incomplete, damaged or another model's; names key and file.
        UsageError: no such folder, device or dtype.
    """
    where = devices_for(device)
    precision = dtype_for(dtype, where[0])
    checkpoint = open_checkpoint(weights or card.hub, layout=_LAYOUT)
    processor = load_processor(checkpoint)
    content = checkpoint.json("config.json")
    config = network_config(content, processor.special.image, str(checkpoint.folder / "config.json"))
    rehosted = is_rehosted(content)
    network = load_network(checkpoint, config, rehosted=rehosted, devices=where, dtype=precision)
    if rehosted:  # transformers writes 576 into the processor's file whatever the model
        processor = replace(processor, image_tokens=seen_size(network)[1])
    _check_sizes(checkpoint, network, processor)
    return _joined(checkpoint.on(card), network, processor)


@in_words
def start(card: ModelCard, folder: str | Path, *, seed: int) -> JanusPro:
    """An untrained model, in float32 on the CPU, with the sizes and the processor that a folder's files give.

    The folder holds all files of the authors' layout but the weights.

    Raises:
        CheckpointError: a file is missing, or sizes do not fit each other.
    """
    files = files_in(Path(folder))
    processor = load_processor(files)
    config = network_config(files.json("config.json"), processor.special.image, str(files.folder / "config.json"))
    network = fresh_network(config, seed)
    _check_sizes(files, network, processor)
    return _joined(card, network, processor)


def save(model: JanusPro, path: str | Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes the weights as one safetensors file, in `dtype` (default: as they are).

    Names are the authors', or those of the transformers layout where `config.json` beside the file is of that.
    """
    beside = Path(path).parent / "config.json"
    rehosted = beside.is_file() and is_rehosted(read_json(beside))
    state = published(REHOSTED if rehosted else AUTHORS, model.network.state_dict())
    save_shard(Path(path), state, dtype)


def _joined(card: ModelCard, network: JanusForConditionalGeneration, processor: Processor) -> JanusPro:
    """The model with its card's settings, and the card with the sizes of the network that was really loaded."""
    side, defaults = drawn_side(network), {**DEFAULTS, **card.defaults}
    parameters = round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 3)
    sized = replace(card, parameters=parameters, image_size=side * stride(network), image_tokens=side**2)
    drawing = Drawing((side, side), guidance=defaults["guidance"], temperature=defaults["temperature"])
    return JanusPro(sized, network, processor, drawing)


def _check_sizes(checkpoint: Checkpoint, network: JanusForConditionalGeneration, processor: Processor) -> None:
    size, tokens = seen_size(network)
    for name, found, needed in (
        ("processor_config.json: num_image_tokens", processor.image_tokens, tokens),
        ("preprocessor_config.json: image_size", processor.picture.size, size),
    ):
        if found != needed:
            raise CheckpointError(f"{checkpoint.folder}: {name} is {found}, but config.json implies {needed}")
    require_rows(processor.tokenizer, network.lm_head.out_features, checkpoint.folder / "tokenizer.json")
