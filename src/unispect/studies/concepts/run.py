"""How the units of the concepts study are carried out."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from PIL import Image as Pillow
from PIL.Image import Image

from unispect.core.errors import Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling
from unispect.core.seeds import seed_for
from unispect.core.units import JSON, Prior, Record, Unit
from unispect.data.concepts.language import LETTERS, choice_question, member_question
from unispect.data.concepts.render import render
from unispect.data.concepts.world import Concept
from unispect.models.base import UnifiedModel
from unispect.studies.pictures import png

_TOGETHER = 64
"""Questions scored at once; a question costs a prompt and its few short answers."""

Outcome = tuple[dict[str, JSON], dict[str, bytes]]
"""Payload and pictures of one unit."""


def run(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> Iterator[Record]:
    """One record per unit, in their order; all units are of one kind with equal settings."""
    if not units:
        return
    kind = units[0].kind
    if kind not in _PROCEDURES:
        raise UsageError(f"the concepts study has no procedure {kind!r}")
    start = time.perf_counter()
    try:
        outcomes = _PROCEDURES[kind](model, units, prior)
    except Unsupported as error:
        for unit in units:
            yield Record(unit.id, status="skipped", error=str(error))
        return
    seconds = (time.perf_counter() - start) / len(units)
    for unit, (payload, pictures) in zip(units, outcomes, strict=True):
        if _finite(payload.get("scores", [])):
            yield Record(unit.id, payload, pictures=pictures, seconds=seconds)
        else:
            reason = "the model's likelihoods are not finite numbers"
            yield Record(unit.id, status="failed", error=reason, seconds=seconds)


def _draw(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    encoded = model.encode([Prompt.of(str(unit.inputs["prompt"])) for unit in units], Goal.IMAGE)
    settings: Mapping[str, Any] = units[0].settings
    how = ImageSampling(
        seeds=tuple(seed_for(unit.id) for unit in units),
        guidance=settings["guidance"],
        temperature=settings["temperature"],
    )
    return [({}, {"picture": png(reply.image)}) for reply in model.draw(encoded, how)]


def _recall(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    return _write(model, units, [Prompt.of(str(unit.inputs["question"])) for unit in units])


def _describe(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    return _write(model, units, [Prompt.of(_true_picture(unit), str(unit.inputs["prompt"])) for unit in units])


def _relook(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    """The model's own picture is described."""
    return _write(model, units, [Prompt.of(_own_picture(unit, prior), str(unit.inputs["prompt"])) for unit in units])


def _write(model: UnifiedModel, units: Sequence[Unit], prompts: Sequence[Prompt]) -> list[Outcome]:
    settings: Mapping[str, Any] = units[0].settings
    how = TextSampling(seeds=tuple(seed_for(unit.id) for unit in units), max_new_tokens=settings["max_new_tokens"])
    replies = model.write(model.encode(prompts, Goal.TEXT), how)
    return [({"text": reply.text, "finished": reply.finished}, {}) for reply in replies]


def _likelihood(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    """`scores`: the log-likelihood of each of the unit's answers."""
    return _one_row(model, units, [Prompt.of(str(unit.inputs["question"])) for unit in units])


def _likelihood_seen(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    """The same, behind the true picture."""
    return _one_row(model, units, [Prompt.of(_true_picture(unit), str(unit.inputs["question"])) for unit in units])


def _one_row(model: UnifiedModel, units: Sequence[Unit], prompts: Sequence[Prompt]) -> list[Outcome]:
    inputs: list[Mapping[str, Any]] = [unit.inputs for unit in units]
    return [({"scores": row}, {}) for row in _score(model, prompts, [one["answers"] for one in inputs])]


def _choice(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    """`scores`: for each of the unit's orders the log-likelihood of each letter."""
    inputs: list[Mapping[str, Any]] = [unit.inputs for unit in units]
    return _lettered(model, inputs, lambda one, order: choice_question(one["word"], order))


def _member(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    """The same, for words of a kind."""
    inputs: list[Mapping[str, Any]] = [unit.inputs for unit in units]
    return _lettered(model, inputs, lambda one, order: member_question(one["attribute"], order))


def _lettered(
    model: UnifiedModel,
    inputs: Sequence[Mapping[str, Any]],
    question: Callable[[Mapping[str, Any], Sequence[str]], str],
) -> list[Outcome]:
    prompts = [Prompt.of(question(one, order)) for one in inputs for order in one["orders"]]
    letters = [list(LETTERS[: len(order)]) for one in inputs for order in one["orders"]]
    rows = iter(_score(model, prompts, letters))
    return [({"scores": [next(rows) for _ in one["orders"]]}, {}) for one in inputs]


def _called(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    """`scores`: for each of the unit's questions the log-likelihood of each answer."""
    return _rows(model, units, lambda unit: ())


def _look(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    """The same, with the model's own picture before every question."""
    return _rows(model, units, lambda unit: (_own_picture(unit, prior),))


def _rows(model: UnifiedModel, units: Sequence[Unit], before: Callable[[Unit], tuple[Image, ...]]) -> list[Outcome]:
    inputs: list[Mapping[str, Any]] = [unit.inputs for unit in units]
    prompts, answers = [], []
    for unit, one in zip(units, inputs, strict=True):
        pictures = before(unit)
        prompts += [Prompt.of(*pictures, question) for question in one["questions"]]
        answers += one["answers"]
    rows = iter(_score(model, prompts, answers))
    return [({"scores": [next(rows) for _ in one["questions"]]}, {}) for one in inputs]


def _score(model: UnifiedModel, prompts: Sequence[Prompt], answers: Sequence[Sequence[str]]) -> list[list[float]]:
    scores: list[list[float]] = []
    for start in range(0, len(prompts), _TOGETHER):
        some = slice(start, start + _TOGETHER)
        encoded = model.encode(prompts[some], Goal.TEXT)
        scores += [[round(x, 4) for x in row.tolist()] for row in model.score(encoded, answers[some])]
    return scores


def _true_picture(unit: Unit) -> Image:
    inputs: Mapping[str, Any] = unit.inputs
    return render(Concept(**inputs["concept"]), inputs["size"])


def _own_picture(unit: Unit, prior: Prior) -> Image:
    """What the model drew in an earlier stage."""
    with Pillow.open(io.BytesIO(prior(str(unit.inputs["drawing"])).pictures["picture"])) as picture:
        return picture.convert("RGB")


def _finite(scores: JSON) -> bool:
    if isinstance(scores, Sequence) and not isinstance(scores, str):
        return all(_finite(score) for score in scores)
    return not isinstance(scores, float) or math.isfinite(scores)


_PROCEDURES: Mapping[str, Callable[[UnifiedModel, Sequence[Unit], Prior], list[Outcome]]] = {
    "draw": _draw,
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
    "paper-draw": _draw,
    "retain": _likelihood,
    "retain-seen": _likelihood_seen,
}
