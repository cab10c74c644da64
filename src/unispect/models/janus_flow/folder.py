"""JanusFlow models from folders and back: published checkpoints, and tiny models of the same layout.

The pixel autoencoder is published by itself. It is looked for as folder `sdxl-vae` in the model's folder, then beside
it, then on the hub. `save` puts its weights into the model's own file, and only its `config.json` stays in `sdxl-vae`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from unispect.core.cards import ModelCard
from unispect.models.checkpoint import Checkpoint, Layout
from unispect.models.companions import Part, with_part
from unispect.models.janus_flow.card import DEFAULTS, PIXEL_DECODER
from unispect.models.janus_flow.config import check_family, network_config
from unispect.models.janus_flow.drawing import DrawSettings
from unispect.models.janus_flow.keys import AUTHORS, AUTOENCODER, STACKS
from unispect.models.janus_flow.model import JanusFlow
from unispect.models.janus_flow.network import JanusFlowNetwork
from unispect.models.janus_flow.processing import load_processor
from unispect.models.json_file import write_json
from unispect.models.loading import Family, Found
from unispect.models.processing.dialogue import Dialogue, require_sizes

_PART = Part("the pixel autoencoder", AUTOENCODER, ("encoder.down_blocks.",), PIXEL_DECODER, folder="sdxl-vae")
_LAYOUT = Layout(known=("language_model.model.layers.",), folders=(_PART.folder,))
_SIZES = f"{_PART.folder}/config.json"


def _read(card: ModelCard, checkpoint: Checkpoint) -> Found:
    content, where = checkpoint.json("config.json"), str(checkpoint.folder / "config.json")
    check_family(content, where)
    processor = load_processor(checkpoint)
    whole, part = with_part(checkpoint, _PART)
    sizes = part.json("config.json") if part else checkpoint.holding(_SIZES).json(_SIZES)
    config = network_config(content, sizes, where)
    tokens, rows = config.vision.num_image_tokens, config.language.vocab_size
    require_sizes(checkpoint, processor, size=config.image_size, tokens=tokens, rows=rows)
    return Found(whole, config, processor)


def _model(card: ModelCard, network: JanusFlowNetwork, processor: Dialogue) -> JanusFlow:
    config, defaults = network.config, {**DEFAULTS, **card.defaults}
    side = config.grid
    sized = replace(card, image_size=side * config.cell, image_tokens=side**2)
    drawing = DrawSettings((side, side), guidance=defaults["guidance"], steps=int(defaults["steps"]))
    return JanusFlow(sized, network, processor, drawing)


def _write_sizes(network: JanusFlowNetwork, folder: Path) -> None:
    """Writes the pixel autoencoder's sizes where `load` looks for them, if nothing is there."""
    sizes = folder / _SIZES
    if not sizes.exists():
        if sizes.parent.is_symlink():
            sizes.parent.unlink()
        sizes.parent.mkdir(exist_ok=True)
        write_json(sizes, network.config.autoencoder)


FAMILY = Family(
    read=_read,
    build=JanusFlowNetwork,
    table=lambda config, checkpoint: AUTHORS,
    stacks=STACKS,
    model=_model,
    layout=_LAYOUT,
    beside=_write_sizes,
)
load, start, save = FAMILY.load, FAMILY.start, FAMILY.save
