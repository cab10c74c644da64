"""Numbers by word: how far it is drawn better than told, and what the layers show of prompts that hold it.

Four words make a name, and the combinations that names stand for are shared. A combination that is hard to draw lowers
all its words at once, and if its prompt has another entropy too, words go together in both numbers through it. So how
well a word is drawn is taken beside the other words of the same pictures, and what the layers show is kept combination
by combination.
"""

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
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.evidence import Word
from unispect.studies.families.measures import Left

Numbers = Mapping[Word, float]
Seen = tuple[Word, str, str, float]
"""Word, lexicon, combination and a number of the name that they make."""


@dataclass(frozen=True)
class Inside:
    """A measure of the layers, by word.

    Attributes:
        id: short name.
        what: in words.
        preset: how states were measured.
        seen: its numbers for the names of one model, for each word that a name holds.
    """

    id: str
    what: str
    preset: Preset
    seen: Callable[[Left], Sequence[Seen]]

    def read(self, left: Left) -> Numbers:
        """The mean of every word over the names that hold it."""
        found: dict[Word, list[float]] = defaultdict(list)
        for word, _, _, number in self.seen(left):
            found[word].append(number)
        return {word: float(np.mean(own)) for word, own in found.items()}


def gaps(left: Left, taught: str) -> Numbers:
    """The aphasia gap of every word taught in one way; empty where there are none."""
    one = left.taught.get(taught)
    return scores.gaps(one.drawn, one.told()) if one else {}


def contrasts(left: Left, taught: str) -> Numbers:
    """How much larger the gap of a word is than those of the other words in the same pictures, mean over combinations.

    The gap of a word in one combination is its chance-corrected share of right drawings of it, minus its share told.
    What a combination does to all its words alike is out.
    """
    one = left.taught.get(taught)
    if one is None:
        return {}
    told = one.told().words
    right: dict[tuple[str, str], dict[Word, list[float]]] = defaultdict(lambda: defaultdict(list))
    for lexicon in one.lexicons:
        for drawing in one.subject.evidence.drawn(lexicon):
            name = " ".join(str(drawing.truth[attribute]) for attribute in sorted(drawing.truth))
            for attribute in drawing.truth:
                if (word := drawing.word(attribute)) in told:
                    right[lexicon, name][word].append(float(drawing.right(attribute)))
    found: dict[Word, list[float]] = defaultdict(list)
    for own in right.values():
        gap = {w: (np.mean(shares) - told[w].share) / (1 - one.world.chance(w.attribute)) for w, shares in own.items()}
        mean = np.mean(list(gap.values()))
        for word, value in gap.items():
            found[word].append(float(value - mean))
    return {word: float(np.mean(own)) for word, own in found.items()}


def asymmetries(left: Left, preset: Preset) -> list[Seen]:
    """Entropy of names minus that of the pictures they name, mean over layers."""
    levels: dict[tuple[str, str], float] = {}
    for trace in left.levels:
        if trace.preset is preset and trace.goal == "text" and trace.curve:
            levels[trace.modality, trace.prompt.removeprefix(f"{trace.modality} ")] = float(np.mean(trace.curve))
    found: list[Seen] = []
    for name, (lexicon, concept) in _named().items():
        text, picture = levels.get(("text", name)), levels.get(("image", picture_id(concept)))
        if text is not None and picture is not None:
            found += _of_words(lexicon, concept, text - picture)
    return found


def dependences(left: Left, preset: Preset, task: str, measure: str) -> list[Seen]:
    """A measure of replies to names, mean over layers."""
    found: list[Seen] = []
    for trace in left.replies:
        if trace.preset is preset and trace.task == task and measure in trace.curves and trace.prompt in _named():
            found += _of_words(*_named()[trace.prompt], float(np.mean(trace.curves[measure])))
    return found


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


def _of_words(lexicon: str, concept: Concept, number: float) -> Iterator[Seen]:
    """A number of a name, once for each of its words."""
    for attribute, value in concept.values.items():
        yield Word(lexicon, attribute, value), lexicon, picture_id(concept), number
