"""How fast every organism draws, by batch size, whether each picture is the one drawn alone, and where the time goes.

Each row is a process of its own, so that its peak memory is its own. Processor seconds, which other work on the machine
does not touch, stand beside wall seconds. "outside" is the share of processor time spent in no module of the network:
templates, sampling, noise, making pictures of pixels. Run with OMP_NUM_THREADS=1 for the numbers of one core.
"""

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WORDS = (
    "star red striped top left",
    "a circle",
    "plus turquoise checkered bottom right",
    "hexagon blue solid top right",
)


@dataclass(frozen=True)
class Row:
    processor: float
    wall: float
    inside: float
    peak_mib: float
    same: int


def measure(name: str, batch: int, guidance: float, repeats: int) -> Row:
    """The quickest of a few repeats, after one that is not counted."""
    import torch

    import unispect
    from unispect.core.prompts import Goal, Prompt
    from unispect.core.replies import ImageSampling

    torch.set_num_threads(1)
    model = unispect.load(name, device="cpu", dtype="float32")
    inside = _clock_of_modules()
    prompts = [Prompt.of(WORDS[i % len(WORDS)]) for i in range(batch)]
    how = ImageSampling(tuple(range(batch)), guidance=guidance)
    replies = model.draw(model.encode(prompts, Goal.IMAGE), how)
    spent = []
    for _ in range(repeats):
        before, start, within = time.process_time(), time.perf_counter(), inside()
        model.draw(model.encode(prompts, Goal.IMAGE), how)
        spent.append((time.process_time() - before, time.perf_counter() - start, inside() - within))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    alone = [
        model.draw(model.encode([prompt], Goal.IMAGE), ImageSampling((i,), guidance=guidance))[0]
        for i, prompt in enumerate(prompts)
    ]
    same = sum(a.image.tobytes() == b.image.tobytes() for a, b in zip(alone, replies, strict=True))
    processor, wall, within = min(spent)
    return Row(processor, wall, within, peak, same)


def _clock_of_modules() -> Callable[[], float]:
    """Counts from now on the processor time within calls of modules; a module called by a module counts once."""
    import torch

    state = {"depth": 0, "total": 0.0}
    plain = torch.nn.Module.__call__

    def counted(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
        if state["depth"]:
            return plain(module, *args, **kwargs)
        state["depth"], begin = 1, time.process_time()
        try:
            return plain(module, *args, **kwargs)
        finally:
            state["depth"] = 0
            state["total"] += time.process_time() - begin

    torch.nn.Module.__call__ = counted
    return lambda: state["total"]


def main() -> None:
    from unispect.organisms.families import SHIPPED

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=[family.organism for family in SHIPPED.values()])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 3.0])
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    print("model            guidance  batch  processor s  wall s  pictures/s  against 1  same   outside  peak MiB")
    for name in args.models:
        for guidance in args.guidance:
            rate_alone = None
            for batch in args.batches:
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    row = pool.apply(measure, (name, batch, guidance, args.repeats))
                rate = batch / row.processor
                rate_alone = rate_alone or rate
                outside = 1 - row.inside / row.processor
                print(
                    f"{name:16} {guidance:8.1f}  {batch:5d}  {row.processor:11.2f}  {row.wall:6.2f}  {rate:10.1f}  "
                    f"{rate / rate_alone:8.1f}x  {row.same:2d}/{batch:<2d}  {outside:7.0%}  {row.peak_mib:8.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
