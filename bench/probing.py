"""What it costs to see every layer: streaming states against the bare forward pass of the stock backbone.

Prints processor seconds and the memory of the states held at a time. `--width 2048 --layers 4` has the shape of a
Janus-Pro-1B backbone, cut to four of its 24 layers. Then what the controlled preset costs for one prompt at one layer:
one bandwidth with its null against all that are measured, and one reading of a reply against all.
"""

import argparse
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaModel

from unispect.metrics.dependence import matched_proxies, mismatch_gain, overlap_divergence
from unispect.metrics.presets import Controlled
from unispect.metrics.sampling import Draws, calibrate, drawn_entropies, sampled_entropies
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
        backbone = LlamaModel(config).eval()
        rows = torch.randn(1, args.length, width)
        with torch.inference_mode():
            bare = seconds(
                lambda backbone=backbone, rows=rows: backbone(inputs_embeds=rows, use_cache=False), args.repeats
            )
            streamed = seconds(lambda backbone=backbone, rows=rows: consumed(backbone, rows), args.repeats)
        with torch.no_grad():  # where what a state is a view of can be told
            held = consumed(backbone, rows)
        print(
            f"{width:5d}  {args.layers:6d}  {args.length:6d}  {bare:6.3f}  {streamed:10.3f}  "
            f"{streamed / bare - 1:8.1%}  {held:11d}"
        )
    print("\nwidth  one bandwidth ms  all ms  ratio  one reading ms  both, and P_k at three more ms  ratio")
    for width in args.width:
        numbers = [1000 * seconds(work, args.repeats) for work in controlled(width, args.length)]
        one, every, reading, readings = numbers
        print(
            f"{width:5d}  {one:16.1f}  {every:6.1f}  {every / one:5.2f}  {reading:14.1f}  {readings:30.1f}  "
            f"{readings / reading:5.2f}"
        )


def controlled(width: int, length: int) -> list[Callable[[], object]]:
    """One prompt at one layer: entropy at one width, at all; a reply and four others by one reading, by all."""
    how = Controlled()
    prompt, reply, *others = (torch.randn(length, width) for _ in range(6))
    rows = {"text": [prompt, *others[:2]], "image": [reply, *others[2:]]}
    calibration = calibrate(rows, rows=how.calibration_rows, generator=np.random.default_rng(0))
    text, image = calibration.own["text"], calibration.own["image"]

    def draw() -> dict[str, Any]:
        return {"k": how.rows, "draws": how.draws, "generator": np.random.default_rng(0)}

    def entropies(*sigmas: float) -> object:
        return sampled_entropies(prompt, sigmas=sigmas, nulls=1, **draw())

    def all_entropies() -> object:
        sigmas = (text.sigma, text.sigma / 2, 2 * text.sigma, calibration.shared)
        return drawn_entropies(prompt, Draws(len(prompt), **draw()), sigmas=sigmas, scaled=text, nulls=1)

    def gain(prompt: torch.Tensor, reply: torch.Tensor, others: list[torch.Tensor], sigma: float) -> object:
        overlap = overlap_divergence(prompt, reply, sigma=sigma)
        return overlap, mismatch_gain(prompt, reply, others, sigma=sigma, **draw())

    def all_gains() -> object:
        own = [text.normalised(prompt), *(image.normalised(one) for one in (reply, *others))]
        scaled = text.standardised(prompt), image.standardised(reply)
        return (
            gain(prompt, reply, others, calibration.shared),
            gain(own[0], own[1], own[2:], 1.0),
            matched_proxies(own[0], own[1], sigmas=(0.5, 2.0), **draw()),
            matched_proxies(*scaled, sigmas=(1.0,), **draw()),
        )

    return [
        lambda: entropies(text.sigma),
        all_entropies,
        lambda: gain(prompt, reply, others, calibration.shared),
        all_gains,
    ]


def consumed(backbone: LlamaModel, rows: torch.Tensor) -> int:
    """Goes through all layers; the most that were alive when one was handed over."""
    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0
    for state in stream(backbone, rows):
        alive.append(weakref.ref(state if state._base is None else state._base))
        del state
        most = max(most, sum(layer() is not None for layer in alive))
    return most


if __name__ == "__main__":
    main()
