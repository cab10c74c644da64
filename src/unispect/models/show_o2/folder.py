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

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint, Layout, files_in
from unispect.models.companions import Part, around, companion, holder, with_part
from unispect.models.config_sections import last_part
from unispect.models.keys import Tied
from unispect.models.loading import Family, Found
from unispect.models.processing.tokenizer import require_rows
from unispect.models.show_o2.card import DEFAULTS, PIXEL_DECODER
from unispect.models.show_o2.config import (
    LANGUAGE_MODELS,
    VISION_ENCODERS,
    ShowO2Config,
    check_family,
    network_config,
)
from unispect.models.show_o2.drawing import DrawSettings
from unispect.models.show_o2.keys import AUTOENCODER, STACKS, TEXT_HEAD, TOKENS, authors_table
from unispect.models.show_o2.model import ShowO2
from unispect.models.show_o2.network import ShowO2Network, initialise
from unispect.models.show_o2.processing import Processor, load_processor

_VAE_FILES = ("Wan2.1_VAE.pth", "Wan2.1_VAE.safetensors")
_VAE_SIZES = "wan_vae_config.json"
_VAE = Part(
    "the pixel autoencoder",
    AUTOENCODER,
    ("encoder.conv1.", "encoder.conv_in."),
    PIXEL_DECODER,
    files=_VAE_FILES,
    folder="vae",
)
_LAYOUT = Layout(known=("showo.model.layers.",), apart=_VAE_FILES, beside=_VAE_FILES, folders=(_VAE.folder,))


def _read(card: ModelCard, checkpoint: Checkpoint) -> Found:
    content = checkpoint.json("config.json")
    check_family(content, str(checkpoint.folder / "config.json"))
    whole, part = with_part(checkpoint, _VAE)
    sizes = content.get("vae_config") or (part.json("config.json") if part else _sizes(checkpoint))
    config = _config(checkpoint, content, sizes)
    return Found(whole, config, _processor(checkpoint, content, config))


def _model(card: ModelCard, network: ShowO2Network, processor: Processor) -> ShowO2:
    config, defaults = network.config, {**DEFAULTS, **card.defaults}
    rows, columns = config.grid
    size = int(defaults.get("image_size", rows * config.cell))
    if "image_size" in defaults:
        rows = columns = size // config.cell
    if rows != columns:
        raise CheckpointError(f"{card.id} draws {rows} x {columns} positions by default, but the port needs a square")
    sized = replace(card, image_size=rows * config.cell, image_tokens=rows * columns)
    drawing = DrawSettings((rows, columns), guidance=defaults["guidance"], steps=int(defaults["steps"]))
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
    """Sizes of a companion: of a section of our own, its folder, what is known of the published one, or the base's."""
    if isinstance(content.get(section), Mapping):
        return content[section]
    name = last_part(content.get(path))
    found = holder(around(checkpoint.folder, name), "config.json")
    if found:
        return checkpoint.at(found).json("config.json")
    if name in known:
        return known[name]
    lender = checkpoint.holding(f"{name}/config.json") if name else checkpoint
    if lender is not checkpoint:
        return lender.json(f"{name}/config.json")
    raise CheckpointError(
        f"{checkpoint.folder / 'config.json'}: {path} is {content.get(path)!r}, whose sizes are unknown; put its "
        f"config.json into folder {name or '...'!r} there"
    )


def _processor(checkpoint: Checkpoint, content: Mapping[str, Any], config: ShowO2Config) -> Processor:
    rows, columns = config.grid
    if rows != columns:
        raise CheckpointError(f"{checkpoint.folder / 'config.json'}: pictures of {rows} x {columns} are not square")
    files = _tokenizer(checkpoint, last_part(content.get("llm_model_path")))
    processor = load_processor(files, size=rows * config.cell, picture_tokens=rows * columns)
    require_rows(processor.tokenizer, int(config.text.vocab_size), files.folder / "tokenizer.json")
    return processor


def _tokenizer(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """The folder that holds the tokenizer."""
    folder, folders = checkpoint.folder, around(checkpoint.folder, name)
    if name not in LANGUAGE_MODELS and not holder((folder, *folders), "tokenizer.json"):
        raise CheckpointError(f"{folder} holds no tokenizer.json; put that of {name or 'its language model'} there")
    return checkpoint.at(companion(folder, "tokenizer.json", f"Qwen/{name}", folders, checkpoint.ledger).parent)


def _sizes(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """The autoencoder's sizes where a file gives them; the published ones are the defaults of its class."""
    found = holder((checkpoint.folder, checkpoint.folder.parent), _VAE_SIZES)
    return checkpoint.at(found).json(_VAE_SIZES) if found else {}


def _companions(folder: Path) -> Iterator[Path]:
    """Folders inside or beside a checkpoint's, and files beside it, that hold sizes or the tokenizer."""
    content = files_in(folder).optional_json("config.json") or {}
    names = [last_part(content.get(key)) for key in ("llm_model_path", "clip_pretrained_model_path")]
    folders = [found for name in (*names, _VAE.folder) for found in around(folder, name)]
    yield from (found for found in (*folders, folder.parent / _VAE_SIZES) if found.exists())


FAMILY = Family(
    read=_read,
    build=ShowO2Network,
    table=lambda config, checkpoint: authors_table(config),
    stacks=STACKS,
    model=_model,
    layout=_LAYOUT,
    initialise=initialise,
    tied=lambda config, checkpoint: (
        Tied(TEXT_HEAD, TOKENS, "llm_config.tie_word_embeddings") if config.text.tie_word_embeddings else None
    ),
    companions=_companions,
)
load, start, save = FAMILY.load, FAMILY.start, FAMILY.save
