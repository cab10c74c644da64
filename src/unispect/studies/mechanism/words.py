"""Numbers by word: how far it is drawn better than told, and what the layers show of prompts that hold it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from unispect.core.findings import Preset
from unispect.data.concepts.lexicons import LEXICONS
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import Concept
from unispect.data.world_prompts import picture_id, words_id
from unispect.studies.concepts import scores
from unispect.studies.concepts.evidence import Word
from unispect.studies.families.measures import Left

Numbers = Mapping[Word, float]


@dataclass(frozen=True)
class Inside:
    """A measure of the layers, by word.

    Attributes:
        id: short name.
        what: in words.
        preset: how states were measured.
        read: its numbers for the words of one model.
    """

    id: str
    what: str
    preset: Preset
    read: Callable[[Left], Numbers]


def gaps(left: Left, taught: str) -> Numbers:
    """The aphasia gap of every word taught in one way; empty where there are none."""
    one = left.taught.get(taught)
    return scores.gaps(one.drawn, one.told()) if one else {}


def asymmetries(left: Left, preset: Preset) -> Numbers:
    """Entropy of names that hold the word minus that of the pictures they name, mean over layers and combinations."""
    levels: dict[tuple[str, str], float] = {}
    for trace in left.levels:
        if trace.preset is preset and trace.goal == "text" and trace.curve:
            levels[trace.modality, trace.prompt.removeprefix(f"{trace.modality} ")] = float(np.mean(trace.curve))
    found: dict[Word, list[float]] = defaultdict(list)
    for name, (lexicon, concept) in _named().items():
        text, picture = levels.get(("text", name)), levels.get(("image", picture_id(concept)))
        if text is not None and picture is not None:
            for word in _words(lexicon, concept):
                found[word].append(text - picture)
    return _means(found)


def dependences(left: Left, preset: Preset, task: str, measure: str) -> Numbers:
    """A measure of replies to names that hold the word, mean over layers, combinations and seeds."""
    found: dict[Word, list[float]] = defaultdict(list)
    for trace in left.replies:
        if trace.preset is preset and trace.task == task and measure in trace.curves and trace.prompt in _named():
            for word in _words(*_named()[trace.prompt]):
                found[word].append(float(np.mean(trace.curves[measure])))
    return _means(found)


MEASURES: Sequence[Inside] = (
    *(
        Inside(
            f"asymmetry-{preset}",
            "entropy of names minus pictures",
            preset,
            lambda left, preset=preset: asymmetries(left, preset),
        )
        for preset in Preset
    ),
    *(
        Inside(
            f"gain-{task}",
            f"G of {what}",
            Preset.CONTROLLED,
            lambda left, task=task: dependences(left, Preset.CONTROLLED, task, "G"),
        )
        for task, what in (("write", "text replies"), ("draw", "picture replies"))
    ),
)


@cache
def _named() -> Mapping[str, tuple[str, Concept]]:
    """Lexicon and combination of every prompt of the data set `world-words`, by id."""
    return {words_id(name, concept): (name, concept) for name in LEXICONS for concept in load_split().held_out}


def _words(lexicon: str, concept: Concept) -> Iterator[Word]:
    return (Word(lexicon, attribute, value) for attribute, value in concept.values.items())


def _means(found: Mapping[Word, Sequence[float]]) -> Numbers:
    return {word: float(np.mean(own)) for word, own in found.items()}
