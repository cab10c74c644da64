"""Keys and values of earlier positions, in buffers that are allocated once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache as remembered
from typing import Any

import torch
from torch import Tensor, nn


class KeyValueCache:
    """What the attention of stock backbones asks of a cache, without growing tensors at every step.

    It is no subclass of the `Cache` of transformers: blocks ask for `update` alone, a subclass owes much more.

    Args:
        room: positions it can hold.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self._keys: dict[int, Tensor] = {}
        self._values: dict[int, Tensor] = {}
        self._lengths: dict[int, int] = {}

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        """Appends [batch, heads, new, width] to a layer; returns everything the layer holds, as views.

        Whatever else a block says is for other kinds of caches (transformers 5.24 adds `kwargs`).
        """
        start = self._lengths.get(layer, 0)
        stop = start + keys.shape[2]
        if layer not in self._keys:
            shape = (*keys.shape[:2], self.room, keys.shape[3])
            self._keys[layer] = torch.empty(shape, dtype=keys.dtype, device=keys.device)
            self._values[layer] = torch.empty_like(self._keys[layer])
        held = self._keys[layer], self._values[layer]
        for buffer, new in zip(held, (keys, values), strict=True):
            buffer.narrow(2, start, stop - start).copy_(new)
        self._lengths[layer] = stop
        return held[0].narrow(2, 0, stop), held[1].narrow(2, 0, stop)

    @property
    def length(self) -> int:
        """Positions held."""
        return self._lengths.get(0, 0)

    def shorten(self, length: int) -> None:
        """Forgets every position from `length` on; their room is used again."""
        self._lengths = {layer: min(length, held) for layer, held in self._lengths.items()}

    def first(self, count: int) -> KeyValueCache:
        """A cache of the first rows, in the same buffers: what is appended to it, others of its kind overwrite."""
        view = KeyValueCache(self.room)
        view._keys = {layer: keys[:count] for layer, keys in self._keys.items()}
        view._values = {layer: values[:count] for layer, values in self._values.items()}
        view._lengths = dict(self._lengths)
        return view

    def spread(self, index: Sequence[Tensor]) -> None:
        """In every layer, in the place of its rows, those of the numbers `index[layer]`, in this order."""
        for layer, rows in enumerate(index):
            keys, values = self._keys[layer], self._values[layer]
            self._keys[layer], self._values[layer] = keys[rows.to(keys.device)], values[rows.to(values.device)]

    def picked(self, index: Tensor) -> KeyValueCache:
        """A copy with the rows of these numbers, in this order."""
        copy = KeyValueCache(self.room)
        copy._keys = {layer: keys[index.to(keys.device)] for layer, keys in self._keys.items()}
        copy._values = {layer: values[index.to(values.device)] for layer, values in self._values.items()}
        copy._lengths = dict(self._lengths)
        return copy


def kept_in(block: Callable[..., Any], cache: KeyValueCache | None) -> dict[str, KeyValueCache]:
    """A cache as the argument by which a block, or its attention, takes one; none if there is no cache.

    transformers 5.24 renamed `past_key_values` to `cache`, and from 5.40 on it takes the new name alone.

    Args:
        block: of a stock backbone, or a callable of this package, which takes `cache`.
        cache: keys and values of earlier positions.

    Raises:
        TypeError: the block takes neither.
    """
    if cache is None:
        return {}
    return {_argument(type(block).forward) if isinstance(block, nn.Module) else "cache": cache}


@remembered
def _argument(forward: Callable[..., Any]) -> str:
    taken = inspect.signature(forward).parameters  # of the function itself, also where a decorator stands before it
    for name in ("cache", "past_key_values"):
        if name in taken:
            return name
    raise TypeError(f"{forward.__qualname__} takes no cache; it takes {', '.join(taken)}")
