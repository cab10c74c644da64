"""What is known about the published JanusFlow model without loading it."""

from __future__ import annotations

from unispect.core.cards import ModelCard
from unispect.models.cards import CAPABILITIES, by_id, proven

DEFAULTS = {"guidance": 2.0, "steps": 30}
PIXEL_DECODER = "stabilityai/sdxl-vae"
"""Where the pixel autoencoder is published; the model's own checkpoint does not hold it."""
CARDS = by_id(
    ModelCard(
        id="janusflow-1.3b",
        family="janus-flow",
        paradigm="rectified flow of continuous latents inside the language model, one trunk for both modalities",
        encoders="apart: a vision tower sees, latents of an autoencoder are drawn",
        generation="flow in the language model",
        backbone="DeepSeek-LLM 1.3B",
        parameters=2117.4,
        image_size=384,
        image_tokens=576,
        hub="deepseek-ai/JanusFlow-1.3B",
        licence="DeepSeek Model License",
        capabilities=CAPABILITIES,
        verification=proven("janus_flow", "test_janus_flow"),
        notes=(
            "Pictures have one size: 384 pixels, 576 latent tokens.",
            "A prompt for a picture holds text only.",
            f"Pixels come from another checkpoint, {PIXEL_DECODER}: as folder sdxl-vae in or next to the weights, or "
            "from the hub.",
            "The authors keep the picture being drawn in bfloat16; here it is float32, so pictures differ slightly.",
        ),
        defaults=DEFAULTS,
    )
)
