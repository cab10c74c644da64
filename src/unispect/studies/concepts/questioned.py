"""The tables of further questions: kinds of words, recognition, and names of whole pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from unispect.core.findings import Cell, Table
from unispect.data.concepts.names import NAMES
from unispect.data.concepts.world import ATTRIBUTES
from unispect.metrics.crossed import crossed_mean
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import LEAST, READABLE, Comparison, Subject
from unispect.studies.aphasia.evidence import DrawnPicture
from unispect.studies.concepts.parts.further import WHOLE
from unispect.studies.concepts.tellings import CALLED, KIND, MEMBER, RECOGNISED

KINDS = 1 / len(ATTRIBUTES)
"""Chance level of questions with one option of every kind."""


def question_table(compared: Sequence[Comparison]) -> Table:
    """Word to kind, kind to word, picture to word."""
    return Table(
        "questions",
        "Kinds of words, and recognition",
        (
            "model",
            "words",
            "question",
            "right",
            "chance",
            "chance-corrected",
            "on real words",
            "may be read",
            "n asked",
        ),
        tuple(row for one in compared for row in _rows(one)),
        "Kind of word: which of the four kinds a word is of, by likelihood. Word of a kind: which of four words, one "
        "of each kind, is of a given kind, by letters free of any preference for a letter. Picture to word: which "
        "word of a kind belongs into the description of a shown picture, the other three attributes being given in "
        "real words; likelihoods relative to their mean over the pictures shown. Share right, every word counting "
        "equally, with 95 % intervals over words. May be read: surely more than "
        f"{100 * LEAST:.0f} % right on real words, and not surely less than {100 * READABLE:.0f} %.",
    )


def _rows(one: Comparison) -> Iterator[tuple[Cell, ...]]:
    for way in (KIND, MEMBER, RECOGNISED):
        told = one.told(way)
        if told.words:
            share = scores.accuracy(told)
            chance = told.chance if way == RECOGNISED else KINDS
            corrected = scores.corrected(told) if way == RECOGNISED else scores.beyond(share, KINDS)
            control = one.subject.control(way)
            yield (
                one.subject.name,
                one.words,
                way,
                share,
                chance,
                corrected,
                control.shown,
                control.word,
                told.asked,
            )


def name_table(subjects: Sequence[Subject]) -> Table:
    """Names of whole pictures, drawn and told."""
    return Table(
        "whole-names",
        "Names of whole pictures",
        ("model", "direction", "right", "chance", "n names", "n judged", "seeds"),
        tuple(row for subject in subjects for row in _name_rows(subject)),
        "One name for four attributes; asked of combinations that were learned from, since a name says nothing of "
        "its parts. Share of attributes right, with 95 % intervals over names. Told: the likeliest of "
        "descriptions that differ in the attribute.",
    )


def _name_rows(subject: Subject) -> Iterator[tuple[Cell, ...]]:
    drawn = subject.evidence.drawn(NAMES, WHOLE)
    if drawn:
        right = [drawing.right(attribute) for drawing in drawn for attribute in ATTRIBUTES]
        names = [_key(drawing) for drawing in drawn for _ in ATTRIBUTES]
        yield from _name_row(subject, "name to drawing", right, names, len({drawing.seed for drawing in drawn}))
    told = subject.evidence.told(NAMES, CALLED)
    if told:
        names = [str(index // len(ATTRIBUTES)) for index in range(len(told))]
        yield from _name_row(subject, "name to telling", [telling.credit for telling in told], names, 1)


def _name_row(
    subject: Subject, way: str, right: Sequence[float], names: Sequence[str], seeds: int
) -> Iterator[tuple[Cell, ...]]:
    share = crossed_mean(right, {"names": names})
    chance = float(np.mean([subject.world.chance(attribute) for attribute in ATTRIBUTES]))
    yield (subject.name, way, share, chance, len(set(names)), len(right), seeds)


def _key(drawing: DrawnPicture) -> str:
    return " ".join(drawing.truth.values())
