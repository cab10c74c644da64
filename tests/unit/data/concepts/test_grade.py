import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from unispect.data.concepts.grade import SURE_ENOUGH, grade, grade_all
from unispect.data.concepts.render import render
from unispect.data.concepts.world import ATTRIBUTES, RGB, VALUES, Concept, all_concepts

SIZES = (64, 128, 256, 384, 512, 768, 1024)
EXAMPLE = Concept("hexagon", "green", "zigzag", "bottom right")


def clean(image, item):
    return image


def blurred(image, item):
    """5 x 5 pixels, sigma 1.2."""
    pixels = ndimage.gaussian_filter(np.asarray(image, dtype=float), (1.2, 1.2, 0), radius=(2, 2, 0))
    return Image.fromarray(pixels.round().astype(np.uint8))


def jpeg(image, item):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=75)
    return Image.open(file)


def noisy(image, item):
    pixels = np.asarray(image) + np.random.default_rng(item).normal(0, 8, (image.height, image.width, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8))


CHANGES = (clean, blurred, jpeg, noisy)


def all_right(sources, size, change, every, start=0):
    """Share of concepts with all four attributes right; pictures rendered at the sources in turn, then resized."""
    hits = []
    for turn, (item, concept) in enumerate(list(enumerate(all_concepts()))[start::every]):
        image = render(concept, sources[turn % len(sources)])
        if image.width != size:
            image = image.resize((size, size), Image.Resampling.BICUBIC)
        hits.append(all(grade(change(image, item)).right(concept).values()))
    return np.mean(hits)


@pytest.mark.parametrize("size", [48, 64])
@pytest.mark.parametrize("change", CHANGES)
def test_true_pictures_are_read_right(change, size):
    assert all_right([size], size, change, every=19) == 1


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("change", CHANGES)
def test_true_pictures_are_read_right_at_every_size(change, size):
    assert all_right((size, 64, 384, 512), size, change, every=17 if size < 500 else 31, start=3) >= 0.98


EVERY = pytest.mark.nightly("tests/unit/data/concepts/test_grade.py::test_true_pictures_are_read_right_at_every_size")


@pytest.mark.slow
@pytest.mark.parametrize("size", [32, 64, *(pytest.param(size, marks=EVERY) for size in (384, 512))])
def test_all_840_true_pictures_are_read_right(size):
    assert all_right([size], size, clean, every=1) == 1


@pytest.mark.parametrize("change", [lambda i: i.filter(ImageFilter.GaussianBlur(2)), lambda i: lifted(i)])
def test_soft_and_pale_drawings_are_still_read(change):
    concepts = list(all_concepts())[::23]
    hits = [all(grade(change(render(concept, 64))).right(concept).values()) for concept in concepts]
    assert np.mean(hits) >= 0.97


def lifted(image):
    """Black is dark grey and no colour is pure, as with a decoder that keeps to the middle."""
    return Image.fromarray((np.asarray(image) * 0.6 + 64).astype(np.uint8))


@pytest.mark.parametrize("shift", [(3, 2), (-2, 3)])
def test_a_drawing_a_little_out_of_place_is_still_read(shift):
    for concept in list(all_concepts())[::41]:
        moved = Image.fromarray(np.roll(np.asarray(render(concept, 64)), shift, (0, 1)))
        assert all(grade(moved).right(concept).values())


def test_a_shape_of_another_size_is_still_read():
    for side in (22, 28, 40):
        picture = render(Concept("square", "blue", "circles", "top left"), 384)
        draw = ImageDraw.Draw(picture)
        draw.rectangle((0, 0, 191, 191), fill=RGB["blue"])
        draw.polygon(
            [(96, 96 - 2 * side), (96 - 2 * side, 96 + 1.46 * side), (96 + 2 * side, 96 + 1.46 * side)], fill="black"
        )
        seen = grade(picture)
        assert (seen.values["shape"], seen.values["position"]) == ("triangle", "top left")


