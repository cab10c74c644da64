"""Where a model runs and in which precision, from the words a user gives."""

from __future__ import annotations

import torch

from unispect.core.errors import UsageError, unknown

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def device_for(name: str) -> torch.device:
    """The device named; "auto" takes a CUDA device if there is one, else the CPU.

    Raises:
        UsageError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"unknown device {name!r}; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"there is no device {name!r} here; use auto or cpu")
    return device


def dtype_for(name: str, device: torch.device) -> torch.dtype:
    """The dtype named; "auto" is float32 on the CPU and bfloat16 elsewhere.

    float16 is no choice: several published models overflow in it.

    Raises:
        UsageError: the name is no dtype that models run in.
    """
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    if name not in DTYPES:
        raise unknown("dtype", name, ["auto", *DTYPES])
    return DTYPES[name]
