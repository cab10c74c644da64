"""How the units of the concepts study are carried out."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from PIL.Image import Image

from unispect.core.errors import Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling
from unispect.core.seeds import seed_for
from unispect.core.units import JSON, Prior, Record, Unit
from unispect.data.concepts.language import LETTERS, choice_question
from unispect.data.concepts.render import render
from unispect.data.concepts.world import Concept
from unispect.models.base import UnifiedModel

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
        outcomes = _PROCEDURES[kind](model, units)
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


def _draw(model: UnifiedModel, units: Sequence[Unit]) -> list[Outcome]:
    encoded = model.encode([Prompt.of(str(unit.inputs["prompt"])) for unit in units], Goal.IMAGE)
    settings: Mapping[str, Any] = units[0].settings
    how = ImageSampling(
        seeds=tuple(seed_for(unit.id) for unit in units),
        guidance=settings["guidance"],
        temperature=settings["temperature"],
    )
    return [({}, {"picture": _png(reply.image)}) for reply in model.draw(encoded, how)]


def _recall(model: UnifiedModel, units: Sequence[Unit]) -> list[Outcome]:
    return _write(model, units, [Prompt.of(str(unit.inputs["question"])) for unit in units])


def _describe(model: UnifiedModel, units: Sequence[Unit]) -> list[Outcome]:
    prompts = []
    for unit in units:
        inputs: Mapping[str, Any] = unit.inputs
        prompts.append(Prompt.of(render(Concept(**inputs["concept"]), inputs["size"]), inputs["prompt"]))
    return _write(model, units, prompts)


def _write(model: UnifiedModel, units: Sequence[Unit], prompts: Sequence[Prompt]) -> list[Outcome]:
    settings: Mapping[str, Any] = units[0].settings
    how = TextSampling(seeds=tuple(seed_for(unit.id) for unit in units), max_new_tokens=settings["max_new_tokens"])
    replies = model.write(model.encode(prompts, Goal.TEXT), how)
    return [({"text": reply.text, "finished": reply.finished}, {}) for reply in replies]


def _likelihood(model: UnifiedModel, units: Sequence[Unit]) -> list[Outcome]:
    """`scores`: the log-likelihood of each of the unit's answers."""
    inputs: list[Mapping[str, Any]] = [unit.inputs for unit in units]
    scores = _score(model, [one["question"] for one in inputs], [one["answers"] for one in inputs])
    return [({"scores": row}, {}) for row in scores]


def _choice(model: UnifiedModel, units: Sequence[Unit]) -> list[Outcome]:
    """`scores`: for each of the unit's orders the log-likelihood of each letter."""
    inputs: list[Mapping[str, Any]] = [unit.inputs for unit in units]
    questions = [choice_question(one["word"], order) for one in inputs for order in one["orders"]]
    letters = [list(LETTERS[: len(order)]) for one in inputs for order in one["orders"]]
    rows = iter(_score(model, questions, letters))
    return [({"scores": [next(rows) for _ in one["orders"]]}, {}) for one in inputs]


def _score(model: UnifiedModel, questions: Sequence[str], answers: Sequence[Sequence[str]]) -> list[list[float]]:
    scores: list[list[float]] = []
    for start in range(0, len(questions), _TOGETHER):
        some = slice(start, start + _TOGETHER)
        encoded = model.encode([Prompt.of(question) for question in questions[some]], Goal.TEXT)
        scores += [[round(x, 4) for x in row.tolist()] for row in model.score(encoded, answers[some])]
    return scores


def _png(image: Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def _finite(scores: JSON) -> bool:
    if isinstance(scores, Sequence) and not isinstance(scores, str):
        return all(_finite(score) for score in scores)
    return not isinstance(scores, float) or math.isfinite(scores)


_PROCEDURES: Mapping[str, Callable[[UnifiedModel, Sequence[Unit]], list[Outcome]]] = {
    "draw": _draw,
    "likelihood": _likelihood,
    "choice": _choice,
    "recall": _recall,
    "reverse": _likelihood,
    "describe": _describe,
}
