"""Pictures as the bytes that records keep."""

from __future__ import annotations

import io

from PIL import Image as Pillow
from PIL.Image import Image

from unispect.core.units import Prior, Unit


def png(image: Image) -> bytes:
    """The PNG file of a picture."""
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def own_picture(unit: Unit, prior: Prior) -> Image:
    """What the model drew in an earlier stage, for a unit whose input `drawing` names the unit that drew it.

    Raises:
        PriorMissing: that unit left no picture.
    """
    with Pillow.open(io.BytesIO(prior(str(unit.inputs["drawing"])).pictures["picture"])) as picture:
        return picture.convert("RGB")
