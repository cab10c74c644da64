"""What is known about the published Show-o2 models without loading them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.models.cards import CAPABILITIES, by_id, proven

DEFAULTS: Mapping[str, float] = {"guidance": 7.5, "steps": 49}
PIXEL_DECODER = "Wan-AI/Wan2.1-T2V-14B"
"""Where the pixel autoencoder is published; the model's own checkpoint does not hold it."""
_SMALL = ModelCard(
    id="show-o2-1.5b",
    family="show-o2",
    paradigm="rectified flow of video-autoencoder latents in the language model, with a flow head and full attention",
    encoders="one: latents go through vision tower and projection, seen or drawn",
    generation="flow through a head",
    backbone="Qwen2.5 1.5B",
    parameters=2957.7,  # the pixel autoencoder's 127 included
    image_size=432,
    image_tokens=729,
    hub="showlab/show-o2-1.5B",
    licence="Apache-2.0",
    capabilities=CAPABILITIES,
    verification=proven("show_o2", "test_authors_show_o2_drawing"),
    notes=(
        f"Pixels come from another checkpoint, file Wan2.1_VAE.pth of {PIXEL_DECODER}: in or next to the weights, or "
        "from the hub. Sizes and tokenizer of the language model are those of Qwen2.5-Instruct.",
        "A prompt for a picture holds text only.",
        "Steps are Euler's; the authors count points in time, one more: their 50 are 49 here.",
        "The authors' script sees pictures through a posterior drawn at random and a span one position too far; here "
        "it is the posterior's mean and the span of the training, unless the setting seeing says paper.",
    ),
    defaults=DEFAULTS,
)
_LARGE = replace(_SMALL, id="show-o2-7b", backbone="Qwen2.5 7B", hub="showlab/show-o2-7B", parameters=9059.0)
_HIGH_NOTE = "Drawn at 512 pixels by default; 1024 (64 x 64 tokens) with the setting drawing. Pictures are seen at 432."
_VIDEO_NOTE = "The weights also know videos, which this port does not read."


def _video(card: ModelCard) -> ModelCard:
    tuned = "-w-video-und"
    return replace(card, id=f"{card.id}{tuned}", hub=f"{card.hub}{tuned}", notes=(*card.notes, _VIDEO_NOTE))


CARDS = by_id(
    _SMALL,
    replace(
        _SMALL,
        id="show-o2-1.5b-hq",
        hub="showlab/show-o2-1.5B-HQ",
        image_size=512,
        image_tokens=1024,
        notes=(*_SMALL.notes, _HIGH_NOTE),
        defaults={**DEFAULTS, "image_size": 512},
    ),
    _video(_SMALL),
    _LARGE,
    _video(_LARGE),
)
