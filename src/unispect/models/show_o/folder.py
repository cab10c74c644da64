"""Show-o models from folders and back: published checkpoints, and tiny models in one folder.

The picture tokenizer, the CLIP tower and the text tokenizer may lie in the same folder, as an organism's do (all
weights in one file), or each in a folder of its published name inside or beside it; else they come from the hub. `save`
puts the weights of the picture tokenizer behind `vq.`, those of the CLIP tower behind `clip.`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from unispect.core.cards import ModelCard
from unispect.models.checkpoint import Checkpoint, Layout, files_in
from unispect.models.companions import Part, around, companion, holder, with_part
from unispect.models.config_sections import last_part
from unispect.models.loading import Family, Found
from unispect.models.show_o.card import DEFAULTS
from unispect.models.show_o.config import CLIP, MAGVIT, PHI, ShowOConfig, network_config
from unispect.models.show_o.drawing import DrawSettings
from unispect.models.show_o.keys import AUTHORS, STACKS
from unispect.models.show_o.keys import CLIP as CLIP_KEYS
from unispect.models.show_o.keys import VQ as VQ_KEYS
from unispect.models.show_o.model import ShowO
from unispect.models.show_o.network import ShowONetwork, check_codes
from unispect.models.show_o.processing import Processor, load_processor

_LLM_HUB, _VQ_HUB, _CLIP_HUB = "microsoft/phi-1_5", "showlab/magvitv2", "openai/clip-vit-large-patch14-336"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_VQ = Part("the picture tokenizer", VQ_KEYS, ("encoder.down.",), _VQ_HUB, folder=last_part(_VQ_HUB))
_CLIP = Part("the CLIP tower", CLIP_KEYS, ("vision_model.encoder.",), _CLIP_HUB, folder=last_part(_CLIP_HUB))
_LAYOUT = Layout(known=("showo.model.layers.",), folders=(_VQ.folder, _CLIP.folder))


def _read(card: ModelCard, checkpoint: Checkpoint) -> Found:
    config = model_config(checkpoint)
    processor = _processor(checkpoint, config)
    whole, _ = with_part(checkpoint, _VQ)
    if config.clip is not None:
        whole, _ = with_part(whole, _CLIP)
    return Found(whole, config, processor)


def _model(card: ModelCard, network: ShowONetwork, processor: Processor) -> ShowO:
    config, defaults = network.config, {**DEFAULTS, **card.defaults}
    drawing = DrawSettings(int(defaults["steps"]), defaults["guidance"], defaults["temperature"])
    sized = replace(card, image_size=config.image_size, image_tokens=config.image_tokens)
    return ShowO(sized, network, processor, drawing)


def model_config(checkpoint: Checkpoint) -> ShowOConfig:
    """The configuration, with sizes from folders beside the checkpoint where there are any."""
    content = checkpoint.json("config.json")
    return network_config(
        content,
        str(checkpoint.folder / "config.json"),
        llm=_sizes(checkpoint, _llm(checkpoint)) or PHI,
        vq=_sizes(checkpoint, _VQ_HUB) or MAGVIT,
        vision=_sizes(checkpoint, _CLIP_HUB) or CLIP,
    )


def _llm(checkpoint: Checkpoint) -> str:
    """Path or hub id of the language model."""
    return str((checkpoint.optional_json("config.json") or {}).get("llm_model_path") or _LLM_HUB)


def _processor(checkpoint: Checkpoint, config: ShowOConfig) -> Processor:
    """The processor, with the tokenizer of the folder, of the language model's, or of the hub."""
    name = _llm(checkpoint)
    hub = name if _HUB_ID.fullmatch(name) else _LLM_HUB
    path = companion(
        checkpoint.folder, "tokenizer.json", hub, around(checkpoint.folder, last_part(name)), checkpoint.ledger
    )
    return load_processor(checkpoint.at(path.parent), config)


def _beside(folder: Path, name: str) -> Path | None:
    """The folder of a part's sizes."""
    return holder(around(folder, last_part(name)), "config.json")


def _sizes(checkpoint: Checkpoint, name: str) -> dict[str, Any] | None:
    beside = _beside(checkpoint.folder, name)
    if beside is None:
        return None
    sizes = checkpoint.at(beside).json("config.json")
    # The published configuration of the picture tokenizer has no sizes.
    return sizes if sizes.keys() - {"_class_name", "_diffusers_version"} else None


def _companions(folder: Path) -> Iterator[Path]:
    """Folders that hold sizes or the tokenizer."""
    for name in (_llm(files_in(folder)), _VQ_HUB, _CLIP_HUB):
        if beside := _beside(folder, name):
            yield beside


FAMILY = Family(
    read=_read,
    build=ShowONetwork,
    table=lambda config, checkpoint: AUTHORS,
    stacks=STACKS,
    model=_model,
    layout=_LAYOUT,
    check=check_codes,
    companions=_companions,
)
load, start, save = FAMILY.load, FAMILY.start, FAMILY.save
