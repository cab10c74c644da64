"""What is known about the published Emu3 models without loading them."""

from __future__ import annotations

from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.models.cards import CAPABILITIES, by_id, proven

DEFAULTS = {"guidance": 3.0, "temperature": 1.0, "top_k": 2048, "image_area": 720 * 720}
"""Sampling of the authors' script; the area, in pixels, is that of Emu3-Gen (docs/sources/emu3.md#drawing)."""
NEGATIVE = (
    "lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, cropped, worst quality, "
    "low quality, normal quality, jpeg artifacts, signature, watermark, username, blurry."
)
"""What the authors' script says in place of the prompt in the unconditional branch of guidance."""
_SHARED = (
    "Emu3-Chat and Emu3-Gen are two sets of weights of one architecture, post-trained apart from each other, for "
    "vision-language understanding and for vision generation (the authors' README, September 2024): each is a model of "
    "its own here, and what one does says nothing of the other.",
    "A prompt for a picture holds text only, and the authors' quality words (masterpiece, film grained, best quality) "
    "are not put behind it: with_settings(drawing=...) puts them there.",
    "Guidance is towards the prompt and away from the authors' negative prompt, not from an empty one.",
    "Weights are read in the layout of transformers (a repository whose name ends in -hf), not in the authors' own.",
    "In bfloat16 a batch may choose other tokens than single prompts (docs/scale.md), as on other hardware: "
    "compare states, not codes.",
)
_GEN = ModelCard(
    id="emu3-gen",
    family="emu3",
    paradigm="discrete image tokens, autoregressive in raster order, one vocabulary for both modalities",
    encoders="one: codes of the picture tokenizer are seen and drawn",
    generation="autoregressive codes",
    parameters=8762.8,  # the picture tokenizer included
    image_size=720,
    image_tokens=8100,
    hub="BAAI/Emu3-Gen-hf",
    licence="Apache-2.0",
    capabilities=CAPABILITIES,
    verification=proven("emu3", "test_emu3"),
    notes=(
        "Post-trained to generate: the authors show no reply in words of it, and what it tells is told by weights that "
        "were not tuned to answer.",
        *_SHARED,
    ),
    defaults=DEFAULTS,
)
CARDS = by_id(
    _GEN,
    replace(
        _GEN,
        id="emu3-chat",
        hub="BAAI/Emu3-Chat-hf",
        image_size=512,
        image_tokens=4096,
        notes=(
            "Post-trained to understand: the authors show no picture drawn by it, and what it draws is drawn by "
            "weights that were not tuned to generate, with the sampling of Emu3-Gen and the area of its own "
            "configuration.",
            *_SHARED,
        ),
        defaults={**DEFAULTS, "image_area": 512 * 512},
    ),
)
