"""Janus-Pro models from folders and back: both published layouts, and tiny models of the authors'."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from transformers.models.janus.configuration_janus import JanusConfig
from transformers.models.janus.modeling_janus import JanusForConditionalGeneration
from transformers.models.llama.configuration_llama import LlamaConfig

from unispect.core.cards import ModelCard
from unispect.models.checkpoint import Checkpoint, Layout
from unispect.models.janus_pro.card import DEFAULTS
from unispect.models.janus_pro.config import is_rehosted, network_config
from unispect.models.janus_pro.drawing import DrawSettings
from unispect.models.janus_pro.keys import AUTHORS, REHOSTED, STACKS
from unispect.models.janus_pro.model import JanusPro
from unispect.models.janus_pro.network import build, drawn_side, seen_size, stride
from unispect.models.janus_pro.processing import Processor, load_processor
from unispect.models.keys import KeyTable
from unispect.models.loading import Family, Found
from unispect.models.processing.dialogue import require_sizes

_LAYOUT = Layout(known=("language_model.model.layers.", "model.language_model.layers."))


def _read(card: ModelCard, checkpoint: Checkpoint) -> Found:
    processor = load_processor(checkpoint)
    content = checkpoint.json("config.json")
    config = network_config(content, processor.special.image, str(checkpoint.folder / "config.json"))
    size, tokens = seen_size(config)
    if is_rehosted(content):  # transformers writes 576 into the processor's file whatever the model
        processor = replace(processor, image_tokens=tokens)
    rows = cast(LlamaConfig, config.text_config).vocab_size
    require_sizes(checkpoint, processor, size=size, tokens=tokens, rows=rows)
    return Found(checkpoint, config, processor)


def _table(config: JanusConfig, checkpoint: Checkpoint) -> KeyTable:
    """Names of the layout that the `config.json` beside the weights is of."""
    return REHOSTED if is_rehosted(checkpoint.optional_json("config.json") or {}) else AUTHORS


def _model(card: ModelCard, network: JanusForConditionalGeneration, processor: Processor) -> JanusPro:
    config, defaults = network.config, {**DEFAULTS, **card.defaults}
    side = drawn_side(config)
    sized = replace(card, image_size=side * stride(config), image_tokens=side**2)
    drawing = DrawSettings((side, side), guidance=defaults["guidance"], temperature=defaults["temperature"])
    return JanusPro(sized, network, processor, drawing)


FAMILY = Family(
    read=_read,
    build=build,
    table=_table,
    stacks=STACKS,
    model=_model,
    layout=_LAYOUT,
)
load, start, save = FAMILY.load, FAMILY.start, FAMILY.save
