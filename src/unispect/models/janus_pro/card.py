"""What is known about the published Janus-Pro models without loading them."""

from __future__ import annotations

from unispect.core.cards import Capability, ModelCard, Verification

FAMILY = "janus-pro"
PARADIGM = "discrete image tokens, autoregressive in raster order, one trunk for both modalities"
ENCODERS = "apart: a vision tower sees, codes of a picture tokenizer are drawn"
CAPABILITIES: frozenset[Capability] = frozenset({"write", "draw", "score", "see", "probe", "learn"})
DEFAULTS = {"guidance": 5.0, "temperature": 1.0}
VERIFICATION = Verification(
    keys="tests/unit/models/janus_pro/test_janus_pro_full_size.py",
    numbers="tests/parity/test_janus_pro.py",
    contract="tests/contract/test_models.py",
)
_NOTES = (
    "Pictures have one size: 384 pixels, 576 tokens.",
    "A prompt for a picture holds text only.",
    "In bfloat16 a batch may choose other tokens than single prompts (docs/scale.md), as on other hardware: compare "
    "states, not codes.",
)


def _card(size: str, parameters: float) -> ModelCard:
    return ModelCard(
        id=f"janus-pro-{size.lower()}",
        family=FAMILY,
        paradigm=PARADIGM,
        encoders=ENCODERS,
        parameters=parameters,
        image_size=384,
        image_tokens=576,
        hub=f"deepseek-ai/Janus-Pro-{size}",
        licence="DeepSeek Model License",
        capabilities=CAPABILITIES,
        verification=VERIFICATION,
        notes=_NOTES,
        defaults=DEFAULTS,
    )


CARDS: dict[str, ModelCard] = {card.id: card for card in (_card("1B", 2076.6), _card("7B", 7407.8))}
