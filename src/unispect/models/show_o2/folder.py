"""Show-o2 models from folders and back: published checkpoints, and tiny models of the same layout.

A published folder holds `config.json` and weights, and names its companions: the language model (sizes and tokenizer)
and the vision encoder (sizes). Each is looked for as a folder of that name in the model's folder, then beside it; the
published ones' sizes are known, and their tokenizer comes from the hub. So does the pixel autoencoder, which is looked
for as `Wan2.1_VAE.pth`, `Wan2.1_VAE.safetensors` or folder `vae` (diffusers) in the same places.

`save` puts all weights into one file; `config.json` then holds all sizes, and `tokenizer.json` stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from unispect.models.config_sections import last_part
from unispect.models.devices import devices_for, dtype_for
from unispect.models.keys import published
from unispect.models.processing.tokenizer import require_rows
from unispect.models.shards import save_shard
from unispect.models.show_o2.card import DEFAULTS, PIXEL_DECODER
from unispect.models.show_o2.config import (
    LANGUAGE_MODELS,
    VISION_ENCODERS,
    ShowO2Config,
    check_family,
    network_config,
)
from unispect.models.show_o2.drawing import Drawing
from unispect.models.show_o2.keys import AUTOENCODER, authors_table
from unispect.models.show_o2.model import ShowO2
from unispect.models.show_o2.network import ShowO2Network, fresh_network, load_network
from unispect.models.show_o2.processing import Processor, load_processor

_VAE = "Wan2.1_VAE.pth"
_VAE_FILES = (_VAE, "Wan2.1_VAE.safetensors")
_VAE_SIZES = "wan_vae_config.json"
_VAE_FOLDER = "vae"
_VAE_KNOWN = ("encoder.conv1.", "encoder.conv_in.")
_LAYOUT = Layout(known=("showo.model.layers.",), apart=_VAE_FILES)


@in_words
def load(card: ModelCard, weights: str | Path = "", *, device: str = "auto", dtype: str = "auto") -> ShowO2:
    """A Show-o2 model from a checkpoint folder or hub id (default: the card's).

    Raises:
        CheckpointError: the checkpoint or one of its companions is incomplete, damaged or another model's; names key
            and file.
        UsageError: no such folder, device or dtype.
    """
    where = devices_for(device)
    precision = dtype_for(dtype, where[0])
    checkpoint = open_checkpoint(weights or card.hub, layout=_LAYOUT)
    content = checkpoint.json("config.json")
    check_family(content, str(checkpoint.folder / "config.json"))
    whole, autoencoder = _with_autoencoder(checkpoint, content)
    config = _config(checkpoint, content, autoencoder)
    processor = _processor(checkpoint, content, config)
    network = load_network(whole, config, devices=where, dtype=precision)
    return _joined(whole.on(card), network, processor)


@in_words
def start(card: ModelCard, folder: str | Path, *, seed: int) -> ShowO2:
    """An untrained model, in float32 on the CPU, with the sizes and the tokenizer that a folder's files give.

    Raises:
        CheckpointError: a file is missing, or sizes do not fit each other.
    """
    files = files_in(Path(folder))
    content = files.json("config.json")
    config = _config(files, content, content.get("vae_config") or _sizes(files))
    processor = _processor(files, content, config)
    return _joined(card, fresh_network(config, seed), processor)


def save(model: ShowO2, path: str | Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes all weights as one safetensors file under the authors' names, in `dtype` (default: as they are)."""
    state = published(authors_table(model.network.config), model.network.state_dict())
    save_shard(Path(path), state, dtype)


def companions(folder: Path) -> list[Path]:
    """Folders inside or beside a checkpoint's, and files beside it, that hold sizes or the tokenizer."""
    content = files_in(folder).optional_json("config.json") or {}
    names = [_name(content, key) for key in ("llm_model_path", "clip_pretrained_model_path")]
    places = [place for name in (*names, _VAE_FOLDER) for place in _places(folder, name)]
    return [place for place in (*places, folder.parent / _VAE_SIZES) if place.exists()]


def _joined(card: ModelCard, network: ShowO2Network, processor: Processor) -> ShowO2:
    config = network.config
    defaults = {**DEFAULTS, **card.defaults}
    rows, columns = config.grid
    size = int(defaults.get("image_size", rows * config.cell))
    if "image_size" in defaults:
        rows = columns = size // config.cell
    if rows != columns:
        raise CheckpointError(f"{card.id} draws {rows} x {columns} positions by default, but the port needs a square")
    parameters = round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 3)
    sized = replace(card, parameters=parameters, image_size=rows * config.cell, image_tokens=rows * columns)
    drawing = Drawing((rows, columns), guidance=defaults["guidance"], steps=int(defaults["steps"]))
    return ShowO2(sized, network, processor, drawing)


