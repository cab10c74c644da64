"""Inspects unified multimodal models: can it tell what it can draw, and do text and images live in one space?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unispect.models.base import UnifiedModel

__all__ = ["load"]


def load(name: str, weights: str | Path | None = None, device: str = "auto", dtype: str = "auto") -> UnifiedModel:
    """A model by name, ready to encode, draw, write, score and be probed (see `unispect.models.registry.load`)."""
    from unispect.models.registry import load as load_model

    return load_model(name, weights, device, dtype)
