"""Whether a server keeps to the seeds that it is sent: one picture is asked for twice, and once under another seed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from unispect.core.errors import UnispectError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling
from unispect.models.remote.model import RemoteModel

if TYPE_CHECKING:
    from PIL.Image import Image

KEPT = "kept: one prompt drawn twice under one seed gave one picture, and under another seed another"
WITHOUT_EFFECT = (
    "without effect: one prompt gave one and the same picture under two seeds, so that replies under different seeds "
    "are repetitions of one picture and no independent observations"
)
NOT_KEPT = (
    "not kept: one prompt drawn twice under one seed gave pictures that differ (on average by {again}; those of two "
    "seeds by {other}); no reply can be drawn again, and seeds only tell samples apart"
)
UNKNOWN = "not looked at, since not every picture came"


def keeping(model: RemoteModel, prompt: Prompt, seeds: tuple[int, int]) -> str:
    """What becomes of seeds at the server that draws, in words.

    Where a study draws the prompt under both seeds, two of the three pictures are its own: they stand on the cassette.

    Args:
        model: which draws, and sends seeds.
        prompt: text.
        seeds: two, as a study gives them to `RemoteModel.draw`.
    """
    first, other = model.picture_requests(model.encode([prompt, prompt], Goal.IMAGE), ImageSampling(seeds))
    assert model.drawer is not None
    answers = model.drawer.ask_all([first, replace(first, again=True), other])
    pictures = [None if isinstance(answer, UnispectError) else answer.value for answer in answers]
    one, again, another = pictures
    if one is None or again is None or another is None:
        return UNKNOWN
    apart = {"again": _apart(one, again), "other": _apart(one, another)}
    if apart["again"] is None:
        return KEPT if apart["other"] else WITHOUT_EFFECT
    return NOT_KEPT.format(**{name: distance or "nothing" for name, distance in apart.items()})


def _apart(one: Image, other: Image) -> str | None:
    """The mean absolute difference of two pictures in RGB, in words; None where they are equal."""
    if one.size != other.size:
        return f"size, {one.size} and {other.size}"
    difference = np.abs(np.asarray(one, dtype=np.int16) - np.asarray(other, dtype=np.int16)).mean()
    return f"{difference:.2g} of 255" if difference else None
