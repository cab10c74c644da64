"""Pictures as the bytes that records keep."""

from __future__ import annotations

import io

from PIL.Image import Image

from unispect.core.typed import read_inputs
from unispect.core.units import Unit, Upstream
from unispect.data.images import stored_picture
from unispect.studies.answers import OfDrawing


def png(image: Image) -> bytes:
    """The PNG file of a picture."""
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def own_picture(unit: Unit, upstream: Upstream) -> Image:
    """What the model drew in an earlier stage, for a unit whose input `drawing` names the unit that drew it.

    Raises:
        PriorMissing: that unit left no picture.
        DataError: the picture cannot be read.
    """
    drawing = read_inputs(OfDrawing, unit).drawing
    return stored_picture(upstream(drawing).pictures["picture"], f"the picture drawn for unit {drawing}").convert("RGB")
