"""The network: the stock vision-language model, the transformer that draws, and the pixel autoencoder."""

from __future__ import annotations

from typing import cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VLModel,
    Qwen2_5_VLTextModel,
    Qwen2_5_VLVisionRotaryEmbedding,
)

from unispect.models.omnigen2.config import OmniGen2Config
from unispect.models.omnigen2.transformer import FlowTransformer

_SPREAD = 0.02


class OmniGen2Network(nn.Module):
    """Everything that has weights, under the names of `keys.authors_table`.

    Args:
        config: sizes.
    """

    def __init__(self, config: OmniGen2Config) -> None:
        super().__init__()
        self.config = config
        self.mllm = Qwen2_5_VLModel(config.mllm)
        hidden, words = config.text.hidden_size, config.text.vocab_size
        self.lm_head = None if config.tied else nn.Linear(hidden, words, bias=False)
        self.transformer = FlowTransformer(config.transformer)
        self.vae = cast(AutoencoderKL, AutoencoderKL.from_config(dict(config.autoencoder)))

    @property
    def backbone(self) -> Qwen2_5_VLTextModel:
        return cast(Qwen2_5_VLTextModel, self.mllm.language_model)

    def text_logits(self, states: Tensor) -> Tensor:
        """Logits [..., vocabulary] of final states [..., width]."""
        return F.linear(states, self.backbone.embed_tokens.weight) if self.lm_head is None else self.lm_head(states)

    def features(self, patches: Tensor, grids: Tensor) -> Tensor:
        """What the backbone sees of pictures [tokens, width], in raster order, one picture behind the other.

        Args:
            patches: flattened [patches, numbers].
            grids: frames, rows and columns of patches of every picture [pictures, 3].
        """
        return cast(Tensor, self.mllm.visual(patches, grid_thw=grids).pooler_output)

    def positions(self, ids: Tensor, shown: Tensor, grids: Tensor) -> Tensor:
        """The three coordinates [3, length] of every token of a prompt with pictures.

        Args:
            ids: of its tokens [length].
            shown: True at tokens that stand for pictures [length].
            grids: of its pictures [pictures, 3].
        """
        # Without being told which tokens are pictures, the stock model silently counts up
        # (docs/sources/omnigen2.md#traps).
        found, _ = self.mllm.get_rope_index(
            cast(torch.LongTensor, ids[None]),
            mm_token_type_ids=cast(torch.IntTensor, shown[None].int()),
            image_grid_thw=cast(torch.LongTensor, grids),
        )
        return found[:, 0]

    def encoded(self, pixels: Tensor, noise: Tensor | None = None) -> Tensor:
        """Latents of pixels [pictures, 3, height, width] in -1..1: the posterior's mean, or drawn with noise."""
        (posterior,) = self.vae.encode(pixels, return_dict=False)
        posterior = cast(DiagonalGaussianDistribution, posterior)
        latents = posterior.mean if noise is None else posterior.mean + posterior.std * noise.to(posterior.mean)
        return (latents - self._shift) * self._scale

    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of finished latents."""
        moved = (latents / self._scale + self._shift).to(self.transformer.x_embedder.weight.dtype)
        return cast(Tensor, self.vae.decode(cast(torch.FloatTensor, moved), return_dict=False)[0])

    @property
    def _scale(self) -> float:
        return cast(float, self.vae.config["scaling_factor"])

    @property
    def _shift(self) -> float:
        return cast(float, self.vae.config.get("shift_factor") or 0.0)


def finish(network: OmniGen2Network, device: torch.device) -> None:
    """Makes the vision tower's frequencies, for a network built on the meta device."""
    network.mllm.visual.rotary_pos_emb = Qwen2_5_VLVisionRotaryEmbedding(network.config.vision).to(device)


def initialise(network: OmniGen2Network) -> None:
    """Draws first weights.

    As in other networks that are told the time by modulation, the transformer starts out saying nothing: its
    modulations and its last map are zero.
    """
    nn.init.normal_(network.transformer.image_index_embedding, std=_SPREAD)
    for name, module in network.transformer.named_modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            if name.endswith(("norm1.linear", "norm_out.linear_1", "norm_out.linear_2")):
                nn.init.zeros_(module.weight)
