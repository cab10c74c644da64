"""What is known about the published OmniGen2 model without loading it."""

from __future__ import annotations

from collections.abc import Mapping

from unispect.core.cards import ModelCard
from unispect.models.cards import REDRAWS, by_id, proven

DEFAULTS: Mapping[str, float] = {"guidance": 4.0, "image_guidance": 1.0, "steps": 28, "image_size": 1024}
CARDS = by_id(
    ModelCard(
        id="omnigen2",
        family="omnigen2",
        paradigm="rectified flow of latents in a transformer of its own, which hears the last states of a "
        "vision-language model",
        encoders="apart: a vision tower sees for the language model; latents of an autoencoder are drawn by another "
        "network",
        generation="flow in a second network",
        backbone="Qwen2.5-VL 3B",
        parameters=7805.6,
        image_size=1024,
        image_tokens=4096,
        hub="OmniGen2/OmniGen2",
        licence="see its page on the hub",
        capabilities=frozenset({*REDRAWS, "probe_decoder"}),
        verification=proven("omnigen2", "test_authors_omnigen2_drawing"),
        notes=(
            "Two networks: what is written comes from Qwen2.5-VL; what is drawn comes from a transformer that is told "
            "the prompt's last states and nothing else.",
            "Pictures in a prompt for a picture reach that transformer alone; drawing.chat also shows them "
            "to the language model, as the authors' chat does.",
            "The published system line speaks of pictures and makes the model answer questions with a request to draw; "
            "another line, and the penalty on repetitions of the published settings, through "
            "model.with_settings(writing=...).",
            "Latents of given pictures are the posterior's means, where the authors draw them at random.",
        ),
        defaults=DEFAULTS,
        no_states={
            "image": "pictures are drawn by a second network, and the language model holds no rows of them, only those "
            "of the prompt"
        },
    )
)
