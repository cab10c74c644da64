"""Drawing, writing and scoring for studies that ask a model unit by unit, each leaving one record.

An answer takes units of one kind with equal settings and returns what each leaves: a payload and pictures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from unispect.core.encoded import Cut
from unispect.core.errors import DataError, Unsupported
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextReply, TextSampling
from unispect.core.seeds import seed_for
from unispect.core.thoughts import parted
from unispect.core.typed import read_inputs, read_settings, to_json
from unispect.core.units import JSON, Record, Unit, Upstream
from unispect.models.base import UnifiedModel
from unispect.studies.answers import DrawSettings, Prompted, WriteSettings, Written
from unispect.studies.base import Procedure
from unispect.studies.pictures import png

_TOGETHER = 64
"""Questions scored at once; a question costs a prompt and its few short answers."""

Outcome = tuple[dict[str, JSON], dict[str, bytes]]
"""Payload and pictures of one unit."""

Answer = Callable[[UnifiedModel, Sequence[Unit], Upstream], list[Outcome]]


def recording(answers: Mapping[str, Answer]) -> dict[str, Procedure]:
    """Procedures that make records of what is answered, by kind of unit."""
    return {kind: partial(_recorded, answer) for kind, answer in answers.items()}


def _recorded(answer: Answer, model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    start = time.perf_counter()
    try:
        outcomes = answer(model, units, upstream)
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


def draw(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`picture`: drawn from the unit's prompt, and what a provider was told of how to sample it."""
    return drawn_from(model, units, [Prompt.of(read_inputs(Prompted, unit).prompt) for unit in units])


def drawn_from(model: UnifiedModel, units: Sequence[Unit], prompts: Sequence[Prompt]) -> list[Outcome]:
    """The same from any prompts, one per unit."""
    encoded = model.encode(prompts, Goal.IMAGE)
    settings = read_settings(DrawSettings, units[0])
    how = ImageSampling(
        seeds=tuple(seed_for(unit.id) for unit in units),
        guidance=settings.guidance,
        temperature=settings.temperature,
    )
    return [
        ({**encoded.cut_of(i), **reply.left}, {"picture": png(reply.image)})
        for i, reply in enumerate(model.draw(encoded, how))
    ]


def write(model: UnifiedModel, units: Sequence[Unit], prompts: Sequence[Prompt]) -> list[Outcome]:
    """`text` and whether it is `finished`: one reply per prompt, greedy unless the settings say otherwise.

    A text in which a provider refused, and said so, is `refused` as well. What a model said to itself first is no
    part of its text: it is kept beside it, as `thoughts`, and a reply that never came to an answer is not finished.
    """
    settings = read_settings(WriteSettings, units[0])
    how = TextSampling(
        seeds=tuple(seed_for(unit.id) for unit in units),
        max_new_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        log_probabilities=False,
    )
    encoded = model.encode(prompts, Goal.TEXT)
    replies = enumerate(model.write(encoded, how))
    return [(to_json(_written(reply, encoded.cut_at(sample))), {}) for sample, reply in replies]


def _written(reply: TextReply, cut: Cut | None) -> Written:
    found = parted(reply.text)
    text = reply.text if found.answer == reply.text else found.answer.strip()
    thoughts = "\n\n".join(filter(None, (reply.thoughts, found.thoughts)))
    finished = reply.finished and found.closed
    likely = () if reply.tokens else [round(value, 4) for value in reply.log_probabilities] or ()
    return Written(
        text=text, finished=finished, refused=reply.refusal, thoughts=thoughts, cut=cut, log_probabilities=likely
    )


def score(model: UnifiedModel, prompts: Sequence[Prompt], answers: Sequence[Sequence[str]]) -> list[list[float]]:
    """The log-likelihood of each prompt's answers.

    Raises:
        DataError: a prompt is longer than what the model reads of it.
    """
    scores: list[list[float]] = []
    for start in range(0, len(prompts), _TOGETHER):
        some = slice(start, start + _TOGETHER)
        encoded = model.encode(prompts[some], Goal.TEXT)
        if any(encoded.cut):
            raise DataError(f"{model.card.id} reads a part of the question only: shorten it")
        scores += [[round(x, 4) for x in row.tolist()] for row in model.score(encoded, answers[some])]
    return scores


def _finite(scores: JSON) -> bool:
    if isinstance(scores, Sequence) and not isinstance(scores, str):
        return all(_finite(score) for score in scores)
    return not isinstance(scores, float) or math.isfinite(scores)
