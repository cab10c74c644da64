"""The configuration of a pixel autoencoder as diffusers writes it (`AutoencoderKL`)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from unispect.models.config_sections import check_settings

_READ = frozenset(inspect.signature(AutoencoderKL).parameters)


def autoencoder_config(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What the class reads of a configuration.

    Latents are scaled by one number and shifted by one: means and spreads of their own for each channel are refused.

    Raises:
        CheckpointError: the configuration says what the class does not read, or the ports do not do.
    """
    check_settings(
        content,
        where,
        read=_READ - {"latents_mean", "latents_std"},
        fixed={"latents_mean": None, "latents_std": None, "_class_name": "AutoencoderKL"},
        idle=("force_upcast", "sample_size"),
    )
    return {key: value for key, value in content.items() if key in _READ or key == "_class_name"}
