"""The network: the backbone with its two sets of weights, the stock vision tower and the stock pixel autoencoder."""

from __future__ import annotations

from typing import cast

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionModel

from unispect.models.cosmos3.backbone import Generation, MotBackbone, Understanding
from unispect.models.cosmos3.config import Cosmos3Config

_TOLD = 256
"""Numbers in which times are told."""


class Cosmos3Network(nn.Module):
    """Everything that has weights, under the names of `keys.AUTHORS`.

    Args:
        config: sizes.
    """

    def __init__(self, config: Cosmos3Config) -> None:
        super().__init__()
        self.config = config
        width, numbers = config.text.hidden_size, config.patch**2 * config.channels
        self.llm = MotBackbone(config.text)
        self.lm_head = nn.Linear(width, config.text.vocab_size, bias=False)
        self.proj_in = nn.Linear(numbers, width)
        self.proj_out = nn.Linear(width, numbers)
        self.time_embedder = TimestepEmbedding(_TOLD, width)
        self.visual = Qwen3VLVisionModel(config.vision)
        self.vae = cast(AutoencoderKLWan, AutoencoderKLWan.from_config(dict(config.autoencoder)))

    @property
    def understanding(self) -> Understanding:
        """What reads and writes text."""
        return Understanding(self.llm, len(self.visual.deepstack_merger_list))

    @property
    def generation(self) -> Generation:
        """What draws."""
        return Generation(self.llm)

    def features(self, patches: Tensor, grids: Tensor) -> Tensor:
        """What the backbone sees of pictures [tokens, width * (1 + depths)], in raster order, one behind the other.

        Args:
            patches: flattened [patches, numbers].
            grids: frames, rows and columns of patches of every picture [pictures, 3].
        """
        seen = self.visual(patches, grid_thw=grids)
        return torch.cat([seen.pooler_output, *seen.deepstack_features], -1)

    def rows(self, latents: Tensor, times: Tensor) -> Tensor:
        """The backbone's input rows [pictures, positions, width], in raster order, of noisy latents.

        Args:
            latents: [pictures, channels, height, width]; sides are filled up with zeros to whole patches.
            times: of every picture, or one for all, in thousandths: 1000 is noise.
        """
        patch, dtype = self.config.patch, self.proj_in.weight.dtype
        height, width = latents.shape[2:]
        filled = F.pad(latents, (0, -width % patch, 0, -height % patch))
        # A position's numbers are its latents' channels, one latent behind the other.
        patches = F.pixel_unshuffle(filled, patch).unflatten(1, (-1, patch**2))  # [pictures, channels, latents, ...]
        patches = patches.transpose(1, 2).flatten(1, 2).flatten(2).transpose(1, 2)
        waves = Timesteps(_TOLD, flip_sin_to_cos=True, downscale_freq_shift=0)(times * self.config.time_scale)
        told = self.time_embedder(waves.to(self.time_embedder.linear_1.weight.dtype)).to(dtype)
        return self.proj_in(patches.to(dtype)) + told[:, None]

    def latents(self, states: Tensor, shape: tuple[int, int]) -> Tensor:
        """Velocities [pictures, channels, *shape] of final states [pictures, positions, width]."""
        patch, (height, width) = self.config.patch, shape
        rows, columns = self.config.grid_of(shape)
        numbers = self.proj_out(states).transpose(1, 2).unflatten(1, (patch**2, -1)).transpose(1, 2).flatten(1, 2)
        whole = F.pixel_shuffle(numbers.unflatten(2, (rows, columns)), patch)
        return whole[..., :height, :width]

    def encoded(self, pixels: Tensor) -> Tensor:
        """Latents [pictures, channels, rows, columns] of pixels [pictures, 3, height, width] in -1..1: means."""
        (posterior,) = self.vae.encode(pixels[:, :, None], return_dict=False)
        mean, inverse = self._scale(pixels)
        return (posterior.mode()[:, :, 0] - mean) * inverse

    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width] in -1..1 of finished latents [pictures, channels, rows, columns]."""
        mean, inverse = self._scale(latents)
        return self.vae.decode((latents / inverse + mean)[:, :, None], return_dict=False)[0][:, :, 0]

    def _scale(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and inverse spread of every channel [channels, 1, 1]."""
        names = ("latents_mean", "latents_std")
        values = (torch.tensor(self.vae.config[name], dtype=like.dtype, device=like.device) for name in names)
        mean, spread = (own[:, None, None] for own in values)
        return mean, 1.0 / spread


def finish(network: Cosmos3Network, device: torch.device) -> None:
    """Makes the vision tower's frequencies, for a network built on the meta device."""
    rotary = type(network.visual.rotary_pos_emb)
    network.visual.rotary_pos_emb = rotary(network.config.vision).to(device)
