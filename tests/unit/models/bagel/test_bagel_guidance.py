"""Guidance by two contexts: its closed forms, its interval, and what renorm keeps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from unispect.core.errors import UsageError
from unispect.models.bagel.drawing import DrawSettings
from unispect.models.bagel.guidance import Guidance, Renorm

SCALES = st.floats(0.0, 8.0)
RENORMS: tuple[Renorm, ...] = ("global", "channel", "text_channel")


def velocities(seed: int, samples: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    whole, textless, pictureless = torch.randn(3, samples, 5, 4, generator=torch.Generator().manual_seed(seed))
    return whole, textless, pictureless


def length(velocity: Tensor, renorm: Renorm) -> Tensor:
    return velocity.flatten(1).norm(dim=1) if renorm == "global" else velocity.norm(dim=2)


@given(st.integers(0, 99), SCALES, SCALES)
def test_without_renorm_it_is_linear(seed: int, text: float, image: float):
    whole, textless, pictureless = velocities(seed)
    for renorm in RENORMS:
        guidance = Guidance(text, image, renorm=renorm, renorm_min=1.0)
        expected = textless + text * (whole - textless)
        if image > 1:
            expected = pictureless + image * (expected - pictureless)
        torch.testing.assert_close(guidance.combined(whole, textless, pictureless), expected)


@given(st.integers(0, 99), st.floats(1.1, 8.0), st.floats(1.1, 4.0), st.floats(0.0, 1.0))
def test_renorm_shortens_and_never_lengthens(seed: int, text: float, image: float, least: float):
    whole, textless, pictureless = velocities(seed)
    for renorm in ("global", "channel"):
        free = Guidance(text, image, renorm=renorm, renorm_min=1.0).combined(whole, textless, pictureless)
        own = Guidance(text, image, renorm=renorm, renorm_min=least).combined(whole, textless, pictureless)
        bound = torch.maximum(length(whole, renorm), least * length(free, renorm))
        assert (length(own, renorm) <= bound * (1 + 1e-4)).all()
        # The direction stays.
        flat = [velocity.flatten(1) if renorm == "global" else velocity.flatten(0, 1) for velocity in (own, free)]
        cosine = torch.cosine_similarity(*flat, dim=1)
        torch.testing.assert_close(cosine, torch.ones_like(cosine))


def test_what_pictures_add_is_not_shortened_where_only_text_is():
    whole, textless, pictureless = velocities(3)
    guided = Guidance(5.0, 1.0, renorm="text_channel").combined(whole, textless)
    torch.testing.assert_close(guided, Guidance(5.0, 1.0, renorm="channel").combined(whole, textless))
    both = Guidance(5.0, 3.0, renorm="text_channel").combined(whole, textless, pictureless)
    torch.testing.assert_close(both, pictureless + 3.0 * (guided - pictureless))
    assert (both.norm(dim=2) > whole.norm(dim=2) + 1e-3).any()


def test_without_pictures_guidance_by_them_is_guidance_by_text():
    """The demo's 4.0 and 1.5 are 5.5 of text alone (docs/sources/bagel.md#drawing)."""
    whole, textless, _ = velocities(4)
    for renorm in ("global", "channel"):
        demo = Guidance(4.0, 1.5, renorm=renorm).combined(whole, textless, whole)
        torch.testing.assert_close(demo, Guidance(1 + 1.5 * 3.0, 1.0, renorm=renorm).combined(whole, textless))


def test_lengths_are_those_of_each_sample():
    whole, textless, pictureless = velocities(5, samples=3)
    for renorm in RENORMS:
        guidance = Guidance(4.0, 2.0, renorm=renorm)
        together = guidance.combined(whole, textless, pictureless)
        for i in range(3):
            alone = guidance.combined(*(own[i : i + 1] for own in (whole, textless, pictureless)))
            torch.testing.assert_close(together[i : i + 1], alone)


