"""How the units of the concepts study are carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PIL.Image import Image

from unispect.core.prompts import Prompt
from unispect.core.typed import read_inputs, to_json
from unispect.core.units import Unit, Upstream
from unispect.data.concepts.language import LETTERS, choice_question, member_question
from unispect.data.concepts.render import render
from unispect.data.concepts.world import Concept
from unispect.models.base import UnifiedModel
from unispect.studies.answers import Prompted, Questioned, ScoreRows, Scores
from unispect.studies.aphasia.records import OrderedInputs
from unispect.studies.asking import Answer, Outcome, draw, recording, score, write
from unispect.studies.base import Procedure
from unispect.studies.concepts.records import Answerable, AskedInRows, TruePicture
from unispect.studies.pictures import own_picture


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return recording(_ANSWERS)


def _recall(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    return write(model, units, [Prompt.of(read_inputs(Questioned, unit).question) for unit in units])


def _describe(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    return write(model, units, [Prompt.of(_true_picture(unit), read_inputs(Prompted, unit).prompt) for unit in units])


def _relook(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """The model's own picture is described."""
    return write(
        model, units, [Prompt.of(own_picture(unit, upstream), read_inputs(Prompted, unit).prompt) for unit in units]
    )


def _likelihood(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`scores`: the log-likelihood of each of the unit's answers."""
    return _one_row(model, units, [Prompt.of(read_inputs(Questioned, unit).question) for unit in units])


def _likelihood_seen(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """The same, behind the true picture."""
    return _one_row(
        model, units, [Prompt.of(_true_picture(unit), read_inputs(Questioned, unit).question) for unit in units]
    )


def _one_row(model: UnifiedModel, units: Sequence[Unit], prompts: Sequence[Prompt]) -> list[Outcome]:
    answers = [read_inputs(Answerable, unit).answers for unit in units]
    return [(to_json(Scores(scores=row)), {}) for row in score(model, prompts, answers)]


def _choice(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`scores`: for each of the unit's orders the log-likelihood of each letter."""
    return _lettered(model, units, lambda one, order: choice_question(one.word, order))


def _member(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """The same, for words of a kind."""
    return _lettered(model, units, lambda one, order: member_question(one.attribute, order))


def _lettered(
    model: UnifiedModel,
    units: Sequence[Unit],
    question: Callable[[OrderedInputs, Sequence[str]], str],
) -> list[Outcome]:
    asked = [read_inputs(OrderedInputs, unit) for unit in units]
    prompts = [Prompt.of(question(one, order)) for one in asked for order in one.orders]
    letters = [list(LETTERS[: len(order)]) for one in asked for order in one.orders]
    rows = iter(score(model, prompts, letters))
    return [(to_json(ScoreRows(scores=[next(rows) for _ in one.orders])), {}) for one in asked]


def _called(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`scores`: for each of the unit's questions the log-likelihood of each answer."""
    return _rows(model, units, lambda unit: ())


def _look(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """The same, with the model's own picture before every question."""
    return _rows(model, units, lambda unit: (own_picture(unit, upstream),))


def _rows(model: UnifiedModel, units: Sequence[Unit], before: Callable[[Unit], tuple[Image, ...]]) -> list[Outcome]:
    asked = [read_inputs(AskedInRows, unit) for unit in units]
    prompts, answers = [], []
    for unit, one in zip(units, asked, strict=True):
        pictures = before(unit)
        prompts += [Prompt.of(*pictures, question) for question in one.questions]
        answers += one.answers
    rows = iter(score(model, prompts, answers))
    return [(to_json(ScoreRows(scores=[next(rows) for _ in one.questions])), {}) for one in asked]


def _true_picture(unit: Unit) -> Image:
    shown = read_inputs(TruePicture, unit)
    return render(Concept(**shown.concept), shown.size)


_ANSWERS: Mapping[str, Answer] = {
    "draw": draw,
    "likelihood": _likelihood,
    "choice": _choice,
    "recall": _recall,
    "reverse": _likelihood,
    "describe": _describe,
    "kind": _likelihood,
    "member": _member,
    "recognise": _likelihood_seen,
    "called": _called,
    "relook": _relook,
    "look": _look,
    "visualise": _likelihood,
    "visualise-recall": _recall,
    "paper-ask": _recall,
    "paper-draw": draw,
    "retain": _likelihood,
    "retain-seen": _likelihood_seen,
}