def nothing_of_the_world():
    rng = np.random.default_rng(0)
    yield "white", Image.new("RGB", (64, 64), "white")
    yield "black", Image.new("RGB", (64, 64), "black")
    yield "grey", Image.new("L", (100, 100), 128)
    yield "noise", Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    yield "grey noise", Image.fromarray(rng.integers(0, 256, (256, 256), dtype=np.uint8))
    yield "the world without colour", render(EXAMPLE, 128).convert("L")
    ramp = np.zeros((256, 256, 3), np.uint8)
    ramp[..., 0] = np.arange(256)
    yield "gradient", Image.fromarray(ramp)
    yield "two halves", two_halves()


def two_halves():
    left, right = (np.asarray(render(Concept("star", color, "solid", "top left"), 64)) for color in ("red", "blue"))
    return Image.fromarray(np.concatenate([left[:, :32], right[:, 32:]], axis=1))


@pytest.mark.parametrize(("name", "picture"), list(nothing_of_the_world()))
def test_pictures_that_are_not_of_the_world_have_no_value(name, picture):
    seen = grade(picture)
    assert seen.values == dict.fromkeys(ATTRIBUTES)
    assert max(seen.confidence.values()) < SURE_ENOUGH


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "camera", "rocket"])
def test_photographs_have_no_value(name):
    data = pytest.importorskip("skimage.data")
    assert grade(Image.fromarray(getattr(data, name)())).values == dict.fromkeys(ATTRIBUTES)


def test_two_shapes_are_neither():
    one = np.asarray(render(Concept("star", "red", "checkered", "top left"), 96))
    other = np.asarray(render(Concept("circle", "red", "checkered", "bottom right"), 96))
    seen = grade(Image.fromarray(np.minimum(one, other)))
    assert seen.values == {"shape": None, "position": None, "color": "red", "pattern": "checkered"}


def test_attributes_are_judged_apart():
    picture = render(Concept("circle", "yellow", "striped", "top left"), 64)
    centred = Image.fromarray(np.roll(np.asarray(picture), (16, 16), (0, 1)))
    assert grade(centred).values == {"shape": "circle", "color": "yellow", "pattern": "striped", "position": None}
    plain = Image.new("RGB", (64, 64), RGB["yellow"])
    assert grade(plain).values == {"shape": None, "color": "yellow", "pattern": "solid", "position": None}


@pytest.mark.parametrize(
    "outline",
    [
        [(64, 20), (108, 64), (64, 108), (20, 64)],  # a square on its corner
        [(20, 20), (108, 20), (64, 108)],  # a triangle on its apex
        [(24, 54), (104, 54), (104, 74), (24, 74)],  # a bar
    ],
)
def test_other_outlines_are_no_shape(outline):
    picture = Image.new("RGB", (256, 256), "red")
    ImageDraw.Draw(picture).polygon(outline, fill="black")
    seen = grade(picture)
    assert (seen.values["shape"], seen.values["position"]) == (None, "top left")


def test_stripes_the_other_way_are_no_pattern():
    for turn in (90, 45):
        picture = render(Concept("circle", "red", "striped", "top left"), 512).rotate(turn).crop((100, 100, 412, 412))
        assert grade(picture).values["pattern"] is None


@pytest.mark.parametrize("color", VALUES["color"])
def test_hues_near_a_color_are_that_color(color):
    hue, saturation, _ = Image.new("RGB", (1, 1), RGB[color]).convert("HSV").getpixel((0, 0))
    for turn in (-12, 12):
        near = Image.new("HSV", (1, 1), ((hue + turn) % 256, saturation, 200)).convert("RGB").getpixel((0, 0))
        assert grade(Image.new("RGB", (64, 64), near)).values["color"] == color


def test_a_batch_is_its_pictures():
    pictures = [render(concept, 64) for concept in list(all_concepts())[:3]]
    assert grade_all(pictures) == [grade(picture) for picture in pictures]


def test_wrong_and_missing_values_are_not_right():
    seen = grade(render(EXAMPLE, 64))
    other = Concept("star", "green", "solid", "bottom right")
    assert seen.right(other) == {"shape": False, "color": True, "pattern": False, "position": True}
    assert not any(grade(Image.new("RGB", (64, 64))).right(EXAMPLE).values())
