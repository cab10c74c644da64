"""Harmon models from folders and back: published checkpoints, and tiny models of the same layout.

These are: the transformers layout (safetensors, whole or in parts, the autoencoder included); and the authors' own,
which RecA uses too: one `.pth` without the autoencoder, which comes from `kl16.ckpt` beside it. What the latter layout
lacks, sizes and tokenizer, is that of the size in the card's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint, Layout, open_checkpoint
from unispect.models.companions import Part, around, companion, with_part
from unispect.models.harmon.card import DEFAULTS
from unispect.models.harmon.config import PUBLISHED, HarmonConfig, network_config
from unispect.models.harmon.drawing import DrawSettings
from unispect.models.harmon.keys import STACKS, TEXT_HEAD, TOKENS, authors_table
from unispect.models.harmon.model import Harmon
from unispect.models.harmon.network import HarmonNetwork, initialise
from unispect.models.harmon.processing import Processor, load_processor
from unispect.models.keys import Tied
from unispect.models.loading import Family, Found
from unispect.models.processing.tokenizer import require_rows
from unispect.models.sets import USUAL

_AUTOENCODER = Part("the pixel autoencoder", "vae.", ("encoder.down.",), "wusize/harmon", files=("kl16.ckpt",))
_TOKENIZER = "Qwen2.5-{}-Instruct"
_ORIGINAL = ("harmon_0.5b.pth", "harmon_1.5b.pth", "harmon_1.5b-o.pth")
"""Names in the authors' repository, all of which may lie in one folder: the card says which size is meant."""
_LAYOUT = Layout(
    known=("llm.model.layers.",),
    usual=(*USUAL, *_ORIGINAL),
    apart=_AUTOENCODER.files,
    beside=_AUTOENCODER.files,
)


def _open(card: ModelCard, source: str | Path) -> Checkpoint:
    """The weights of the card's size; the authors' repository holds those of others beside them."""
    own = f"harmon_{_size(card)}.pth"
    others = tuple(name for name in _ORIGINAL if name != own)
    layout = replace(_LAYOUT, usual=(*USUAL, own), apart=(*_LAYOUT.apart, *others))
    return open_checkpoint(source, layout=layout)


def _read(card: ModelCard, checkpoint: Checkpoint) -> Found:
    config = _config(card, checkpoint)
    whole, _ = with_part(checkpoint, _AUTOENCODER)
    return Found(whole, config, _processor(card, checkpoint, config))


def _model(card: ModelCard, network: HarmonNetwork, processor: Processor) -> Harmon:
    config, defaults = network.config, {**DEFAULTS, **card.defaults}
    side = card.image_size // config.vae.stride
    steps = defaults.get("diffusion_steps")
    drawing = DrawSettings(
        grid=(side, side),
        iterations=min(int(defaults["iterations"]), side**2),
        guidance=defaults["guidance"],
        temperature=defaults["temperature"],
        diffusion_steps=config.mar.diffusion_steps if steps is None else str(int(steps)),
    )
    return Harmon(replace(card, image_tokens=side**2), network, processor, drawing)


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
    if size:
        name = _TOKENIZER.format(size.upper())
        path = companion(
            checkpoint.folder, "tokenizer.json", f"Qwen/{name}", around(checkpoint.folder, name), checkpoint.ledger
        )
        files = checkpoint.at(path.parent)
    places = (card.image_size // config.vae.stride) ** 2
    processor = load_processor(files, size=card.image_size, picture_tokens=places, buffers=config.mar.buffers)
    require_rows(processor.tokenizer, int(config.text.vocab_size), files.folder / "tokenizer.json")
    return processor


def _size(card: ModelCard) -> str:
    """The published size that a card's name says; empty for others."""
    return next((size for size in PUBLISHED if card.id.startswith(f"harmon-{size}")), "")


def _companions(folder: Path) -> Iterator[Path]:
    """The tokenizer's folder."""
    for size in PUBLISHED:
        yield from (place for place in around(folder, _TOKENIZER.format(size.upper())) if place.is_dir())


FAMILY = Family(
    open=_open,
    layout=_LAYOUT,
    read=_read,
    build=HarmonNetwork,
    table=lambda config, checkpoint: authors_table(config),
    stacks=STACKS,
    model=_model,
    initialise=initialise,
    tied=lambda config, checkpoint: (
        Tied(TEXT_HEAD, TOKENS, "llm.tie_word_embeddings") if config.text.tie_word_embeddings else None
    ),
    companions=_companions,
)
load, start, save = FAMILY.load, FAMILY.start, FAMILY.save
