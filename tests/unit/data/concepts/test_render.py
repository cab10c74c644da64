import csv
import hashlib

import numpy as np
import pytest

from tests.helpers.reference import need_reference
from unispect.core.errors import UsageError
from unispect.data.concepts.render import render
from unispect.data.concepts.world import RGB, VALUES, Concept, all_concepts

SAMPLE = Concept("star", "green", "zigzag", "bottom left")


def published():
    with (need_reference("modal_aphasia") / "concepts_render_reference.csv").open() as file:
        return list(csv.DictReader(file))


def concept_of(row):
    return Concept(row["shape"], row["color"], row["pattern"], row["position"])


def counts(image):
    pixels = np.asarray(image)
    return int((pixels == 0).all(-1).sum()), int((pixels == 255).all(-1).sum())


EVERY = pytest.mark.nightly("tests/unit/data/concepts/test_render.py::test_published_pixel_counts_and_bytes")


@pytest.mark.slow
@pytest.mark.parametrize("every", [11, pytest.param(1, marks=EVERY)])  # 11 shares no factor with the world's shape
@pytest.mark.parametrize("size", [384, 512])
def test_published_pixel_counts_and_bytes(size, every):
    rows = published()
    assert [concept_of(row) for row in rows] == list(all_concepts())
    for row in rows[::every]:
        image = render(concept_of(row), size)
        assert counts(image) == (int(row[f"black_{size}"]), int(row[f"white_{size}"])), row
        assert hashlib.sha256(image.tobytes()).hexdigest()[:16] == row[f"sha16_{size}"], row


GOLDEN = {  # black and white pixels at 384 and 512, from our own renderer
    Concept("circle", "red", "solid", "top left"): ((16493, 0), (29233, 0)),
    Concept("plus", "blue", "checkered", "bottom right"): ((11809, 71651), (20865, 127385)),
}


@pytest.mark.parametrize("concept", GOLDEN)
def test_golden_pixel_counts(concept):
    assert tuple(counts(render(concept, size)) for size in (384, 512)) == GOLDEN[concept]


@pytest.mark.parametrize("size", [32, 33, 64, 100, 256, 384, 512, 768])
def test_any_size_is_square_rgb_and_repeatable(size):
    image = render(SAMPLE, size)
    assert image.size == (size, size)
    assert image.mode == "RGB"
    assert image.tobytes() == render(SAMPLE, size).tobytes()


@pytest.mark.parametrize("size", [64, 128, 256, 768, 1024])
@pytest.mark.parametrize("pattern", VALUES["pattern"])
def test_other_sizes_are_scalings_of_the_384_layout(pattern, size):
    concept = Concept("hexagon", "red", pattern, "top right")
    native = np.asarray(render(concept, 384), dtype=float).mean((0, 1))
    scaled = np.asarray(render(concept, size), dtype=float).mean((0, 1))
    assert np.abs(native - scaled).max() < 6


@pytest.mark.slow
def test_different_concepts_look_different_at_the_smallest_size():
    images = {render(concept, 32).tobytes() for concept in all_concepts()}
    assert len(images) == 840


@pytest.mark.parametrize("position", VALUES["position"])
def test_shape_stands_in_its_corner(position):
    dark = np.asarray(render(Concept("circle", "yellow", "striped", position), 96)).max(-1) < 30
    rows, columns = np.nonzero(dark)
    assert ("bottom" if rows.mean() > 48 else "top", "right" if columns.mean() > 48 else "left") == tuple(
        position.split()
    )


def test_background_has_the_color():
    for color, rgb in RGB.items():
        assert render(Concept("plus", color, "solid", "top left"), 64).getpixel((60, 60)) == rgb


def test_too_small_is_a_usage_error():
    with pytest.raises(UsageError, match="31 pixels"):
        render(SAMPLE, 31)
