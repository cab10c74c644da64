"""What it costs to see every layer: streaming states against the bare forward pass of the stock trunk.

Prints processor seconds and the memory of the states held at a time. `--width 2048 --layers 4` has the shape of a
Janus-Pro-1B trunk, cut to four of its 24 layers.
"""

import argparse
import time
import weakref
from collections.abc import Callable

import torch
from transformers import LlamaConfig, LlamaModel

from unispect.models.capture import stream


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The fewest processor seconds of a few repeats."""
    times = []
    for _ in range(repeats + 1):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return min(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, nargs="+", default=[128, 2048])
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--length", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    print("width  layers  length  bare s  streamed s  overhead  layers held")
    for width in args.width:
        config = LlamaConfig(
            vocab_size=8,
            hidden_size=width,
            intermediate_size=int(width * 2.75),
            num_hidden_layers=args.layers,
            num_attention_heads=max(4, width // 128),
            attn_implementation="sdpa",
        )
        trunk = LlamaModel(config).eval()
        rows = torch.randn(1, args.length, width)
        with torch.inference_mode():
            bare = seconds(lambda trunk=trunk, rows=rows: trunk(inputs_embeds=rows, use_cache=False), args.repeats)
            streamed = seconds(lambda trunk=trunk, rows=rows: consumed(trunk, rows), args.repeats)
        with torch.no_grad():  # where what a state is a view of can be told
            held = consumed(trunk, rows)
        print(
            f"{width:5d}  {args.layers:6d}  {args.length:6d}  {bare:6.3f}  {streamed:10.3f}  "
            f"{streamed / bare - 1:8.1%}  {held:11d}"
        )


def consumed(trunk: LlamaModel, rows: torch.Tensor) -> int:
    """Goes through all layers; the most that were alive when one was handed over."""
    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0
    for state in stream(trunk, rows):
        alive.append(weakref.ref(state if state._base is None else state._base))
        del state
        most = max(most, sum(layer() is not None for layer in alive))
    return most


if __name__ == "__main__":
    main()
