"""What is known about the published BAGEL models without loading them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.models.cards import REDRAWS, by_id, proven

DEFAULTS: Mapping[str, float] = {
    "guidance": 4.0,
    "image_guidance": 1.0,
    "steps": 49,
    "shift": 3.0,
    "interval_from": 0.4,
    "interval_to": 1.0,
    "renorm_min": 0.0,
}
"""Of drawing from text: the authors' notebook."""
REDRAWING: Mapping[str, float] = {**DEFAULTS, "image_guidance": 2.0, "interval_from": 0.0}
"""Where the prompt holds a picture: the authors' demo."""
BASE = "ByteDance-Seed/BAGEL-7B-MoT"
"""Holds what the weights of others lack: sizes, tokenizer and pixel autoencoder."""
_BAGEL = ModelCard(
    id="bagel-7b-mot",
    family="bagel",
    paradigm="rectified flow of latents in one attention with text, through a set of weights of their own in every "
    "layer",
    encoders="two: SigLIP sees, latents of the FLUX autoencoder are drawn; a picture to be redrawn goes through both",
    generation="flow through weights of its own",
    backbone="Qwen2.5 7B",
    parameters=14691.1,
    image_size=1024,
    image_tokens=4096,
    hub=BASE,
    licence="Apache-2.0",
    capabilities=REDRAWS,
    verification=proven("bagel", "test_authors_bagel_drawing"),
    notes=(
        "Steps are Euler's; the authors count points in time, one more: their 50 are 49 here.",
        "Pictures of a prompt for a picture are given as means of their latents; the authors draw from the posterior, "
        "as the setting shown can.",
        "Prompts that hold special tokens as text keep them as text; the authors' would become special.",
        "drawing (notebook) and redrawing (demo) are the settings; the demo also guides by pictures (1.5) "
        "where there are none, which is text guidance of 5.5.",
        "To let it think first: model.with_settings(thinking=ChainOfThought()).",
    ),
    defaults=DEFAULTS,
)
_RECA_NOTES = (
    f"Weights in place of those of {BASE}, of which sizes, tokenizer and pixel autoencoder are taken: from the folder, "
    "from folder BAGEL-7B-MoT in or beside it, or from the hub.",
    "Trained with everything frozen that understands, so what it tells should be BAGEL's; check that before comparing.",
    "Its authors draw without renorm, and so does it here.",
)
CARDS = by_id(
    _BAGEL,
    replace(
        _BAGEL,
        id="bagel-7b-mot-reca",
        tuned_from=_BAGEL.id,
        tuned_by="RecA",
        hub="sanaka87/BAGEL-RecA",
        licence="see its page on the hub",
        notes=(*_BAGEL.notes, *_RECA_NOTES),
        defaults={**DEFAULTS, "renorm_min": 1.0},
    ),
)
