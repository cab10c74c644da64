"""What of the process that computes can change last digits, as text for `run.json` (docs/scale.md)."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SWITCHES = (
    "ATEN_CPU_CAPABILITY",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
)
"""Environment variables that make kernels choose other instructions."""


def traits_of(model: object) -> Mapping[str, str]:
    """Name -> value of what decides in which order, and how precisely, this process adds up.

    Empty for what is not computed by torch here: a model behind an API, a model of a test.
    """
    torch: Any = sys.modules.get("torch")
    device = getattr(model, "device", None)
    if torch is None or device is None or not isinstance(device, torch.device):
        return {}
    import scipy

    from unispect.metrics.threads import openblas_threads  # imports torch, which is there by now

    config = torch.__config__.show()
    libraries = [f"torch {torch.__version__}"]
    for name, pattern in (("MKL", r"Math Kernel Library Version (\S+)-"), ("oneDNN", r"MKL-DNN v(\S+)")):
        libraries += [f"{name} {version}" for version in re.findall(pattern, config)[:1]]
    openblas = openblas_threads()  # solves what metrics.symmetric gives it
    libraries.append(f"scipy {scipy.__version__} with {openblas.config if openblas else 'another BLAS than OpenBLAS'}")
    found = {
        "cpu": f"{_cpu()}, kernels for {torch.backends.cpu.get_cpu_capability()}",
        "threads": str(torch.get_num_threads()),
        "float32 products": torch.get_float32_matmul_precision(),
        **{name: os.environ[name] for name in SWITCHES if os.environ.get(name)},
    }
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        found["gpu"] = f"{torch.cuda.get_device_name(device)}, compute capability {major}.{minor}"
        libraries += [f"CUDA {torch.version.cuda}", f"cuDNN {torch.backends.cudnn.version()}"]
    return {**found, "kernels": ", ".join(libraries)}


def together(traits: Iterable[Mapping[str, str]]) -> Mapping[str, str]:
    """Traits of several processes as those of one; where they differ, every value once, in order."""
    values: dict[str, dict[str, None]] = {}
    for one in traits:
        for name, value in one.items():
            values.setdefault(name, {})[value] = None
    return {name: " or ".join(found) for name, found in values.items()}


def _cpu() -> str:
    """Name of the processor; where the system does not tell, its architecture."""
    try:
        names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        names = []
    return names[0].strip() if names else platform.processor() or platform.machine()
