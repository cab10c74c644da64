"""Toys from folders and back."""

from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.models.checkpoint import Checkpoint, Layout
from unispect.models.loading import Family, Found

from .model import Drawing, Toy
from .network import STACKS, ToyNetwork, read_config
from .processing import Processor, bytes_tokenizer


def _read(card: ModelCard, checkpoint: Checkpoint) -> Found:
    config = read_config(checkpoint.json("config.json"), str(checkpoint.folder / "config.json"))
    return Found(checkpoint, config, Processor(bytes_tokenizer(), config.side * config.patch, config.side**2))


def _model(card: ModelCard, network: ToyNetwork, processor: Processor) -> Toy:
    sized = replace(card, image_size=processor.size, image_tokens=processor.patches)
    return Toy(sized, network, processor, Drawing(card.defaults["guidance"], card.defaults["temperature"]))


FAMILY = Family(
    read=_read,
    build=ToyNetwork,
    stacks=STACKS,
    model=_model,
    layout=Layout(known=("backbone.layers.",)),
)
load, start, save = FAMILY.load, FAMILY.start, FAMILY.save
