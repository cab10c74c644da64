"""What is known about the published Harmon models without loading them."""

from __future__ import annotations

from unispect.core.cards import Capability, ModelCard, Verification

FAMILY = "harmon"
PARADIGM = "masked continuous latents with a diffusion head, one visual encoder for seeing and drawing"
ENCODERS = "one: the masked encoder sees pictures and what is drawn of them so far"
CAPABILITIES: frozenset[Capability] = frozenset({"write", "draw", "score", "see", "probe", "learn"})
REDRAWING: frozenset[Capability] = frozenset({*CAPABILITIES, "redraw"})
DEFAULTS = {"guidance": 3.0, "temperature": 1.0, "iterations": 64}
VERIFICATION = Verification(
    keys="tests/unit/models/harmon/test_harmon_full_size.py",
    numbers="tests/parity/test_authors_harmon_drawing.py",
    contract="tests/contract/test_models.py",
)
_NOTES = (
    "Pictures are 512 pixels by default, as in the authors' scripts; the position tables are stored for 256 and "
    "interpolated.",
    "Captions are taken as given; the authors' batch script puts a full stop behind them, their other script does not.",
    "The authors' seeds cannot be repeated: they draw noise on the GPU.",
    "Without trained weights, diffusion steps at the very start of the process amplify rounding 20,000-fold.",
)
_RECA_NOTES = (
    "A prompt for a picture may hold one picture, which is drawn anew (32 iterations in the authors' script).",
)
PARAMETERS = {"0.5b": 770.6, "1.5b": 2560.0}
"""In millions, without the class embeddings that are published and never used."""


def _card(size: str, hub: str, tuning: str = "", folders: tuple[str, ...] = ()) -> ModelCard:
    return ModelCard(
        id=f"harmon-{size}{tuning}",
        family=FAMILY,
        paradigm=PARADIGM,
        encoders=ENCODERS,
        contextual=True,
        parameters=PARAMETERS[size],
        image_size=512,
        image_tokens=1024,
        hub=hub,
        licence="S-Lab License 1.0 (non-commercial)",
        capabilities=REDRAWING if tuning else CAPABILITIES,
        verification=VERIFICATION,
        notes=(*_NOTES, *(_RECA_NOTES if tuning else ())),
        defaults=DEFAULTS,
    )


CARDS: dict[str, ModelCard] = {
    card.id: card
    for card in (
        _card("0.5b", "wusize/Harmon-0_5B"),
        _card("1.5b", "wusize/Harmon-1_5B"),
        _card("0.5b", "sanaka87/Harmon-0.5B-RecA", "-reca"),
        _card("1.5b", "sanaka87/Harmon-1.5B-RecA", "-reca"),
    )
}
