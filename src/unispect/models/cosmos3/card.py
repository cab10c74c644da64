"""What is known about the published Cosmos 3 models without loading them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.models.cards import CAPABILITIES, by_id, proven

DEFAULTS: Mapping[str, float] = {"guidance": 6.0, "steps": 35, "image_size": 960}
"""Guidance and steps are those of diffusers' pipeline; the size is its square one at 720."""
_NANO = ModelCard(
    id="cosmos3-nano",
    family="cosmos3",
    paradigm="rectified flow of latents through weights of their own in every layer, which hear those of text and are "
    "never heard by them",
    encoders="apart: a vision tower sees, latents of a video autoencoder (Wan 2.2) are drawn",
    generation="flow through weights of its own",
    backbone="Qwen3-VL 8B",
    parameters=16437.3,
    image_size=960,
    image_tokens=900,
    hub="nvidia/Cosmos3-Nano",
    licence="OpenMDW-1.1",
    capabilities=CAPABILITIES,
    verification=proven("cosmos3", "test_authors_cosmos3_drawing"),
    notes=(
        "What is read or written never hears what is drawn: generation hears understanding, never the reverse.",
        "Pictures are one frame; videos, sound and actions are not there, and their weights are passed over.",
        "A prompt for a picture holds text only: the pipeline ignores a picture that is given for a single frame.",
        "The size of the picture stands in its prompt, as published; a full stop behind the prompt goes.",
        "The pipeline's guardrail, a package of its own that checks prompts and blurs faces, is not run.",
        "Defaults are those of diffusers' pipeline; the authors' own sampler takes 50 steps at a guidance of 4.",
    ),
    defaults=DEFAULTS,
)
_SUPER = replace(_NANO, id="cosmos3-super", backbone="Qwen3-VL 32B", parameters=65297.9, hub="nvidia/Cosmos3-Super")
CARDS = by_id(
    _NANO,
    _SUPER,
    replace(
        _SUPER,
        id="cosmos3-super-text2image",
        tuned_from="cosmos3-super",
        tuned_by="post-training on pictures",
        hub="nvidia/Cosmos3-Super-Text2Image",
    ),
)
