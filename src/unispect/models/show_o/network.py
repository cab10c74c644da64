"""The network: Phi of transformers, the picture tokenizer, and for some the tower of CLIP with its projection."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.clip.modeling_clip import CLIPVisionModel
from transformers.models.phi.modeling_phi import PhiForCausalLM, PhiModel

from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint
from unispect.models.show_o.config import ShowOConfig
from unispect.models.show_o.magvit import Magvit, signs_of


class ShowONetwork(nn.Module):
    """Everything that has weights.

    Attributes:
        showo: the backbone and its head; text, special and image tokens share one table and one head.
        mm_projector: the tower's features -> what the backbone reads; None where pictures are seen as image tokens.
        clip: the tower.
        vq: the picture tokenizer.
    """

    def __init__(self, config: ShowOConfig) -> None:
        super().__init__()
        self.config = config
        self.showo = PhiForCausalLM(config.text)
        self.mm_projector = self.clip = None
        if config.clip is not None:
            width, seen = int(config.text.hidden_size), int(config.clip.hidden_size)
            self.mm_projector = nn.Sequential(nn.Linear(seen, width), nn.GELU(), nn.Linear(width, width))
            self.clip = CLIPVisionModel(config.clip)
        self.vq = Magvit(config.magvit)

    @property
    def backbone(self) -> PhiModel:
        return self.showo.model

    def code_logits(self, states: Tensor) -> Tensor:
        """Logits [..., codes] of final states [..., width]; those of text and of the mask are left out."""
        head, chosen = self.showo.lm_head, slice(self.config.first_code, self.config.mask)
        return F.linear(states, head.weight[chosen], head.bias[chosen])

    def seen(self, pixels: Tensor) -> Tensor:
        """What the backbone reads of pictures [pictures, 3, size, size] through the tower: [pictures, image tokens,
        width].
        """
        assert self.mm_projector is not None
        return self.mm_projector(self.features(pixels))

    def features(self, pixels: Tensor) -> Tensor:
        """Output of the tower's last block but one, without the class token [pictures, image tokens, width]."""
        assert self.clip is not None
        hidden = self.clip.pre_layrnorm(self.clip.embeddings(pixels))
        for layer in self.clip.encoder.layers[:-1]:
            hidden = layer(hidden, attention_mask=None)
        return hidden[:, 1:]


def check_codes(config: ShowOConfig, checkpoint: Checkpoint) -> None:
    """Holds the tokenizer's table of codes, where a file has it, to what is computed instead.

    Raises:
        CheckpointError: it numbers its codes otherwise.
    """
    bits = config.magvit.bits
    expected = {
        "vq.quantize.embedding": signs_of(torch.arange(config.codes), bits),
        "vq.quantize.power_vals": 2.0 ** torch.arange(bits - 1, -1, -1),
    }
    for shard in checkpoint.shards:
        for key in shard.shapes().keys() & expected:
            if not torch.equal(shard.read(key).float(), expected[key]):
                raise CheckpointError(f"{shard.path}: {key!r} numbers its codes otherwise than MAGVIT-v2 does")
