"""How well the concept grader reads true pictures: size x change -> all four attributes right, and the None rate.

Run: python bench/grader.py [--step N] (every N-th concept; 1 takes them all)
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image
from scipy import ndimage

from unispect.core.seeds import generator_for
from unispect.data.concepts.grade import grade, grade_all
from unispect.data.concepts.render import render
from unispect.data.concepts.world import all_concepts

SIZES = (32, 48, 64, 128, 256, 384, 512, 768, 1024)
SOURCES = (64, 384, 512, 1024)
Change = Callable[[Image.Image, int], Image.Image]


def from_array(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8))


def clean(image: Image.Image, item: int) -> Image.Image:
    return image


def blurred(image: Image.Image, item: int) -> Image.Image:
    """5 x 5 pixels, sigma 1.2."""
    pixels = np.asarray(image, dtype=float)
    return from_array(ndimage.gaussian_filter(pixels, (1.2, 1.2, 0), radius=(2, 2, 0)))


def jpeg(image: Image.Image, item: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=75)
    return Image.open(file).convert("RGB")


def noisy(image: Image.Image, item: int) -> Image.Image:
    pixels = np.asarray(image, dtype=float)
    return from_array(pixels + generator_for("bench noise", item).normal(0, 8, pixels.shape))


CHANGES: dict[str, Change] = {"clean": clean, "blur": blurred, "jpeg": jpeg, "noise": noisy}


def measure(source: int, size: int, change: Change, step: int) -> tuple[float, float, dict[str, float]]:
    """Share with all four right, share of attributes that are None, and share wrong by attribute."""
    right, none, wrong, count = 0, 0, dict.fromkeys(("shape", "color", "pattern", "position"), 0), 0
    for item, concept in list(enumerate(all_concepts()))[::step]:
        image = render(concept, source)
        if size != source:
            image = image.resize((size, size), Image.Resampling.BICUBIC)
        seen = grade(change(image, item))
        hits = seen.right(concept)
        right += all(hits.values())
        none += sum(value is None for value in seen.values.values())
        count += 1
        for attribute, hit in hits.items():
            wrong[attribute] += not hit
    return right / count, none / count / 4, {name: value / count for name, value in wrong.items()}


def rows(step: int) -> Iterator[str]:
    for size in SIZES:
        for source in dict.fromkeys((size, *SOURCES)):
            cells = []
            for change in CHANGES.values():
                right, none, wrong = measure(source, size, change, step)
                worst = max(wrong, key=lambda name: wrong[name])
                cells.append(f"{right:7.2%} {none:6.2%} {worst if wrong[worst] else '':8}")
            yield f"{source:5} -> {size:<5}" + "  ".join(cells)


def speed() -> str:
    images = [render(concept, 64) for concept in list(all_concepts())[::4]]
    grade_all(images[:2])
    start = time.process_time()
    grade_all(images)
    return f"{len(images) / (time.process_time() - start):.0f} pictures of 64 pixels per second of processor time"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1)
    step = parser.parse_args().step
    print("all four right, attributes None, worst attribute\n" + " " * 14 + (" " * 18).join(CHANGES))
    for row in rows(step):
        print(row, flush=True)
    print(speed())


if __name__ == "__main__":
    main()
