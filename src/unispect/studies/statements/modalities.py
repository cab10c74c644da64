"""Statements about text beside pictures inside a model: section 5.3. Levels in bits are not asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unispect.studies.statements.base import Outcome, Statement, only
from unispect.studies.statements.cells import Floats
from unispect.studies.statements.embedding import IMAGE, TEXT
from unispect.studies.statements.evidence import Evidence, mean_of
from unispect.studies.statements.shapes import (
    FLAT,
    after_start,
    collapse,
    deep,
    early_low,
    quarter,
    second_half,
    spread,
    surge,
    thirds,
)

Margins = Callable[[Floats, Floats], list[Floats]]
"""From the mean curves of text and pictures to numbers that must all be above 0."""


def _all(margins: Margins) -> Callable[[Evidence], Outcome]:
    def judge(evidence: Evidence) -> Outcome:
        cells = evidence.by_kind(TEXT, IMAGE)
        text, image = mean_of(cells, TEXT), mean_of(cells, IMAGE)
        return Outcome.of(cells.interval(lambda means: np.minimum.reduce(margins(text(means), image(means)))))

    return judge


def bagel(text: Floats, image: Floats) -> list[Floats]:
    return [collapse(text), deep(text) - early_low(text), FLAT - spread(image)]


def harmon(text: Floats, image: Floats) -> list[Floats]:
    first, _, last = thirds(image)
    at = quarter(text.shape[-1])
    return [surge(text), text[..., at] - image[..., at], last - first, FLAT - np.abs(deep(text) - deep(image))]


def one_trunk(text: Floats, image: Floats) -> list[Floats]:
    return [surge(text), FLAT - spread(after_start(text)), FLAT - spread(after_start(image))]


def two_networks(text: Floats, image: Floats) -> list[Floats]:
    middle = (text.shape[-1] - 1) // 2
    return [
        text[..., middle] - text[..., 0],
        FLAT - spread(second_half(text)),
        FLAT - spread(image),
        FLAT - np.abs(text[..., -1] - image[..., -1]),
    ]


STATEMENTS = (
    Statement(
        "S1",
        "Text collapses early and rebounds late, while pictures stay flat.",
        "section 5.3, BAGEL",
        f"smallest of: text's early loss beyond a quarter; its rebound; {FLAT} minus the range of pictures; bits",
        _all(bagel),
        about=only("bagel"),
    ),
    Statement(
        "S2",
        "Text rises fast and early, pictures start lower, climb and meet it.",
        "section 5.3, Harmon",
        f"smallest of: text's rise in the first quarter; text minus pictures there; pictures' climb; {FLAT} minus the "
        "gap at the end; bits",
        _all(harmon),
        about=only("harmon"),
    ),
    Statement(
        "S3",
        "Text surges early, and both modalities stay on a plateau.",
        "section 5.3, Show-o, Show-o2, Janus-Pro, JanusFlow",
        f"smallest of: text's rise in the first quarter; {FLAT} minus the range of text, and of pictures, from there; "
        "bits",
        _all(one_trunk),
        about=only("show-o", "show-o2", "janus-pro", "janus-flow"),
    ),
    Statement(
        "S4",
        "Text rises up to the middle and stays, pictures are flat, and both end alike.",
        "section 5.3, OmniGen2",
        f"smallest of: text's rise to the middle; {FLAT} minus its range from there, the range of pictures, and the "
        "gap at the end; bits",
        _all(two_networks),
        about=only("omnigen2"),
    ),
)
