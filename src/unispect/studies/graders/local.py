"""A model of the registry as grader: which option it finds likeliest behind the picture and the question.

Options are listed in the question, in as many orders as there are options, each option once at every place, and an
option's log-likelihood is its mean over these orders: a liking for what is named first cancels. A model that learned
to answer the bare question is asked that way (`listed=False`), once. Nothing corrects for the length of an option.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from unispect.core.cards import ModelCard
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Prompt
from unispect.models.base import UnifiedModel
from unispect.studies.asking import score
from unispect.studies.graders.asked import fenced
from unispect.studies.graders.base import MODEL, Shown, Told
from unispect.studies.graders.orders import rotations
from unispect.studies.questions import UNCLEAR, Question

MARGIN: Final = 0.1
"""Nats by which the likeliest option must exceed the next one; else the answer is "unclear"."""
UNLISTED: Final = " (unlisted)"
"""Ends the names of graders that are asked bare questions."""


def require_able(card: ModelCard) -> None:
    """Returns if a model can grade pictures and texts.

    Raises:
        UsageError: it cannot; says what it lacks.
    """
    needs = (("see", "it sees no pictures in prompts"), ("score", "it gives no likelihoods of answers"))
    lacks = [words for need, words in needs if need not in card.capabilities]
    if lacks:
        raise UsageError(f"{card.id} cannot grade: {' and '.join(lacks)}; name another model (unispect models)")


@dataclass(frozen=True)
class LocalGrader:
    """A loaded model that sees and scores.

    Attributes:
        model: asked by likelihood.
        listed: options are listed in the question.
    """

    model: UnifiedModel
    listed: bool = True

    def __post_init__(self) -> None:
        require_able(self.model.card)

    @property
    def name(self) -> str:
        """`model:` and the reference of its card."""
        return f"{MODEL}{self.model.card.reference}{'' if self.listed else UNLISTED}"

    def look(self, shown: Shown, questions: Sequence[Question], key: str) -> Told:
        """See `Grader.look`; a question that does not fit into the model, or has no finite likelihoods, is unclear."""
        answers, means = {}, {}
        for one in questions:
            orders = rotations(one.options, key) if self.listed else [one.options]
            found = self._mean(shown, one, orders)
            answers[one.id] = _likeliest(one.options, found)
            means[one.id] = [round(value, 4) for value in found] if np.isfinite(found).all() else None
        return Told(answers, {"likelihoods": means})

    def _mean(self, shown: Shown, question: Question, orders: Sequence[Sequence[str]]) -> np.ndarray:
        prompts = [_prompt(shown, question.text, order if self.listed else ()) for order in orders]
        try:
            rows = score(self.model, prompts, [list(question.options)] * len(prompts))
        except DataError:
            return np.full(len(question.options), math.nan)
        return np.mean(rows, axis=0)


def _prompt(shown: Shown, question: str, options: Sequence[str]) -> Prompt:
    asked = f"{question} Answer with one of: {', '.join(options)}." if options else question
    return Prompt.of(f"{fenced(shown)}\n{asked}") if isinstance(shown, str) else Prompt.of(shown, asked)


def _likeliest(options: Sequence[str], means: np.ndarray) -> str:
    if not np.isfinite(means).all():
        return UNCLEAR
    second, first = np.sort(means)[-2:]
    return options[int(np.argmax(means))] if first - second >= MARGIN else UNCLEAR
