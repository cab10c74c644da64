import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageChops

from unispect.core.errors import UsageError
from unispect.data.faces.people import all_people
from unispect.data.faces.portrait import draw, hues, portrait
from unispect.data.faces.world import ATTRIBUTES, VALUES, Face

SOMEBODY = all_people()[123]


def test_a_portrait_is_the_same_pixels_every_time_and_in_every_order():
    first = portrait(SOMEBODY, 96).tobytes()
    portrait(all_people()[7], 64)
    assert portrait(SOMEBODY, 96).tobytes() == first
    assert portrait(SOMEBODY, 96).size == (96, 96)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_every_value_changes_the_picture_and_nothing_but_its_own_place(attribute):
    face = Face("green", "black", "long straight", "none")
    pictures = [draw(Face.of(face.values | {attribute: v}), 64, seed="one").tobytes() for v in VALUES[attribute]]
    assert len(set(pictures)) == len(pictures)
    if attribute == "eye color":
        plain, other = (draw(Face.of(face.values | {attribute: v}), 200, seed="one") for v in ("green", "red"))
        left, top, right, bottom = ImageChops.difference(plain, other).getbbox()
        assert (left > 60, top > 80, right < 140, bottom < 112) == (True,) * 4


def test_the_seed_decides_everything_else_and_only_that():
    face = Face("blue", "blonde", "buzz cut", "none")
    pictures = {draw(face, 64, seed=str(seed)).tobytes() for seed in range(12)}
    assert len(pictures) == 12


@pytest.mark.slow
def test_skin_goes_from_light_to_dark_in_equal_shares():
    lightest, darkest = hues("skin")[0], hues("skin")[-1]
    assert sum(lightest) > 600
    assert sum(darkest) < 250
    seen = [
        draw(Face("green", "blue", "buzz cut", "none"), 48, seed=p.id).getpixel((24, 32)) for p in all_people()[::5]
    ]
    nearest = [min(range(6), key=lambda i, c=c: np.abs(np.subtract(hues("skin")[i], c)).sum()) for c in seen]
    assert min(nearest.count(tone) for tone in range(6)) >= 8


def test_background_and_clothes_are_outside_the_palette_of_hair():
    beside = [*hues("background"), *hues("clothes"), *hues("accent")]
    for color in beside:
        assert min(np.linalg.norm(np.subtract(color, hair)) for hair in hues("hair")) > 70


def test_too_small_a_portrait_is_refused():
    with pytest.raises(UsageError, match="48 pixels"):
        portrait(SOMEBODY, 32)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(UsageError, match=r"needs resvg-py, .*unispect\[faces\]"):
        portrait(SOMEBODY, 64)


@pytest.mark.slow
def test_nothing_is_drawn_or_imported_before_it_is_needed():
    code = "import sys, unispect.studies.faces.plan, unispect.studies.faces.judge; print('dicebear' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_all_six_hundred_portraits_differ():
    small = {portrait(person, 48).resize((24, 24), Image.Resampling.BOX).tobytes() for person in all_people()[::10]}
    assert len(small) == 60
