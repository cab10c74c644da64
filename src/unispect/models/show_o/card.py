"""What is known about the published Show-o models without loading them."""

from __future__ import annotations

from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.models.cards import REDRAWS, by_id, proven

DEFAULTS = {"guidance": 6.0, "temperature": 1.0, "steps": 50}
"""Guidance 6 is what the authors write as 5: they count how much is added to the conditional branch."""
_SHOW_O = ModelCard(
    id="show-o",
    family="show-o",
    paradigm="discrete image tokens uncovered by confidence, in one trunk that sees pictures in both directions",
    encoders="one: codes of the picture tokenizer are seen and drawn",
    generation="masked codes",
    backbone="Phi-1.5 1.3B",
    contextual=True,
    parameters=1543.6,  # the picture tokenizer included
    image_size=256,
    image_tokens=256,
    hub="showlab/show-o",
    licence="Apache-2.0",
    capabilities=REDRAWS,
    verification=proven("show_o", "test_show_o"),
    notes=(
        "A prompt for a picture has 129 places for tokens: unused ones are filled up, longer prompts are cut off.",
        "A prompt for a picture may hold one picture, of which the transparent part is drawn (inpainting, "
        "extrapolation).",
        "A prompt without a picture is continued, not answered: the authors trained no dialogue without pictures.",
        "The picture tokenizer, the CLIP tower and the text tokenizer are published elsewhere: each is looked for in a "
        "folder of its name in or beside that of the weights (magvitv2, clip-vit-large-patch14-336, phi-1_5), then on "
        "the hub.",
        "The authors' seeds cannot be repeated: they draw on the GPU.",
    ),
    defaults=DEFAULTS,
)
_CLIP = replace(
    _SHOW_O,
    id="show-o-clip-vit",
    hub="showlab/show-o-w-clip-vit",
    encoders="apart: a CLIP tower sees, codes of the picture tokenizer are drawn",
    parameters=1853.4,  # the CLIP tower too
)
_LARGE = {"image_size": 512, "image_tokens": 1024}
CARDS = by_id(
    _SHOW_O,
    _CLIP,
    replace(_SHOW_O, id="show-o-512", hub="showlab/show-o-512x512", **_LARGE),
    replace(_CLIP, id="show-o-clip-vit-512", hub="showlab/show-o-w-clip-vit-512x512", **_LARGE),
    replace(
        _SHOW_O,
        id="show-o-512-pretrained",
        hub="showlab/show-o-512x512-wo-llava-tuning",
        notes=(*_SHOW_O.notes, "Before instruction tuning: it captions pictures and answers no questions."),
        **_LARGE,
    ),
)
