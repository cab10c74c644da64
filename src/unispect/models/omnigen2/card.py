"""What is known about the published OmniGen2 model without loading it."""

from __future__ import annotations

from collections.abc import Mapping

from unispect.core.cards import Capability, ModelCard, Verification

FAMILY = "omnigen2"
PARADIGM = (
    "rectified flow of latents in a transformer of its own, which hears the last states of a vision-language model"
)
ENCODERS = "apart: a vision tower sees for the language model; latents of an autoencoder are drawn by another network"
CAPABILITIES: frozenset[Capability] = frozenset(
    {"write", "draw", "score", "see", "probe", "probe_decoder", "learn", "redraw"}
)
NO_STATES: Mapping[str, str] = {
    "image": "pictures are drawn by a second network, and the language model holds no rows of them, only those of the "
    "prompt"
}
DEFAULTS: Mapping[str, float] = {"guidance": 4.0, "image_guidance": 1.0, "steps": 28, "image_size": 1024}
VERIFICATION = Verification(
    keys="tests/unit/models/omnigen2/test_omnigen2_full_size.py",
    numbers="tests/parity/test_authors_omnigen2_drawing.py",
    contract="tests/contract/test_models.py",
)

CARDS: dict[str, ModelCard] = {
    "omnigen2": ModelCard(
        id="omnigen2",
        family=FAMILY,
        paradigm=PARADIGM,
        encoders=ENCODERS,
        parameters=7805.6,
        image_size=1024,
        image_tokens=4096,
        hub="OmniGen2/OmniGen2",
        licence="see its page on the hub",
        capabilities=CAPABILITIES,
        verification=VERIFICATION,
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
        no_states=NO_STATES,
    )
}
