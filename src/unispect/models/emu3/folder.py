"""Emu3 models from folders and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from transformers.models.emu3.configuration_emu3 import Emu3Config
from transformers.models.emu3.modeling_emu3 import Emu3ForConditionalGeneration

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint, Layout
from unispect.models.emu3.card import CARDS, DEFAULTS, NEGATIVE
from unispect.models.emu3.config import network_config
from unispect.models.emu3.drawing import DrawSettings, grid_of
from unispect.models.emu3.keys import PUBLISHED, STACKS, TODAY
from unispect.models.emu3.model import Emu3
from unispect.models.emu3.network import build, stride
from unispect.models.emu3.processing import Processor, load_processor, require_same_tokens
from unispect.models.keys import KeyTable
from unispect.models.loading import Family, Found
from unispect.models.processing.tokenizer import require_rows

_LAYOUT = Layout(known=("model.text_model.layers.", "text_model.model.layers."))


def _read(card: ModelCard, checkpoint: Checkpoint) -> Found:
    where = str(checkpoint.folder / "config.json")
    config = network_config(checkpoint.json("config.json"), where)
    processor = load_processor(checkpoint)
    text: Any = config.text_config
    vq: Any = config.vq_config
    assert config.vocabulary_map is not None
    require_same_tokens(processor, config.vocabulary_map, vq.codebook_size, where)
    require_rows(processor.tokenizer, text.vocab_size, checkpoint.folder / "tokenizer.json")
    if processor.picture.stride != stride(config):
        raise CheckpointError(
            f"{checkpoint.folder}: preprocessor_config.json says spatial_factor {processor.picture.stride}, but "
            f"config.json implies {stride(config)}"
        )
    return Found(checkpoint, config, processor)


def _table(config: Emu3Config, checkpoint: Checkpoint) -> KeyTable:
    """Names of the published files, or those that transformers saves today."""
    return PUBLISHED if any(key.startswith("text_model.") for key in checkpoint.shapes()) else TODAY


def _model(card: ModelCard, network: Emu3ForConditionalGeneration, processor: Processor) -> Emu3:
    defaults, side = {**DEFAULTS, **card.defaults}, stride(network.config)
    grid = grid_of(defaults["image_area"], (1, 1), side)
    drawing = DrawSettings(
        grid,
        guidance=defaults["guidance"],
        temperature=defaults["temperature"],
        top_k=int(defaults["top_k"]),
        negative=NEGATIVE if card.id in CARDS else "",  # only published weights were shown to follow one
    )
    sized = replace(card, image_size=grid[0] * side, image_tokens=grid[0] * grid[1])
    return Emu3(sized, network, processor, drawing)


FAMILY = Family(
    read=_read,
    build=build,
    table=_table,
    stacks=STACKS,
    model=_model,
    layout=_LAYOUT,
    exact=("model.vqmodel.",),  # as with the authors, whose picture tokenizer runs in float32
)
load, start, save = FAMILY.load, FAMILY.start, FAMILY.save
