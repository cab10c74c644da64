"""What drawing would take if it were arithmetic alone: its products, convolutions and attentions called by themselves.

    OMP_NUM_THREADS=1 python bench/floor.py [--only tiny-janus-pro ...] [--batch 1 16]

One draw of every organism is recorded: which of these operators were called with tensors of which shapes and strides.
Each is then called as often, alone, on random numbers (`floor s`; what it reads is in the cache more often than in the
draw, so the real floor is a little higher). `share` is that of the whole draw; its inverse is what can be gained at
most without doing less arithmetic. Every row is a process of its own; the quickest of a few repeats is told.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from draw import WORDS
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_SELDOM = 200
"""Calls of one operator at one shape that are really made; more are reckoned from as many."""


@dataclass(frozen=True)
class Like:
    """A tensor as a key: all that decides which kernel runs on it and for how long."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def made(self) -> torch.Tensor:
        reach = 1 + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        whole = torch.randn(reach) if self.dtype.is_floating_point else torch.ones(reach)  # strides of 0 share numbers
        return whole.to(self.dtype).as_strided(self.shape, self.stride)


@dataclass(frozen=True)
class Row:
    """A draw and its floor, in processor seconds; `calls` of operators, of which `heavy` ones were called alone."""

    processor: float
    floor: float
    flops: int
    calls: int
    heavy: int
    traits: Mapping[str, str]


class Recorder(TorchDispatchMode):
    """Counts the operators of what runs under it, composite ones by their parts, and keeps the shapes of heavy ones."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.flops = 0
        self.heavy: Counter[tuple[Any, ...]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, packet = kwargs or {}, func._overloadpacket
        if packet not in flop_registry and packet is not _ATTENTION:
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
            self.calls += 1
            return func(*args, **kwargs)
        out = func(*args, **kwargs)
        self.calls += 1
        self.flops += _flops(packet, args, kwargs, out)
        said = tree_map_only(torch.Tensor, lambda t: Like(tuple(t.shape), t.stride(), t.dtype), (args, kwargs))
        self.heavy[func, _frozen(said[0]), _frozen(said[1])] += 1
        return out


def _flops(packet: Any, args: Any, kwargs: Any, out: Any) -> int:
    if packet is _ATTENTION:
        return sdpa_flop_count(*(one.shape for one in args[:3]))
    return flop_registry[packet](*args, **kwargs, out_val=out)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((name, _frozen(inner)) for name, inner in value.items())
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


def replayed(heavy: Mapping[tuple[Any, ...], int], repeats: int) -> float:
    """Processor seconds of the recorded calls, each kind by itself."""
    total = 0.0
    for (func, args, kwargs), count in heavy.items():
        given, named = tree_map_only(Like, Like.made, (args, dict(kwargs)))
        few = min(count, _SELDOM)

        def run(func: Any = func, given: Any = given, named: Any = named, few: int = few) -> None:
            for _ in range(few):
                func(*given, **named)

        total += quickest(run, repeats) * count / few
    return total


def quickest(work: Callable[[], object], repeats: int) -> float:
    """Processor seconds of the quickest of `repeats` calls, after one that is not counted."""
    spent = []
    for _ in range(repeats + 1):
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)
    return min(spent[1:])


def measure(name: str, batch: int, guidance: float, repeats: int) -> Row:
    import unispect
    from unispect.core.prompts import Goal, Prompt
    from unispect.core.replies import ImageSampling
    from unispect.engine.machine import traits_of

    torch.set_num_threads(1)
    model = unispect.load(name, device="cpu", dtype="float32")
    prompts = [Prompt.of(WORDS[i % len(WORDS)]) for i in range(batch)]
    how = ImageSampling(tuple(range(batch)), guidance=guidance)

    def draw() -> None:
        model.draw(model.encode(prompts, Goal.IMAGE), how)

    processor = quickest(draw, repeats)
    with Recorder() as recorder:
        draw()
    with torch.inference_mode():
        floor = replayed(recorder.heavy, repeats)
    heavy = sum(recorder.heavy.values())
    return Row(processor, floor, recorder.flops, recorder.calls, heavy, traits_of(model))


def alone(work: Callable[..., Any], *told: Any) -> Any:
    """What `work` gives in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, told)


def print_traits(traits: Mapping[str, str]) -> None:
    print("; ".join(f"{name}: {value}" for name, value in traits.items()))


def main() -> None:
    from unispect.organisms.families import SHIPPED

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[family.organism for family in SHIPPED.values()])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    told = False
    for name in options.only:
        for batch in options.batch:
            row = alone(measure, name, batch, options.guidance, options.repeats)
            if not told:
                print_traits(row.traits)
                print(f"{'organism':<16} batch  processor s    GFLOP  GFLOP/s  floor s  share    calls    heavy")
                told = True
            print(
                f"{name:<16}{batch:6d}{row.processor:13.3f}{row.flops / 1e9:9.1f}{row.flops / 1e9 / row.processor:9.1f}"
                f"{row.floor:9.3f}{row.floor / row.processor:7.0%}{row.calls:9,d}{row.heavy:9,d}",
                flush=True,
            )


if __name__ == "__main__":
    main()
