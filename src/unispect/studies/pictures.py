"""Pictures as the bytes that records keep."""

from __future__ import annotations

import io

from PIL.Image import Image


def png(image: Image) -> bytes:
    """The PNG file of a picture."""
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()
