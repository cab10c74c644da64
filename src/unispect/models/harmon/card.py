"""What is known about the published Harmon models without loading them."""

from __future__ import annotations

from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.models.cards import CAPABILITIES, REDRAWS, by_id, proven

DEFAULTS = {"guidance": 3.0, "temperature": 1.0, "iterations": 64}
_SMALL = ModelCard(
    id="harmon-0.5b",
    family="harmon",
    paradigm="masked continuous latents with a diffusion head, one visual encoder for seeing and drawing",
    encoders="one: the masked encoder sees pictures and what is drawn of them so far",
    generation="masked latents",
    backbone="Qwen2.5 0.5B",
    contextual=True,
    parameters=770.6,  # without the class embeddings that are published and never used
    image_size=512,
    image_tokens=1024,
    hub="wusize/Harmon-0_5B",
    licence="S-Lab License 1.0 (non-commercial)",
    capabilities=CAPABILITIES,
    verification=proven("harmon", "test_authors_harmon_drawing"),
    notes=(
        "Pictures are 512 pixels by default, as in the authors' scripts; the position tables are stored for 256 and "
        "interpolated.",
        "Captions are taken as given; the authors' batch script puts a full stop behind them, their other script does "
        "not.",
        "The authors' seeds cannot be repeated: they draw noise on the GPU.",
        "Without trained weights, diffusion steps at the very start of the process amplify rounding 20,000-fold.",
    ),
    defaults=DEFAULTS,
)
_LARGE = replace(_SMALL, id="harmon-1.5b", backbone="Qwen2.5 1.5B", parameters=2560.0, hub="wusize/Harmon-1_5B")


def _reca(card: ModelCard, hub: str) -> ModelCard:
    note = "A prompt for a picture may hold one picture, which is drawn anew (32 iterations in the authors' script)."
    return replace(
        card,
        id=f"{card.id}-reca",
        tuned_from=card.id,
        tuned_by="RecA",
        hub=hub,
        capabilities=REDRAWS,
        notes=(*card.notes, note),
    )


CARDS = by_id(
    _SMALL,
    _LARGE,
    _reca(_SMALL, "sanaka87/Harmon-0.5B-RecA"),
    _reca(_LARGE, "sanaka87/Harmon-1.5B-RecA"),
)
