"""The network: stock backbone, tower and pixel autoencoder, and the shallow U-ViT between latents and backbone."""

from __future__ import annotations

from typing import cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor, nn
from transformers.models.janus.modeling_janus import JanusVisionModel
from transformers.models.llama.modeling_llama import (
    LlamaForCausalLM,
    LlamaModel,
    LlamaRMSNorm,
)

from unispect.models.janus_flow.config import JanusFlowConfig
from unispect.models.janus_flow.uvit import FlowDecoder, FlowEncoder


class JanusFlowNetwork(nn.Module):
    """Everything that has weights, under the names of `keys.AUTHORS`.

    Args:
        config: sizes.
    """

    def __init__(self, config: JanusFlowConfig) -> None:
        super().__init__()
        self.config = config
        hidden, uvit = config.language.hidden_size, config.uvit
        self.language_model = LlamaForCausalLM(config.language)
        self.vision = JanusVisionModel(config.vision)
        self.aligner = nn.Linear(cast(int, config.vision.hidden_size), hidden)
        self.begin_of_picture = nn.Parameter(torch.zeros(1, hidden))
        self.flow_encoder = FlowEncoder(uvit, hidden)
        self.flow_in = nn.Linear(uvit.channels, hidden)
        self.flow_norm = LlamaRMSNorm(hidden, config.language.rms_norm_eps)
        self.flow_out = nn.Linear(hidden, uvit.decoder_channels)
        self.flow_decoder = FlowDecoder(uvit, hidden)
        self.vae = cast(AutoencoderKL, AutoencoderKL.from_config(dict(config.autoencoder)))

    @property
    def backbone(self) -> LlamaModel:
        return self.language_model.model

    @property
    def scaling_factor(self) -> float:
        """Latents that are drawn are those of the pixel autoencoder times this."""
        return cast(float, self.vae.config["scaling_factor"])

    def features(self, pixels: Tensor) -> Tensor:
        """What the backbone sees of pictures [pictures, 3, size, size]: [pictures, tokens, width]."""
        return self.aligner(self.vision(pixels).last_hidden_state)

    def rows(self, map_: Tensor) -> Tensor:
        """The backbone's input rows [batch, positions, width], in raster order, of the flow encoder's map."""
        return self.flow_in(map_.flatten(2).transpose(1, 2))

    def velocity(self, states: Tensor, map_: Tensor, time: Tensor) -> Tensor:
        """Velocities [batch, channels, side, side] of latents.

        Args:
            states: the backbone's final norm at the picture's positions [batch, positions, width]. They are normed
            again
                here, and once more in the decoder (docs/sources/janus-flow.md#drawing).
            map_: of the flow encoder.
            time: embedded.
        """
        inner = self.flow_out(self.flow_norm(states)).transpose(1, 2)
        return self.flow_decoder(inner.unflatten(2, map_.shape[2:]), map_, time)

    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of finished latents."""
        scaled = (latents / self.scaling_factor).to(self.flow_in.weight.dtype)
        return cast(Tensor, self.vae.decode(cast(torch.FloatTensor, scaled), return_dict=False)[0])

    def encoded(self, pixels: Tensor) -> Tensor:
        """Latents of pixels [pictures, 3, height, width] in -1..1: the posterior's mean, scaled
        (docs/sources/janus-flow.md#autoencoder).
        """
        (posterior,) = self.vae.encode(pixels, return_dict=False)
        return cast(DiagonalGaussianDistribution, posterior).mean * self.scaling_factor
