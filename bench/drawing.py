"""How fast an organism draws, by batch size, and whether the pictures stay the same.

Prints processor seconds, which other work on the machine does not touch, beside wall seconds. The weights are fresh:
they do not change the work. Run with OMP_NUM_THREADS=1 for the numbers of one core.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from unispect.core.cards import ModelCard
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.janus_pro.card import CAPABILITIES, FAMILY, PARADIGM
from unispect.models.janus_pro.folder import start
from unispect.models.janus_pro.model import JanusPro
from unispect.organisms.families import IMAGE_SIZE, IMAGE_TOKENS
from unispect.organisms.making.janus_pro import write_files

WORDS = (
    "star red striped top left",
    "a circle",
    "plus turquoise checkered bottom right",
    "hexagon blue solid top right",
)


def organism() -> JanusPro:
    card = ModelCard("fresh", FAMILY, PARADIGM, None, IMAGE_SIZE, IMAGE_TOKENS, capabilities=CAPABILITIES)
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        model = start(card, folder, seed=0)
    for parameter in model.network.parameters():
        parameter.data *= 3 if parameter.ndim == 2 else 1
    return model


def timed(model: JanusPro, count: int, guidance: float, repeats: int) -> tuple[list[ImageReply], float, float]:
    """Replies, and the fewest processor and wall seconds of a few repeats."""
    prompts = [Prompt.of(WORDS[i % len(WORDS)]) for i in range(count)]
    how = ImageSampling(tuple(range(count)), guidance=guidance, temperature=1.0)
    replies: list[ImageReply] = []
    processor, wall = [], []
    for _ in range(repeats):
        before = time.process_time(), time.perf_counter()
        replies = model.draw(model.encode(prompts, Goal.IMAGE), how)
        processor.append(time.process_time() - before[0])
        wall.append(time.perf_counter() - before[1])
    return replies, min(processor), min(wall)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 3.0])
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    model = organism()
    print(f"{model.card.parameters} M parameters, {model.card.image_tokens} tokens, {torch.get_num_threads()} threads")
    print("guidance  batch  processor s  wall s  pictures / processor s  against batch 1  same as alone")
    for guidance in args.guidance:
        alone = [drawn_alone(model, i, guidance) for i in range(max(args.batches))]
        rate_alone = None
        for batch in args.batches:
            replies, processor, wall = timed(model, batch, guidance, args.repeats)
            rate = batch / processor
            rate_alone = rate_alone or rate
            same = sum(a.image.tobytes() == b.image.tobytes() for a, b in zip(replies, alone, strict=False))
            print(
                f"{guidance:8.1f}  {batch:5d}  {processor:11.2f}  {wall:6.2f}  {rate:22.1f}  "
                f"{rate / rate_alone:14.1f}x  {same} of {batch}"
            )


def drawn_alone(model: JanusPro, i: int, guidance: float) -> ImageReply:
    prompt = Prompt.of(WORDS[i % len(WORDS)])
    how = ImageSampling((i,), guidance=guidance, temperature=1.0)
    return model.draw(model.encode([prompt], Goal.IMAGE), how)[0]


if __name__ == "__main__":
    main()
