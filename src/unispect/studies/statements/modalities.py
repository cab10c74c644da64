"""Statements about text beside pictures inside a model: section 5.3. Levels in bits are not asked for."""

from __future__ import annotations

from collections.abc import Callable

from unispect.studies.statements.base import Outcome, Statement, drawing_by
from unispect.studies.statements.cells import Cells, Floats
from unispect.studies.statements.embedding import IMAGE, TEXT
from unispect.studies.statements.evidence import Evidence, of_modality
from unispect.studies.statements.parts import Part, every, near, together
from unispect.studies.statements.shapes import (
    FLAT,
    after_start,
    collapses,
    deep,
    flat,
    quarter,
    rebounds,
    second_half,
    surge,
    thirds,
)

Parts = Callable[[Cells, Floats, Floats], list[Part]]
"""From the mean curves of text and pictures to the parts of a statement."""


def _all(parts: Parts) -> Callable[[Evidence], Outcome]:
    def judge(evidence: Evidence) -> Outcome:
        cells = evidence.by_kind(TEXT, IMAGE)
        return Outcome.of(together(parts(cells, of_modality(cells, TEXT), of_modality(cells, IMAGE))))

    return judge


def rebounding(cells: Cells, text: Floats, image: Floats) -> list[Part]:
    return [collapses(cells, text), rebounds(cells, text), flat(cells, image)]


def meeting(cells: Cells, text: Floats, image: Floats) -> list[Part]:
    first, _, last = thirds(image)
    at = quarter(len(text))
    return [
        every(cells, surge(text)),
        every(cells, (text - image)[at : at + 1]),
        every(cells, last - first),
        near(cells, deep(text) - deep(image), FLAT),
    ]


def one_backbone(cells: Cells, text: Floats, image: Floats) -> list[Part]:
    return [every(cells, surge(text)), flat(cells, after_start(text)), flat(cells, after_start(image))]


def two_networks(cells: Cells, text: Floats, image: Floats) -> list[Part]:
    return [
        every(cells, second_half(text)[:1] - text[:1]),
        flat(cells, second_half(text)),
        flat(cells, image),
        near(cells, text[-1:] - image[-1:], FLAT),
    ]


STATEMENTS = (
    Statement(
        "S1",
        "Text collapses early and rebounds late, while pictures stay flat.",
        "section 5.3, BAGEL",
        f"smallest of: text's early loss beyond a quarter; its rebound; {FLAT} minus what two layers of pictures "
        "differ by; bits",
        _all(rebounding),
        about=drawing_by("flow through weights of its own"),
    ),
    Statement(
        "S2",
        "Text rises fast and early, pictures start lower, climb and meet it.",
        "section 5.3, Harmon",
        f"smallest of: text's rise in the first quarter; text minus pictures there; pictures' climb; {FLAT} minus the "
        "gap at the end; bits",
        _all(meeting),
        about=drawing_by("masked latents"),
    ),
    Statement(
        "S3",
        "Text surges early, and both modalities stay on a plateau.",
        "section 5.3, Show-o, Show-o2, Janus-Pro, JanusFlow",
        f"smallest of: text's rise in the first quarter; {FLAT} minus what two layers of text, and of pictures, differ "
        "by from there; bits",
        _all(one_backbone),
        about=drawing_by("masked codes", "flow through a head", "autoregressive codes", "flow in the language model"),
    ),
    Statement(
        "S4",
        "Text rises up to the middle and stays, pictures are flat, and both end alike.",
        "section 5.3, OmniGen2",
        f"smallest of: text's rise to the middle; {FLAT} minus what two layers of text from there, two of pictures, "
        "and both at the end differ by; bits",
        _all(two_networks),
        about=drawing_by("flow in a second network"),
    ),
)
