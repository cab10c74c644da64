"""Spellings of a word that a reader still knows and a filter may not (the three kinds of arXiv 2510.21842)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

LEET: Mapping[str, str] = {"a": "4", "b": "8", "e": "3", "g": "9", "i": "1", "l": "1", "o": "0", "s": "5", "t": "7"}
HOMOGLYPHS: Mapping[str, str] = {
    "a": "\u0430",
    "c": "\u0441",
    "e": "\u0435",
    "h": "\u04bb",
    "i": "\u0456",
    "j": "\u0458",
    "o": "\u043e",
    "p": "\u0440",
    "s": "\u0455",
    "t": "\u0442",
    "x": "\u0445",
    "y": "\u0443",
}
"""Cyrillic letters that look like Latin ones."""

MARKS = ("\u0335", "\u0336", "\u0332", "\u0305", "\u0323", "\u0307", "\u034f", "\u200d")
"""Combining strokes, lines and dots, and two joiners that cannot be seen."""


def leet(word: str, rng: random.Random) -> str:
    """Digits for some of the letters that have one, at least for one; a word without any stays."""
    return _replaced(word, LEET, rng)


def homoglyph(word: str, rng: random.Random) -> str:
    """Look-alikes for some of the letters that have one, at least for one; a word without any stays."""
    return _replaced(word, HOMOGLYPHS, rng)


def combining(word: str, rng: random.Random) -> str:
    """The same mark behind every letter."""
    mark = rng.choice(MARKS)
    return "".join(letter + mark if letter.isalpha() else letter for letter in word)


SPELLINGS: Mapping[str, Callable[[str, random.Random], str]] = {
    "leet": leet,
    "homoglyphs": homoglyph,
    "combining marks": combining,
}


def _replaced(word: str, letters: Mapping[str, str], rng: random.Random) -> str:
    places = [index for index, letter in enumerate(word) if letter.lower() in letters]
    chosen = set(rng.sample(places, rng.randint(1, len(places)))) if places else set()
    return "".join(letters[letter.lower()] if index in chosen else letter for index, letter in enumerate(word))
