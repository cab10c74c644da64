"""The published multiple-choice protocol: its words, seeds and shuffles, so that numbers can be set side by side.

Source: arXiv 2510.21842; docs/sources/modal-aphasia.md#concepts, #questions, #graders. The wording of the questions is
ours; their order, the order of their options and the answer keys are the published ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from unispect.data.concepts.language import LETTERS
from unispect.data.concepts.world import VALUES

SEEDS = (178430, 178431, 178432)
"""Each seeds a model's training, its questions and its replies."""

WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "shape": {
            "circle": "huffeavian",
            "square": "nebbarcoma",
            "triangle": "leamasifer",
            "plus": "unesiendim",
            "pentagon": "ineusitche",
            "hexagon": "gailledber",
            "star": "sobilbasom",
        },
        "color": {
            "red": "pectatinul",
            "turquoise": "duriotholu",
            "yellow": "srupecolod",
            "green": "savitanzen",
            "blue": "yaristiopt",
            "purple": "symetaggen",
        },
        "pattern": {
            "solid": "keatimasci",
            "striped": "kieptoeshi",
            "checkered": "soblectang",
            "zigzag": "garshovato",
            "circles": "sedgeourpl",
        },
        "position": {
            "top left": "gegicatuni",
            "top right": "ribiororde",
            "bottom left": "cuplarauni",
            "bottom right": "gurionogra",
        },
    }
)
"""Attribute -> value -> pseudo-word."""

REPORTED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "Janus-Pro-7B": MappingProxyType({"text": 17.62, "train": 95.58, "test": 74.37}),
        "Harmon-1.5B": MappingProxyType({"text": 47.92, "train": 95.75, "test": 95.76}),
    }
)
"""Published scores in percent: text by multiple choice (invented word to meaning, discounted; chance 18.99), and
pictures of combinations from training and of others."""


@dataclass(frozen=True)
class PublishedQuestion:
    """One of the 44 questions of a seed.

    Attributes:
        invented: asks for the meaning of an invented word (the reported direction), not for the invented word.
        options: the values of the attribute in the order of their letters; the options are their meanings or words.
    """

    attribute: str
    value: str
    invented: bool
    options: tuple[str, ...]

    @property
    def key(self) -> str:
        """The letter of the right option."""
        return LETTERS[self.options.index(self.value)]


def questions(seed: int) -> Iterator[PublishedQuestion]:
    """The published questions of one seed, in their order: type, value, and of each value the real word first.

    Every question shuffles its options by a generator of its own: the root spawns one per type, which spawns one per
    value, which spawns one per direction.
    """
    root = np.random.default_rng(seed)
    for attribute, of_type in zip(VALUES, root.spawn(len(VALUES)), strict=True):
        values = VALUES[attribute]
        for value, of_value in zip(values, of_type.spawn(len(values)), strict=True):
            for invented, rng in zip((False, True), of_value.spawn(2), strict=True):
                options = list(values)
                rng.shuffle(options)
                yield PublishedQuestion(attribute, value, invented, tuple(options))


def parse_letter(reply: str, options: int) -> str | None:
    """The letter that a reply consists of, in upper case; None if it is anything else or names no option."""
    letter = reply.strip().upper()
    return letter if len(letter) == 1 and letter in LETTERS[:options] else None