def test_the_interval_is_open_below_and_closed_above():
    guidance = Guidance(interval=(0.4, 0.9))
    assert [guidance.at(time) for time in (0.4, 0.400001, 0.9, 0.900001)] == [False, True, True, False]
    assert not Guidance(text=1.0, interval=(0.0, 1.0)).at(0.5)
    assert [Guidance(text=text, image=image).branches for text, image in ((1, 9), (4, 1), (4, 2))] == [1, 2, 3]


def test_the_published_interval_guides_41_of_49_steps():
    drawing = DrawSettings((64, 64))
    assert len(drawing.times) == 50
    assert len(drawing.guided) == 41


@pytest.mark.parametrize(
    ("steps", "shift", "low", "guided"),
    [
        (10, 1.0, 0.3, 7),  # 0.3 itself is not above it; counted in double precision, it is
        (15, 1.0, 0.2, 13),  # 0.20000002 is, though a fifth is not
        (5, 1.0, 0.4, 3),
        (11, 3.0, 0.4, 9),
    ],
)
def test_ends_of_the_interval_are_met_in_single_precision(steps: int, shift: float, low: float, guided: int):
    """A step at an end of the interval is guided where the authors' float32 says so."""
    drawing = DrawSettings((4, 4), steps, shift, Guidance(4.0, interval=(low, 1.0)))
    times = torch.linspace(1, 0, steps + 1)
    theirs = (shift * times / (1 + (shift - 1) * times) > low)[:-1]
    assert theirs.sum() == guided
    assert [time in drawing.guided for time in drawing.times[:-1]] == theirs.tolist()


@pytest.mark.parametrize(("steps", "shift"), [(1, 1.0), (4, 0.5), (7, 3.0), (49, 5.5)])
def test_times_are_those_of_the_formula(steps: int, shift: float):
    """From 1 to 0; the authors count one point more than there are steps."""
    even = [1 - step / steps for step in range(steps + 1)]
    expected = [shift * t / (1 + (shift - 1) * t) for t in even]
    assert DrawSettings((4, 4), steps, shift).times == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("renorm", RENORMS)
@pytest.mark.parametrize(
    ("text", "image", "least"), [(3.5, 1.0, 0.0), (5.0, 2.5, 0.3), (1.4, 1.2, 1.0), (7.0, 0.5, 0.7)]
)
def test_guidance_is_that_of_the_formula(renorm: Renorm, text: float, image: float, least: float):
    """Number by number, for one picture: what is guided, what is shortened, and by how much at most."""
    c, u, w = (own[0].double() for own in velocities(11))
    by_text = u + text * (c - u)
    if renorm == "text_channel":
        shortened = by_text.clone()
        for index in range(len(c)):
            factor = c[index].norm() / (by_text[index].norm() + 1e-8)
            shortened[index] *= min(max(float(factor), least), 1.0)
        expected = w + image * (shortened - w) if image > 1 else shortened
    else:
        expected = w + image * (by_text - w) if image > 1 else by_text.clone()
        whole = float(c.norm() / (expected.norm() + 1e-8))
        factors = [
            whole if renorm == "global" else float(c[i].norm() / (expected[i].norm() + 1e-8)) for i in range(len(c))
        ]
        expected = torch.stack([own * min(max(f, least), 1.0) for own, f in zip(expected, factors, strict=True)])
    found = Guidance(text, image, renorm=renorm, renorm_min=least).combined(c[None], u[None], w[None])
    torch.testing.assert_close(found[0], expected)


@pytest.mark.parametrize(
    "drawing",
    [
        DrawSettings((1, 1), steps=0),
        DrawSettings((1, 1), shift=0.0),
        DrawSettings((1, 1), guidance=Guidance(renorm="local")),  # type: ignore[arg-type]
    ],
)
def test_settings_that_make_no_sense_are_refused(drawing: DrawSettings):
    with pytest.raises(UsageError):
        drawing.check()


def test_a_reply_tells_how_it_was_drawn():
    drawing = DrawSettings((3, 4), 7, 2.0, Guidance(3.0, 1.5, (0.1, 0.8), "channel", 0.25))
    told = {**drawing.told(), "guidance": 3.0, "steps": 7}
    assert DrawSettings((3, 4)).as_told(told) == drawing
