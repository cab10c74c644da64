"""The network: a stock Llama over bytes and colours, with a head for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaModel

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import check_settings
from unispect.models.parts.llama import language_config

VOCABULARY = 256 + 5
"""Bytes, and the special tokens of `processing`."""
COLOURS = 8
GROUPS = {
    "token embeddings": ("backbone.embed_tokens.",),
    "backbone": ("backbone.layers.", "backbone.norm."),
    "text head": ("text_head.",),
    "image embeddings": ("colours.",),
    "image head": ("image_head.",),
}
STACKS = ("backbone.layers",)


@dataclass(frozen=True)
class Config:
    """Sizes: those of the backbone, the side of a picture in patches, and of a patch in pixels."""

    backbone: LlamaConfig
    side: int
    patch: int


def read_config(content: Mapping[str, Any], where: str) -> Config:
    """The sizes in `config.json`.

    Raises:
        CheckpointError: a setting is unknown or cannot be.
    """
    check_settings(content, where, read=("image_size", "patch_size", "language_config"))
    side, spare = divmod(content.get("image_size", 16), content.get("patch_size", 4))
    if spare or not side:
        raise CheckpointError(f"{where}: pictures are not whole patches; correct image_size or patch_size")
    section = {**content.get("language_config", {}), "vocab_size": VOCABULARY}
    return Config(language_config(section, f"{where}: language_config"), side, content.get("patch_size", 4))


class ToyNetwork(nn.Module):
    """Colours are bits: whether a patch is more red than not, and so green and blue. No weights stand between."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.backbone.hidden_size
        self.config = config
        self.backbone = LlamaModel(config.backbone)
        self.text_head = nn.Linear(width, VOCABULARY, bias=False)
        self.colours = nn.Embedding(COLOURS, width)
        self.image_head = nn.Linear(width, COLOURS, bias=False)

    def seen(self, pixels: Tensor) -> Tensor:
        """Colours [pictures, patches] of pixels [pictures, 3, height, width] in -1..1."""
        bits = F.avg_pool2d(pixels.float(), self.config.patch).gt(0).long().flatten(2)
        return bits[:, 0] + 2 * bits[:, 1] + 4 * bits[:, 2]

    def painted(self, colours: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width] in -1..1 of colours [pictures, patches]."""
        bits = torch.stack([colours >> channel & 1 for channel in range(3)], 1).unflatten(2, (self.config.side, -1))
        return (bits * 2.0 - 1).repeat_interleave(self.config.patch, 2).repeat_interleave(self.config.patch, 3)
