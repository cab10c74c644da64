"""What is known about the published Janus-Pro models without loading them."""

from __future__ import annotations

from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.models.cards import CAPABILITIES, by_id, proven

DEFAULTS = {"guidance": 5.0, "temperature": 1.0}
_ANY = ModelCard(
    id="janus-pro",
    family="janus-pro",
    paradigm="discrete image tokens, autoregressive in raster order, one trunk for both modalities",
    encoders="apart: a vision tower sees, codes of a picture tokenizer are drawn",
    generation="autoregressive codes",
    parameters=None,
    image_size=384,
    image_tokens=576,
    licence="DeepSeek Model License",
    capabilities=CAPABILITIES,
    verification=proven("janus_pro", "test_janus_pro"),
    notes=(
        "Pictures have one size: 384 pixels, 576 tokens.",
        "A prompt for a picture holds text only.",
        "In bfloat16 a batch may choose other tokens than single prompts (docs/scale.md), as on other hardware: "
        "compare states, not codes.",
    ),
    defaults=DEFAULTS,
)
CARDS = by_id(
    replace(_ANY, id="janus-pro-1b", backbone="DeepSeek-LLM 1.3B", hub="deepseek-ai/Janus-Pro-1B", parameters=2076.6),
    replace(_ANY, id="janus-pro-7b", backbone="DeepSeek-LLM 7B", hub="deepseek-ai/Janus-Pro-7B", parameters=7407.8),
)
