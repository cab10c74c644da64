"""The published scores, as published: replies of one letter, with and without the unreadable ones, and picture scores.

Never mixed with the battery's: other sampling, one order of the options, means over attributes.
Source: arXiv 2510.21842; docs/sources/modal-aphasia.md#questions, #graders, #published-numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from unispect.core.findings import Cell, Interval, Table
from unispect.core.typed import read_grade, read_inputs, read_payload
from unispect.core.units import Entry
from unispect.data.concepts.language import LETTERS
from unispect.data.concepts.lexicons import REAL
from unispect.data.concepts.published import REPORTED, parse_letter
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.metrics.crossed import crossed_mean
from unispect.studies.answers import Said
from unispect.studies.aphasia.comparison import NEVER, Subject
from unispect.studies.aphasia.evidence import JUDGE
from unispect.studies.aphasia.pictures import share_of
from unispect.studies.aphasia.records import Values
from unispect.studies.concepts.records import PaperAskInputs, PaperDrawInputs

DIRECTIONS = {True: "invented word to meaning", False: "meaning to invented word"}
PICTURES = {"train": "drawing, combinations learned from", "test": "drawing, other combinations"}


@dataclass(frozen=True, slots=True)
class Letter:
    """One published question: which letter was right and which one was answered, None if no single one was."""

    lexicon: str
    attribute: str
    value: str
    invented: bool
    seed: int
    key: str
    said: str | None


@dataclass(frozen=True, slots=True)
class Picture:
    """One published drawing: the shares of its four attributes that are right, and that show any value clearly."""

    part: str
    lexicon: str
    concept: tuple[str, ...]
    right: float
    clear: float

    @property
    def whole(self) -> bool:
        """Right in every attribute."""
        return self.right == 1


@dataclass(frozen=True)
class Paper:
    """What one model left in the published protocol."""

    letters: list[Letter] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """What a record says; one of another kind says nothing, nor does a picture that was not judged."""
        if entry.record.status != "done":
            return
        if entry.unit.kind == "paper-ask":
            self.letters.append(_letter(entry))
        elif entry.unit.kind == "paper-draw" and JUDGE in entry.grades:
            self.pictures.append(_picture(entry))


def _letter(entry: Entry) -> Letter:
    asked = read_inputs(PaperAskInputs, entry.unit)
    said = parse_letter(read_payload(Said, entry.record).text, len(asked.options))
    about = (asked.lexicon, asked.attribute, asked.value, asked.invented)
    return Letter(*about, entry.unit.seed, asked.key, said)


def _picture(entry: Entry) -> Picture:
    asked, shown = read_inputs(PaperDrawInputs, entry.unit), read_grade(Values, entry.grades[JUDGE]).values
    right = float(np.mean([shown[attribute] == value for attribute, value in asked.concept.items()]))
    clear = float(np.mean([value is not None for value in shown.values()]))
    return Picture(asked.part, asked.lexicon, tuple(asked.concept.values()), right, clear)


def paper_table(papers: Sequence[tuple[Subject, Paper]]) -> Table:
    """One row per model, lexicon and measure, in percent as published."""
    return Table(
        "published",
        "The published protocol",
        (
            "model",
            "words",
            "taught by",
            "measure",
            "discounted",
            "strict",
            "whole pictures",
            "by seed",
            "readable",
            "chance",
            "best single letter",
            "n",
        ),
        tuple(row for subject, paper in papers for row in _rows(subject, paper)),
        "Letters: greedy replies to 22 questions per direction, each in one order of the options, for three seeds; a "
        "reply of one letter counts. Discounted, the published score: right of those that could be read, per "
        "attribute, then the mean over attributes; strict: right of all. By seed: discounted. Best single letter: "
        "what answering the same letter always would have scored, mean over seeds. Pictures: without sampling or "
        "guidance, mean share of attributes right, and of pictures right in all four, by our grader (the "
        "published one reads 384 and 512 pixels only). "
        "Intervals are over words or combinations; the published ones are over three trained models. Questions are "
        f"in our words; options and keys are the published ones. Published: {_reported()}.",
    )


def _reported() -> str:
    return "; ".join(
        f"{model} letters {one['text']:.1f} % (chance 19.0 %), pictures {one['train']:.1f} / {one['test']:.1f} %"
        for model, one in REPORTED.items()
    )


def _rows(subject: Subject, paper: Paper) -> Iterator[tuple[Cell, ...]]:
    lexicons = dict.fromkeys([letter.lexicon for letter in paper.letters] + [one.lexicon for one in paper.pictures])
    for lexicon in lexicons:
        taught = subject.card.taught.get(lexicon, NEVER) if lexicon != REAL else "-"
        for invented, direction in DIRECTIONS.items():
            letters = [one for one in paper.letters if (one.lexicon, one.invented) == (lexicon, invented)]
            if letters:
                yield (subject.name, lexicon, taught, direction, *_scored(letters))
        for part, measure in PICTURES.items():
            pictures = [one for one in paper.pictures if (one.lexicon, one.part) == (lexicon, part)]
            if pictures:
                share = _mean_picture(pictures)
                clear = float(np.mean([one.clear for one in pictures]))
                rest = (None, clear, _chance(), None, len(pictures))
                yield (subject.name, lexicon, taught, measure, None, share, _whole(pictures), *rest)


def _scored(letters: Sequence[Letter]) -> tuple[Cell, ...]:
    seeds = sorted({one.seed for one in letters})
    parsed = [one for one in letters if one.said is not None]
    by_seed = [macro([one for one in parsed if one.seed == seed]).estimate for seed in seeds]
    return (
        macro(parsed),
        macro(letters),
        None,
        ", ".join("-" if np.isnan(share) else f"{100 * share:.1f} %" for share in by_seed),
        len(parsed) / len(letters),
        _chance(),
        float(np.mean([best_single_letter([one for one in letters if one.seed == seed]) for seed in seeds])),
        len(letters),
    )


def macro(letters: Sequence[Letter]) -> Interval:
    """Share right per attribute, then the mean over attributes; no score where an attribute has no words."""
    counts = Counter(one.attribute for one in letters)
    if letters and len(counts) < len(ATTRIBUTES):
        words = len({(one.attribute, one.value) for one in letters})
        reason = "no interval: an attribute has no words"
        return Interval(math.nan, math.nan, math.nan, len(letters), words, method=reason, unit="words")
    return crossed_mean(
        [float(one.said == one.key) for one in letters],
        {"words": [(one.attribute, one.value) for one in letters]},
        weights=[1 / counts[one.attribute] for one in letters],
    )


def best_single_letter(letters: Sequence[Letter]) -> float:
    """What always answering one letter would score, for the letter that scores best."""
    return max(_single(letters, letter) for letter in LETTERS)


def _single(letters: Sequence[Letter], letter: str) -> float:
    shares = [[one.key == letter for one in letters if one.attribute == attribute] for attribute in ATTRIBUTES]
    return float(np.mean([np.mean(share) for share in shares if share]))


def _mean_picture(pictures: Sequence[Picture]) -> Interval:
    return crossed_mean([one.right for one in pictures], {"combinations": [one.concept for one in pictures]})


def _whole(pictures: Sequence[Picture]) -> Interval:
    return share_of([one.whole for one in pictures], [" ".join(one.concept) for one in pictures])


def _chance() -> float:
    return float(np.mean([1 / len(values) for values in VALUES.values()]))
