"""What is known about the toy without loading it. Nothing here imports torch."""

from unispect.core.cards import ModelCard
from unispect.models.cards import CAPABILITIES
from unispect.models.registry import Entry

CARD = ModelCard(
    id="toy",
    family="toy",
    paradigm="colours of patches, autoregressive in raster order, one backbone for both modalities",
    encoders="one: the colours that are seen are those that are drawn",
    parameters=None,
    image_size=16,
    image_tokens=16,
    capabilities=CAPABILITIES,
    notes=("It has no published weights: name a folder (toy=FOLDER).",),
    defaults={"guidance": 3.0, "temperature": 1.0},
)
ENTRY = Entry(CARD, f"{__package__}.folder:load")
