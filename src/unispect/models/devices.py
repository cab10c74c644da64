"""Where a model runs and in which precision, from the words a user gives.

Models run on CPUs and on CUDA devices (ROCm's go by the same name). Others that torch knows (`mps`, `xpu`) are taken
when they are named and there, and never chosen: no port was tried on them.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path

import torch

from unispect.core.errors import UsageError, unknown

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

_CPU_FLAGS = Path("/proc/cpuinfo")

KEEP_PAGES = "UNISPECT_KEEP_PAGES"
"""Environment variable; 0 leaves glibc's allocator as it is."""
_THEIRS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # malloc.h
_LARGEST_KEPT, _MOST_KEPT = 64 * 2**20, 256 * 2**20


def device_for(name: str) -> torch.device:
    """The device named; "auto" takes a CUDA device if there is one, else the CPU, also where there is an MPS or XPU.

    Raises:
        UsageError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"unknown device {name!r}; use auto, cpu, cuda, cuda:N or several: cuda:0,cuda:1") from error
    here = devices_here()
    if (device.index or 0) >= here.get(device.type, 0):
        names = [kind if index == 0 else f"{kind}:{index}" for kind, count in here.items() for index in range(count)]
        raise UsageError(f"there is no device {name!r} here, but {', '.join(names)}; use one of these, or auto")
    return device


def devices_here() -> dict[str, int]:
    """Kind of device -> how many of it there are, the CPU first; kinds that torch was not built for are left out."""
    found = {"cpu": 1}
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.device_count()
    other = torch.accelerator.current_accelerator(check_available=True)
    if other is not None and other.type not in found:
        found[other.type] = torch.accelerator.device_count()
    return found


def devices_for(names: str) -> tuple[torch.device, ...]:
    """The devices named, with commas between; a model spread over several begins and ends on the first.

    Raises:
        UsageError: there is no such device here, or one is named twice.
    """
    parts = [part.strip() for part in names.split(",")]
    if len(parts) > 1 and "auto" in parts:
        raise UsageError(f"auto is one device; of several, name each: {names!r}")
    devices = tuple(map(device_for, parts))
    if len({(device.type, device.index or 0) for device in devices}) < len(devices):
        raise UsageError(f"a device is named twice: {names!r}")
    return devices


def free_bytes(device: torch.device) -> int | None:
    """Memory that is free on a GPU, to this process; None elsewhere, where it can be lent out more than once."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def dtype_for(name: str, device: torch.device, *, in_bfloat16: bool = False) -> torch.dtype:
    """The dtype named; "auto" is bfloat16, but on the CPU float32 unless weights and processor are for bfloat16.

    float16 is no choice: several published models overflow in it.

    Args:
        name: as given.
        device: that the model begins on.
        in_bfloat16: its weights are stored so (`Checkpoint.in_bfloat16`).

    Raises:
        UsageError: the name is no dtype that models run in.
    """
    if name == "auto":
        narrow = device.type != "cpu" or (in_bfloat16 and computes_bfloat16())
        return torch.bfloat16 if narrow else torch.float32
    if name not in DTYPES:
        raise unknown("dtype", name, ["auto", *DTYPES])
    return DTYPES[name]


@cache
def computes_bfloat16() -> bool:
    """The processor multiplies matrices of bfloat16 by instructions of its own: AVX512_BF16, or AMX.

    Without them torch computes in bfloat16 too, but by way of float32, which saves memory and takes longer. Releases of
    torch without `torch.cpu.get_capabilities` are helped out by the kernel's list of flags; where there is neither, the
    answer is no.
    """
    told = getattr(torch.cpu, "get_capabilities", None)
    if told is not None:
        found = {name for name, there in told().items() if there is True}
    else:
        lines = _CPU_FLAGS.read_text().splitlines() if _CPU_FLAGS.is_file() else []
        found = set(next((line for line in lines if line.startswith("flags")), "").split())
    return not found.isdisjoint(("avx512_bf16", "amx_bf16"))


def keep_pages() -> bool:
    """Has glibc keep freed memory for what this process computes next; whether it does.

    As it comes, glibc gives back every larger tensor as soon as it is freed, and each of its pages costs a fault when
    the next tensor is made: a sixth to a third of the time of drawing. From now on what is smaller than 64 MiB is kept,
    at most 256 MiB at the end of the heap. Nothing is changed where the environment says how (`KEEP_PAGES`, or glibc's
    own variables), nor with another C library.
    """
    if not sys.platform.startswith("linux") or os.environ.get(KEEP_PAGES) == "0" or any(map(os.environ.get, _THEIRS)):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    thresholds = ((_MMAP_THRESHOLD, _LARGEST_KEPT), (_TRIM_THRESHOLD, _MOST_KEPT))
    return mallopt is not None and all(mallopt(*threshold) for threshold in thresholds)
