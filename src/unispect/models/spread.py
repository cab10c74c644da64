"""A model whose weights lie on several devices, because one does not hold them.

Only blocks are spread: those of its stacks (the backbone, a transformer that draws), in order, each whole on one
device. All else, small beside them, is on the first device, where prompts come in and replies go out. Every block is
given what it works on where it lies, and the last of a stack hands its rows back to the first device, by the hooks of
accelerate.
"""

from __future__ import annotations

import itertools
from bisect import bisect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from accelerate.hooks import AlignDevicesHook, ModelHook, SequentialHook, add_hook_to_module
from accelerate.utils import send_to_device
from accelerate.utils.modeling import compute_module_sizes
from torch import nn

from unispect.core.errors import CheckpointError
from unispect.models.devices import free_bytes

DeviceMap = Mapping[str, torch.device]
"""Name of a module -> where it and what it holds lies, as accelerate writes it; the longest name counts."""

_GIB = 2**30


def device_map(
    network: nn.Module, stacks: Sequence[str], devices: Sequence[torch.device], dtypes: Mapping[str, torch.dtype]
) -> DeviceMap:
    """Where the parts of a network go.

    Devices hold shares of equal size, or in proportion to their free memory where that is known; the share of the first
    includes all that is no block.

    Args:
        network: may be on the meta device.
        stacks: names of the lists of blocks, in the order they are run.
        devices: the first holds what is in no stack.
        dtypes: name of a tensor -> the dtype it will have.

    Raises:
        CheckpointError: a part does not fit where it would go; says how much is missing.
    """
    sizes = compute_module_sizes(network, special_dtypes=dict(dtypes))  # pyright: ignore[reportArgumentType]  # says device
    blocks = [f"{stack}.{name}" for stack in stacks for name, _ in network.get_submodule(stack).named_children()]
    rest = sizes[""] - sum(sizes[block] for block in blocks)
    devices_of = {"": devices[0]}
    held = {device: rest if device == devices[0] else 0 for device in devices}
    ends = list(itertools.accumulate(_room_for_blocks(rest, sizes[""], devices)))
    passed = 0
    for block in blocks:
        here = devices[min(bisect(ends, passed + sizes[block] / 2), len(devices) - 1)]
        passed += sizes[block]
        held[here] += sizes[block]
        if here != devices[0]:
            devices_of[block] = here
    _require_room(held)
    return devices_of


def device_of(devices_of: DeviceMap, name: str) -> torch.device:
    """Where the tensor of that name lies."""
    parts = name.split(".")
    return next(devices_of[own] for n in range(len(parts), -1, -1) if (own := ".".join(parts[:n])) in devices_of)


def let_rows_travel(network: nn.Module, devices_of: DeviceMap, stacks: Sequence[str]) -> None:
    """Has every block of a filled network given its rows where it lies, if there are several devices."""
    if len(devices_of) == 1:
        return
    for stack in stacks:
        *inner, last = [(f"{stack}.{name}", block) for name, block in network.get_submodule(stack).named_children()]
        for name, block in inner:
            add_hook_to_module(block, AlignDevicesHook(device_of(devices_of, name)))
        name, block = last
        add_hook_to_module(
            block, SequentialHook(AlignDevicesHook(device_of(devices_of, name)), _HandBack(devices_of[""]))
        )


class _HandBack(ModelHook):
    """Sends what a block gives to a device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def post_forward(self, module: nn.Module, output: Any) -> Any:
        return send_to_device(output, self._device)


def _room_for_blocks(rest: int, total: int, devices: Sequence[torch.device]) -> list[float]:
    """Bytes of blocks that each device is to hold, of a network of `total` bytes, the `rest` of which is no block."""
    rooms = [free_bytes(device) for device in devices]
    known = [room for room in rooms if room is not None]
    weights = known if len(known) == len(rooms) and all(known) else [1] * len(rooms)
    first = max(0.0, total * weights[0] / sum(weights) - rest)
    others = [(total - rest - first) * weight / max(1, sum(weights[1:])) for weight in weights[1:]]
    return [first, *others]


def _require_room(held: Mapping[torch.device, int]) -> None:
    for device, size in held.items():
        free = free_bytes(device)
        if free is not None and size > free:
            raise CheckpointError(
                f"{size / _GIB:.1f} GiB of weights would go to {device}, and {free / _GIB:.1f} GiB are free there; "
                "spread the model over several GPUs (--device cuda:0,cuda:1, or --gpus-per-replica with --engine ray)"
            )
