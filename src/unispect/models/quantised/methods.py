"""Which ways of quantising are read, as configurations name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unispect.core.errors import CheckpointError

SECTIONS = ("quantization_config", "compression_config", "dfloat11_config")
"""Keys of a configuration that say how weights were quantised."""
METHODS = ("fp8", "bitsandbytes", "compressed-tensors", "torchao")
"""Values of `quant_method` that are read."""
_DFLOAT11 = (
    "the weights are stored as DFloat11, which its package unpacks on NVIDIA GPUs alone (a kernel in CUDA); they are "
    "lossless: take the bfloat16 weights that they were made of"
)


def require_read(key: str, value: Any, where: str) -> None:
    """Raises `CheckpointError` where a section says that weights were quantised in a way that is not read.

    Args:
        key: one of `SECTIONS`.
        value: what stands there.
        where: file and section, for messages.
    """
    if key == "dfloat11_config":
        raise CheckpointError(f"{where}: {_DFLOAT11}")
    how = value.get("quant_method") if isinstance(value, Mapping) else None
    if how not in METHODS:
        raise CheckpointError(
            f"{where}: {key} says that the weights are quantised ({how or 'in some way'}), which is not read here "
            f"(read are {', '.join(METHODS)}); take the weights as they were before, of 16 bits or more"
        )


def require_no_dfloat11(keys: Mapping[str, Any], path: Mapping[str, Any]) -> None:
    """Raises `CheckpointError` where names of tensors are those of DFloat11.

    Args:
        keys: of all tensors.
        path: key -> the file that holds it.
    """
    found = next((key for key in keys if key.endswith((".encoded_exponent", ".sign_mantissa"))), None)
    if found:
        raise CheckpointError(f"{path[found]}: by {found!r}, {_DFLOAT11}")
