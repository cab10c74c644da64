"""What is known about the published Show-o models without loading them."""

from __future__ import annotations

from unispect.core.cards import Capability, ModelCard, Verification

FAMILY = "show-o"
PARADIGM = "discrete image tokens uncovered by confidence, in one trunk that sees pictures in both directions"
ENCODERS = {
    False: "one: codes of the picture tokenizer are seen and drawn",
    True: "apart: a CLIP tower sees, codes of the picture tokenizer are drawn",
}
CAPABILITIES: frozenset[Capability] = frozenset({"write", "draw", "score", "see", "probe", "learn", "redraw"})
DEFAULTS = {"guidance": 6.0, "temperature": 1.0, "steps": 50}
"""Guidance 6 is what the authors write as 5: they count how much is added to the conditional branch."""
PARAMETERS = {False: 1543.6, True: 1853.4}
"""In millions, the picture tokenizer included and, where pictures are seen through it, the CLIP tower."""
VERIFICATION = Verification(
    keys="tests/unit/models/show_o/test_show_o_full_size.py",
    numbers="tests/parity/test_show_o.py",
    contract="tests/contract/test_models.py",
)
_NOTES = (
    "A prompt for a picture has 129 places for tokens: unused ones are filled up, longer prompts are cut off.",
    "A prompt for a picture may hold one picture, of which the transparent part is drawn (inpainting, extrapolation).",
    "A prompt without a picture is continued, not answered: the authors trained no dialogue without pictures.",
    "The picture tokenizer, the CLIP tower and the text tokenizer are published elsewhere: each is looked for in a "
    "folder of its name in or beside that of the weights (magvitv2, clip-vit-large-patch14-336, phi-1_5), then on the "
    "hub.",
    "The authors' seeds cannot be repeated: they draw on the GPU.",
)


def _card(name: str, hub: str, *, size: int, clip: bool, note: str = "") -> ModelCard:
    return ModelCard(
        id=name,
        family=FAMILY,
        paradigm=PARADIGM,
        encoders=ENCODERS[clip],
        contextual=True,
        parameters=PARAMETERS[clip],
        image_size=size,
        image_tokens=(size // 16) ** 2,
        hub=f"showlab/{hub}",
        licence="Apache-2.0",
        capabilities=CAPABILITIES,
        verification=VERIFICATION,
        notes=(*_NOTES, note) if note else _NOTES,
        defaults=DEFAULTS,
    )


CARDS: dict[str, ModelCard] = {
    card.id: card
    for card in (
        _card("show-o", "show-o", size=256, clip=False),
        _card("show-o-clip-vit", "show-o-w-clip-vit", size=256, clip=True),
        _card("show-o-512", "show-o-512x512", size=512, clip=False),
        _card("show-o-clip-vit-512", "show-o-w-clip-vit-512x512", size=512, clip=True),
        _card(
            "show-o-512-pretrained",
            "show-o-512x512-wo-llava-tuning",
            size=512,
            clip=False,
            note="Before instruction tuning: it captions pictures and answers no questions.",
        ),
    )
}
