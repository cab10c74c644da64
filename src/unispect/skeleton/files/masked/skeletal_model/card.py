"""What is known about the model without loading it. Nothing here imports torch."""

from unispect.core.cards import ModelCard, Verification
from unispect.models.cards import CAPABILITIES
from unispect.models.registry import Entry

# REPLACE: what your model is. `hub` is where its weights are published ("owner/name"), and `verification` says what of
# the port is proven, and where: nothing is claimed that no test shows.
CARD = ModelCard(
    id="skeletal-model",
    family="skeletal-model",
    paradigm="image tokens, the surest guesses of all open positions first, by one backbone for both modalities",
    encoders="one: the image tokens that are seen are those that are drawn",
    generation="masked codes",
    contextual=True,
    parameters=None,
    image_size=16,
    image_tokens=16,
    capabilities=CAPABILITIES,
    verification=Verification(contract="tests/test_contract.py"),
    notes=("It has no published weights: name a folder (skeletal-model=FOLDER).",),
    defaults={"guidance": 3.0, "temperature": 1.0, "steps": 4},
)
ENTRY = Entry(CARD, f"{__package__}.folder:load")
