"""How the units of the faces study are carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unispect.core.prompts import Prompt
from unispect.core.units import Unit, Upstream
from unispect.data.faces.language import LETTERS, choice_question
from unispect.models.base import UnifiedModel
from unispect.studies.asking import Answer, Outcome, draw, recording, score, write
from unispect.studies.base import Procedure
from unispect.studies.faces.items import true_picture


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return recording(_ANSWERS)


def _likelihood(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`scores`: the log-likelihood of each of the unit's answers, behind its picture if it has one."""
    inputs: list[Mapping[str, Any]] = [unit.inputs for unit in units]
    rows = score(model, [_prompt(unit, "question") for unit in units], [one["answers"] for one in inputs])
    return [({"scores": row}, {}) for row in rows]


def _choice(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`scores`: for each of the unit's orders the log-likelihood of each letter."""
    inputs: list[Mapping[str, Any]] = [unit.inputs for unit in units]
    prompts = [Prompt.of(choice_question(one["question"], order)) for one in inputs for order in one["orders"]]
    letters = [list(LETTERS[: len(order)]) for one in inputs for order in one["orders"]]
    rows = iter(score(model, prompts, letters))
    return [({"scores": [next(rows) for _ in one["orders"]]}, {}) for one in inputs]


def _recall(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    return write(model, units, [_prompt(unit, "question") for unit in units])


def _describe(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    return write(model, units, [_prompt(unit, "prompt") for unit in units])


def _prompt(unit: Unit, text: str) -> Prompt:
    inputs: Mapping[str, Any] = unit.inputs
    if "picture" in inputs:
        return Prompt.of(true_picture(inputs["picture"], unit.locations), inputs[text])
    return Prompt.of(inputs[text])


_ANSWERS: Mapping[str, Answer] = {
    "draw": draw,
    "likelihood": _likelihood,
    "choice": _choice,
    "recall": _recall,
    "reverse": _likelihood,
    "describe": _describe,
    "look": _likelihood,
}
