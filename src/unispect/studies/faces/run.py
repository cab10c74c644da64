"""How the units of the faces study are carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.core.prompts import Prompt
from unispect.core.typed import read_inputs, to_json
from unispect.core.units import Unit, Upstream
from unispect.data.faces.language import LETTERS, choice_question
from unispect.models.base import UnifiedModel
from unispect.studies.answers import Prompted, Questioned, ScoreRows, Scores
from unispect.studies.aphasia.records import OrderedInputs, ScoredInputs
from unispect.studies.asking import Answer, Outcome, draw, recording, score, write
from unispect.studies.base import Procedure
from unispect.studies.faces.items import true_picture
from unispect.studies.faces.records import WithPicture


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return recording(_ANSWERS)


def _likelihood(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`scores`: the log-likelihood of each of the unit's answers, behind its picture if it has one."""
    asked = [read_inputs(ScoredInputs, unit) for unit in units]
    prompts = [_prompt(unit, one.question) for unit, one in zip(units, asked, strict=True)]
    rows = score(model, prompts, [one.answers for one in asked])
    return [(to_json(Scores(scores=row)), {}) for row in rows]


def _choice(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`scores`: for each of the unit's orders the log-likelihood of each letter."""
    asked = [read_inputs(OrderedInputs, unit) for unit in units]
    prompts = [Prompt.of(choice_question(one.question, order)) for one in asked for order in one.orders]
    letters = [list(LETTERS[: len(order)]) for one in asked for order in one.orders]
    rows = iter(score(model, prompts, letters))
    return [(to_json(ScoreRows(scores=[next(rows) for _ in one.orders])), {}) for one in asked]


def _recall(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    return write(model, units, [_prompt(unit, read_inputs(Questioned, unit).question) for unit in units])


def _describe(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    return write(model, units, [_prompt(unit, read_inputs(Prompted, unit).prompt) for unit in units])


def _prompt(unit: Unit, text: str) -> Prompt:
    picture = read_inputs(WithPicture, unit).picture
    return Prompt.of(true_picture(picture, unit.locations), text) if picture else Prompt.of(text)


_ANSWERS: Mapping[str, Answer] = {
    "draw": draw,
    "likelihood": _likelihood,
    "choice": _choice,
    "recall": _recall,
    "reverse": _likelihood,
    "describe": _describe,
    "look": _likelihood,
}
