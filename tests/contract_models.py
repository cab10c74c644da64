"""The models that the contract suite runs on: a name and how to make one at tiny random scale, without any download.

A new family adds one line here.
"""

from collections.abc import Callable
from pathlib import Path

import tiny_janus

from unispect.models.base import UnifiedModel
from unispect.models.janus_pro.folder import load


def janus_pro(folder: Path, dtype: str) -> UnifiedModel:
    if not folder.exists():
        tiny_janus.write_checkpoint(folder)
    return load(tiny_janus.TINY, folder, device="cpu", dtype=dtype)


MODELS: dict[str, Callable[[Path, str], UnifiedModel]] = {
    "janus-pro": janus_pro,
}
"""Name -> (folder for its files, dtype) -> model."""
