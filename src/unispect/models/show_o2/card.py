"""What is known about the published Show-o2 models without loading them."""

from __future__ import annotations

from collections.abc import Mapping

from unispect.core.cards import Capability, ModelCard, Verification

FAMILY = "show-o2"
PARADIGM = "rectified flow of video-autoencoder latents in the language model, with a flow head and full attention"
ENCODERS = "one: latents go through vision tower and projection, seen or drawn"
CAPABILITIES: frozenset[Capability] = frozenset({"write", "draw", "score", "see", "probe", "learn"})
DEFAULTS: Mapping[str, float] = {"guidance": 7.5, "steps": 49}
PIXEL_DECODER = "Wan-AI/Wan2.1-T2V-14B"
"""Where the pixel autoencoder is published; the model's own checkpoint does not hold it."""
VERIFICATION = Verification(
    keys="tests/unit/models/show_o2/test_show_o2_full_size.py",
    numbers="tests/parity/test_authors_show_o2_drawing.py",
    contract="tests/contract/test_models.py",
)
_NOTES = (
    f"Pixels come from another checkpoint, file Wan2.1_VAE.pth of {PIXEL_DECODER}: in or next to the weights, or from "
    "the hub. Sizes and tokenizer of the language model are those of Qwen2.5-Instruct.",
    "A prompt for a picture holds text only.",
    "Steps are Euler's; the authors count points in time, one more: their 50 are 49 here.",
    "The authors' script sees pictures through a posterior drawn at random and a span one position too far; here it is "
    "the posterior's mean and the span of the training, unless the setting seeing says paper.",
)
_HIGH_NOTE = "Drawn at 512 pixels by default; 1024 (64 x 64 tokens) with the setting drawing. Pictures are seen at 432."
_VIDEO_NOTE = "The weights also know videos, which this port does not read."
PARAMETERS = {"1.5B": 2957.7, "7B": 9059.0}
"""In millions, the pixel autoencoder's 127 included."""


def _card(size: str, tuning: str = "", *, side: int = 432, note: str = "") -> ModelCard:
    return ModelCard(
        id=f"show-o2-{size}{tuning}".lower(),
        family=FAMILY,
        paradigm=PARADIGM,
        encoders=ENCODERS,
        parameters=PARAMETERS[size],
        image_size=side,
        image_tokens=(side // 16) ** 2,
        hub=f"showlab/show-o2-{size}{tuning}",
        licence="Apache-2.0",
        capabilities=CAPABILITIES,
        verification=VERIFICATION,
        notes=(*_NOTES, note) if note else _NOTES,
        defaults={**DEFAULTS, "image_size": side} if side != 432 else DEFAULTS,
    )


CARDS: dict[str, ModelCard] = {
    card.id: card
    for card in (
        _card("1.5B"),
        _card("1.5B", "-HQ", side=512, note=_HIGH_NOTE),
        _card("1.5B", "-w-video-und", note=_VIDEO_NOTE),
        _card("7B"),
        _card("7B", "-w-video-und", note=_VIDEO_NOTE),
    )
}