def _config(checkpoint: Checkpoint, content: Mapping[str, Any], autoencoder: Mapping[str, Any]) -> ShowO2Config:
    return network_config(
        content,
        language=_part(checkpoint, content, "llm_config", "llm_model_path", LANGUAGE_MODELS),
        vision=_part(checkpoint, content, "clip_config", "clip_pretrained_model_path", VISION_ENCODERS),
        autoencoder=autoencoder,
        where=str(checkpoint.folder / "config.json"),
    )


def _part(
    checkpoint: Checkpoint,
    content: Mapping[str, Any],
    section: str,
    path: str,
    known: Mapping[str, Mapping[str, Any]],
) -> Mapping[str, Any]:
    """Sizes of a companion: from a section of our own, its folder, or what is known of the published one."""
    if isinstance(content.get(section), Mapping):
        return content[section]
    name = _name(content, path)
    for place in _places(checkpoint.folder, name):
        if (place / "config.json").is_file():
            return checkpoint.at(place).json("config.json")
    if name in known:
        return known[name]
    raise CheckpointError(
        f"{checkpoint.folder / 'config.json'}: {path} is {content.get(path)!r}, whose sizes are unknown; put its "
        f"config.json into folder {name or '...'!r} there"
    )


def _processor(checkpoint: Checkpoint, content: Mapping[str, Any], config: ShowO2Config) -> Processor:
    rows, columns = config.grid
    if rows != columns:
        raise CheckpointError(f"{checkpoint.folder / 'config.json'}: pictures of {rows} x {columns} are not square")
    files = _tokenizer(checkpoint, _name(content, "llm_model_path"))
    processor = load_processor(files, size=rows * config.cell, picture_tokens=rows * columns)
    require_rows(processor.tokenizer, int(config.text.vocab_size), files.folder / "tokenizer.json")
    return processor


def _tokenizer(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """The folder that holds the tokenizer."""
    folder = checkpoint.folder
    for place in (folder, *_places(folder, name)):
        if (place / "tokenizer.json").is_file():
            return checkpoint.at(place)
    if name not in LANGUAGE_MODELS:
        raise CheckpointError(f"{folder} holds no tokenizer.json; put that of {name or 'its language model'} there")
    return checkpoint.at(companion(folder, "tokenizer.json", f"Qwen/{name}").parent)


def _with_autoencoder(checkpoint: Checkpoint, content: Mapping[str, Any]) -> tuple[Checkpoint, Mapping[str, Any]]:
    """The checkpoint together with the pixel autoencoder's weights, and the latter's sizes."""
    folder, sizes = checkpoint.folder, content.get("vae_config")
    if any(key.startswith(AUTOENCODER) for key in checkpoint.shapes()):
        for name in _VAE_FILES:
            if (folder / name).is_file():
                part = single(folder / name, _VAE_KNOWN)
                require_one(checkpoint, part, AUTOENCODER, "the pixel autoencoder")
        return checkpoint, sizes or _sizes(checkpoint)
    for place in (folder, folder.parent):
        for name in _VAE_FILES:
            if (place / name).is_file():
                return _with_file(checkpoint, place / name), sizes or _sizes(checkpoint)
        if (place / _VAE_FOLDER / "config.json").is_file():
            part = open_checkpoint(place / _VAE_FOLDER, layout=Layout(known=_VAE_KNOWN))
            return joined(checkpoint, part, AUTOENCODER), sizes or part.json("config.json")
    return _with_file(checkpoint, companion(folder, _VAE, PIXEL_DECODER)), sizes or _sizes(checkpoint)


def _with_file(checkpoint: Checkpoint, path: Path) -> Checkpoint:
    return joined(checkpoint, single(path, _VAE_KNOWN), AUTOENCODER)


def _sizes(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """The autoencoder's sizes where a file gives them; the published ones are the defaults of its class."""
    for place in (checkpoint.folder, checkpoint.folder.parent):
        if (place / _VAE_SIZES).is_file():
            return checkpoint.at(place).json(_VAE_SIZES)
    return {}


def _places(folder: Path, name: str) -> Iterator[Path]:
    if name:
        yield folder / name
        yield folder.parent / name


def _name(content: Mapping[str, Any], key: str) -> str:
    """The last part of a path or hub id."""
    return last_part(content.get(key))
