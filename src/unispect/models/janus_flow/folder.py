"""JanusFlow models from folders and back: published checkpoints, and tiny models of the same layout.

The pixel autoencoder is published by itself. It is looked for as folder `sdxl-vae` in the model's folder, then beside
it, then on the hub. `save` puts its weights into the model's own file, and only its `config.json` stays in `sdxl-vae`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.building import in_words
from unispect.models.checkpoint import Checkpoint, Layout, files_in, joined, open_checkpoint, require_one
from unispect.models.devices import devices_for, dtype_for
from unispect.models.janus_flow.card import DEFAULTS, PIXEL_DECODER
from unispect.models.janus_flow.config import JanusFlowConfig, check_family, network_config
from unispect.models.janus_flow.drawing import Drawing
from unispect.models.janus_flow.keys import AUTHORS, AUTOENCODER
from unispect.models.janus_flow.model import JanusFlow
from unispect.models.janus_flow.network import JanusFlowNetwork, fresh_network, load_network
from unispect.models.janus_flow.processing import load_processor
from unispect.models.json_file import write_json
from unispect.models.keys import published
from unispect.models.processing.dialogue import Dialogue
from unispect.models.processing.tokenizer import require_rows
from unispect.models.sets import is_weights
from unispect.models.shards import save_shard

_PART = "sdxl-vae"
_LAYOUT = Layout(known=("language_model.model.layers.",))
_PART_LAYOUT = Layout(known=("encoder.down_blocks.",))


@in_words
def load(card: ModelCard, weights: str | Path = "", *, device: str = "auto", dtype: str = "auto") -> JanusFlow:
    """A JanusFlow model from a checkpoint folder or hub id (default: the card's).

    Raises:
        CheckpointError: the checkpoint or its pixel autoencoder is incomplete, damaged or another model's; names key
            and file.
        UsageError: no such folder, device or dtype.
    """
    where = devices_for(device)
    precision = dtype_for(dtype, where[0])
    checkpoint = open_checkpoint(weights or card.hub, layout=_LAYOUT)
    content = checkpoint.json("config.json")
    check_family(content, str(checkpoint.folder / "config.json"))
    processor = load_processor(checkpoint)
    whole, autoencoder = _with_autoencoder(checkpoint)
    config = network_config(content, autoencoder, str(checkpoint.folder / "config.json"))
    _check_sizes(checkpoint, config, processor)
    network = load_network(whole, config, devices=where, dtype=precision)
    return _joined(whole.on(card), network, processor)


@in_words
def start(card: ModelCard, folder: str | Path, *, seed: int) -> JanusFlow:
    """An untrained model, in float32 on the CPU, with the sizes and the processor that a folder's files give.

    The folder holds all files of the published layout but the weights, the pixel autoencoder's as `sdxl-vae`.

    Raises:
        CheckpointError: a file is missing, or sizes do not fit each other.
    """
    files = files_in(Path(folder))
    processor = load_processor(files)
    config = network_config(
        files.json("config.json"), files.json(f"{_PART}/config.json"), str(files.folder / "config.json")
    )
    _check_sizes(files, config, processor)
    network = fresh_network(config, seed)
    return _joined(card, network, processor)


def save(model: JanusFlow, path: str | Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes all weights as one safetensors file, in `dtype` (default: as they are).

    The model's stand under the authors' names, the pixel autoencoder's under its own names behind `vae.`; its sizes
    are written where `load` looks for them, if nothing is there.
    """
    sizes = Path(path).parent / _PART / "config.json"
    if not sizes.exists():
        if sizes.parent.is_symlink():
            sizes.parent.unlink()
        sizes.parent.mkdir(exist_ok=True)
        write_json(sizes, model.network.config.autoencoder)
    state = published(AUTHORS, model.network.state_dict())
    save_shard(Path(path), state, dtype)


def _joined(card: ModelCard, network: JanusFlowNetwork, processor: Dialogue) -> JanusFlow:
    """The model with its card's settings, and the card with the sizes of the network that was really loaded."""
    config, defaults = network.config, {**DEFAULTS, **card.defaults}
    side = config.grid
    parameters = round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 3)
    sized = replace(card, parameters=parameters, image_size=side * config.cell, image_tokens=side**2)
    drawing = Drawing((side, side), guidance=defaults["guidance"], steps=int(defaults["steps"]))
    return JanusFlow(sized, network, processor, drawing)


def _with_autoencoder(checkpoint: Checkpoint) -> tuple[Checkpoint, Mapping[str, Any]]:
    """The checkpoint together with the pixel autoencoder's weights, and the latter's configuration."""
    folder = checkpoint.folder
    if any(key.startswith(AUTOENCODER) for key in checkpoint.shapes()):
        if any(map(is_weights, (folder / _PART).glob("*"))):
            part = open_checkpoint(folder / _PART, layout=_PART_LAYOUT)
            require_one(checkpoint, part, AUTOENCODER, "the pixel autoencoder")
        return checkpoint, checkpoint.json(f"{_PART}/config.json")
    places = (place for place in (folder / _PART, folder.parent / _PART) if place.is_dir())
    place = next(places, None)
    try:
        part = open_checkpoint(place or PIXEL_DECODER, layout=_PART_LAYOUT)
    except CheckpointError as error:
        if place:
            raise
        raise CheckpointError(
            f"{folder} holds no pixel autoencoder, without which {checkpoint.folder.name} cannot draw: put "
            f"{PIXEL_DECODER} into it, or beside it, as folder {_PART!r} ({error})"
        ) from error
    return joined(checkpoint, part, AUTOENCODER), part.json("config.json")


def _check_sizes(checkpoint: Checkpoint, config: JanusFlowConfig, processor: Dialogue) -> None:
    for name, found, needed in (
        ("processor_config.json: num_image_tokens", processor.image_tokens, config.vision.num_image_tokens),
        ("preprocessor_config.json: image_size", processor.picture.size, config.image_size),
    ):
        if found != needed:
            raise CheckpointError(f"{checkpoint.folder}: {name} is {found}, but config.json implies {needed}")
    require_rows(processor.tokenizer, config.language.vocab_size, checkpoint.folder / "tokenizer.json")
