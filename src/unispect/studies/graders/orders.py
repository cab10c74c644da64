"""In which order questions and their options are put: at random by the unit, and evenly.

A permutation of the options is drawn once for each set of them, and turned by one place from question to question: so
no option stands first in more questions of a unit than another, give or take one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from unispect.core.seeds import generator_for
from unispect.studies.questions import Question


def in_order(questions: Sequence[Question], key: str) -> list[Question]:
    """The questions in another order, their options too; equal keys give equal orders."""
    order = generator_for("questions", key).permutation(len(questions))
    before: Counter[tuple[str, ...]] = Counter()
    found = []
    for question in (questions[int(index)] for index in order):
        turn = before[question.options]
        before[question.options] += 1
        found.append(replace(question, options=rotations(question.options, key)[turn % len(question.options)]))
    return found


def rotations(options: tuple[str, ...], key: str) -> list[tuple[str, ...]]:
    """As many orders as there are options; in each of them every option has another place."""
    drawn = [options[int(index)] for index in generator_for("options", key, *options).permutation(len(options))]
    return [(*drawn[turn:], *drawn[:turn]) for turn in range(len(drawn))]
