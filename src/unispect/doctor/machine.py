"""What a look at this machine and this installation finds, one thing after the other."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from unispect.doctor.checks import Check
from unispect.doctor.packages import check_packages, failed
from unispect.doctor.trial import try_models, try_outputs

LEAST_DISK = 2 * 2**30
"""Bytes below which a run with pictures is likely to fill the disk."""


def checks() -> Iterator[Check]:
    """Everything that is looked at; no look keeps the others from being taken."""
    for name, look in LOOKS.items():
        try:
            yield from look()
        except Exception as error:  # a broken installation must not stop the other checks
            yield failed(name, error)


def _devices() -> Iterator[Check]:
    import torch

    from unispect.models.devices import computes_bfloat16

    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    yield Check(
        "ok", "cpu", f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} (OMP_NUM_THREADS {threads})"
    )
    yield Check(
        "ok",
        "bfloat16",
        "this processor computes in it: on the CPU, weights that are stored in it run in it (--dtype auto)"
        if computes_bfloat16()
        else "no AVX512_BF16 or AMX in this processor: on the CPU, everything runs in float32 (--dtype auto)",
    )
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        yield Check("ok", f"cuda:{index}", f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB")
    if torch.backends.mps.is_available():
        yield Check("ok", "mps", "available")
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        yield Check("note", "gpu", "none; the tiny models need none, the published ones run slowly without")


def _memory() -> Iterator[Check]:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    except (ValueError, OSError, AttributeError):
        yield Check("note", "memory", "cannot be read on this system")
        return
    yield Check("ok" if total >= 3 else "note", "memory", f"{total:.1f} GiB (the demo needs 2.5)")


def _disk() -> Iterator[Check]:
    free = shutil.disk_usage(Path.cwd()).free
    level = "ok" if free >= LEAST_DISK else "note"
    yield Check(level, "disk", f"{free / 2**30:.1f} GiB free in {Path.cwd()}")


def _byte_code() -> Iterator[Check]:
    """Whether modules stay compiled: containers often forbid it, and some installers leave it to the first import."""
    torch = find_spec("torch")
    if torch is None or torch.origin is None:
        return
    if not sys.dont_write_bytecode or Path(cache_from_source(torch.origin)).exists():
        yield Check("ok", "byte code", "modules are compiled once")
        return
    packages = Path(torch.origin).parents[1]
    mend = f"unset PYTHONDONTWRITEBYTECODE, or once: {sys.executable} -m compileall -q {packages}"
    yield Check("note", "byte code", f"every command compiles torch and transformers anew, which takes seconds; {mend}")


def _browser() -> Iterator[Check]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found:
        yield Check("ok", "browser", found)
    else:
        yield Check("note", "browser", "no chromium; reports do not need it, only their browser test does")


def _encoding() -> Iterator[Check]:
    encoding = (sys.stdout.encoding or "unknown").lower()
    level = "ok" if "utf" in encoding else "note"
    yield Check(
        level, "terminal", f"{encoding}" + ("" if level == "ok" else "; set PYTHONUTF8=1 to see all characters")
    )


def _keys() -> Iterator[Check]:
    """Of models behind an API: names only."""
    from unispect.chat.named import PROVIDERS

    variables = dict.fromkeys(name for provider in PROVIDERS.values() for name in provider.variables)
    held = [name for name in variables if os.environ.get(name, "").strip()]
    if held:
        yield Check("ok", "keys", f"{', '.join(held)} set")
    else:
        yield Check("note", "keys", f"none of {', '.join(variables)} is set; only models behind an API need one")


def _network() -> Iterator[Check]:
    """Proxies and certificates that the environment names, which decide whether models behind an API can be asked."""
    from unispect.chat.network import problems

    found = problems(("https://api.example.org", "http://server.example.org"))
    yield from (Check("note", "network", problem) for problem in found)
    if not found:
        yield Check("ok", "network", "proxies and certificates that the environment names can be used")


LOOKS: dict[str, Callable[[], Iterator[Check]]] = {
    "packages": check_packages,
    "devices": _devices,
    "memory": _memory,
    "disk": _disk,
    "terminal": _encoding,
    "byte code": _byte_code,
    "browser": _browser,
    "keys": _keys,
    "network": _network,
    "shipped models": try_models,
    "outputs": try_outputs,
}
