"""Invented words for the 22 values of the concept world, in four lexicons named by how the words are taught.

The words are a pinned file; `build_lexicons` is how they were made and always gives the same words. They are our own,
not those of arXiv 2510.21842: long enough to be several tokens, and far enough from each other that no word helps with
another.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from unispect.core.errors import unknown
from unispect.core.seeds import seed_for
from unispect.data.concepts.published import WORDS
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept

LEXICONS = ("drawing", "text", "both", "never")
"""The lexicons, by what their words are taught with."""

PUBLISHED = "published"
"""The lexicon of arXiv 2510.21842 itself, for models that were taught its words."""

REAL = "real"
"""The name under which the real words stand in for a lexicon."""

LEXICON_FILE = "lexicons.json"
MIN_DISTANCE = 4
LENGTHS = range(8, 12)

Words = Mapping[str, Mapping[str, str]]
"""Attribute -> value -> word."""


@dataclass(frozen=True)
class Lexicon:
    """The words of one lexicon; `Lexicon("real")` holds the real words, `Lexicon("published")` the published ones.

    Raises:
        UsageError: there is no lexicon of that name.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in (REAL, *LEXICONS, PUBLISHED):
            raise unknown("lexicon", self.name, (REAL, *LEXICONS, PUBLISHED))

    def word(self, attribute: str, value: str) -> str:
        """The word that stands for a value."""
        return value if self.name == REAL else _pinned()[self.name][attribute][value]

    def words(self, concept: Concept, attributes: Collection[str] = ATTRIBUTES) -> dict[str, str]:
        """Attribute -> word, for all four values of a concept; real words for other than the given attributes."""
        return {a: self.word(a, value) if a in attributes else value for a, value in concept.values.items()}

    def value(self, word: str) -> tuple[str, str]:
        """The attribute and the value that a word stands for; raises KeyError for a word of another lexicon."""
        return self._meanings[word]

    @cached_property
    def _meanings(self) -> dict[str, tuple[str, str]]:
        return {self.word(a, value): (a, value) for a in ATTRIBUTES for value in VALUES[a]}


@cache
def _pinned() -> Mapping[str, Words]:
    own = json.loads(files("unispect.data.concepts").joinpath(LEXICON_FILE).read_text("utf-8"))
    return {**own, PUBLISHED: WORDS}


def build_lexicons() -> dict[str, dict[str, dict[str, str]]]:
    """Lexicon -> attribute -> value -> word, made from nothing.

    Words differ pairwise in at least `MIN_DISTANCE` edits, in their first three and in their last three letters, and
    contain no real value.
    """
    words = _distinct_words()
    return {
        lexicon: {attribute: {value: next(words) for value in VALUES[attribute]} for attribute in ATTRIBUTES}
        for lexicon in LEXICONS
    }


def lexicons_text(lexicons: Mapping[str, Words]) -> str:
    """The text of the pinned file."""
    return json.dumps(lexicons, indent=1) + "\n"


def edit_distance(one: str, other: str) -> int:
    """Fewest insertions, deletions and replacements of a letter that turn one word into the other (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        before, row = row, [i]
        for j, goal in enumerate(other, start=1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != goal)))
    return row[-1]


_ONSETS = "b bl br d dr f fl g gl gr j k kl kr l m n p pl pr r s sk sl sm sn t tr v vr z zl".split()  # noqa: SIM905
_VOWELS = ("a", "e", "i", "o", "u", "ai", "au", "ea", "io", "ou")
_CODAS = ("l", "m", "n", "r", "s", "sk", "x")
# Parts of the real words and of the questions.
_FORBIDDEN = (  # noqa: SIM905
    "red tur quoise yel green blue purp circ squ tri plus pent hex star solid strip check zig zag top bot left right "
    "black white color shape pattern corner ground pic draw tell mean"
).split()


def _distinct_words() -> Iterator[str]:
    taken: list[str] = []
    for word in _candidates():
        starts, ends = {w[:3] for w in taken}, {w[-3:] for w in taken}
        if (
            word[:3] in starts
            or word[-3:] in ends
            or min((edit_distance(word, w) for w in taken), default=MIN_DISTANCE) < MIN_DISTANCE
        ):
            continue
        taken.append(word)
        yield word


def _candidates() -> Iterator[str]:
    """Endless pronounceable words: three or four syllables, the last one closed."""
    attempt = 0
    while True:
        attempt += 1
        syllables = 3 + _pick(2, attempt, "syllables")
        word = "".join(_syllable(attempt, i, last=i == syllables - 1) for i in range(syllables))
        if len(word) in LENGTHS and not any(part in word for part in _FORBIDDEN):
            yield word


def _syllable(attempt: int, index: int, last: bool) -> str:
    onset = _ONSETS[_pick(len(_ONSETS), attempt, index, "onset")]
    vowel = _VOWELS[_pick(len(_VOWELS), attempt, index, "vowel")]
    coda = _CODAS[_pick(len(_CODAS), attempt, index, "coda")] if last else ""
    return onset + vowel + coda


def _pick(count: int, *keys: object) -> int:
    return seed_for("unispect lexicons 1", *keys) % count
