"""From a folder to a model and back."""

from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.models.checkpoint import Checkpoint, Layout
from unispect.models.loading import Family, Found

from .config import read_config
from .keys import KNOWN, STACKS, TABLE
from .model import Drawing, SkeletalModel
from .network import Network, initialise
from .processing import Processor, bytes_tokenizer


def _read(card: ModelCard, checkpoint: Checkpoint) -> Found:
    config = read_config(checkpoint.json("config.json"), str(checkpoint.folder / "config.json"))
    return Found(checkpoint, config, Processor(bytes_tokenizer(), config.side * config.patch, config.side**2))


def _model(card: ModelCard, network: Network, processor: Processor) -> SkeletalModel:
    sized = replace(card, image_size=processor.size, image_tokens=processor.positions)
    return SkeletalModel(sized, network, processor, Drawing.of(card))


FAMILY = Family(
    read=_read,
    build=Network,
    stacks=STACKS,
    model=_model,
    layout=Layout(known=KNOWN),
    table=lambda config, checkpoint: TABLE,
    initialise=initialise,
)
load, start, save = FAMILY.load, FAMILY.start, FAMILY.save
