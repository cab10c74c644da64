"""How the units of the reasoning study are carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from unispect.core.prompts import Prompt
from unispect.core.seeds import seed_for
from unispect.core.typed import read_inputs, read_payload, to_json
from unispect.core.units import Unit, Upstream
from unispect.models.base import UnifiedModel
from unispect.studies.answers import Prompted, Said, ScoreRows
from unispect.studies.asking import Answer, Outcome, draw, drawn_from, recording, score, write
from unispect.studies.base import Procedure
from unispect.studies.pictures import own_picture
from unispect.studies.reasoning.exchange import tell_moved
from unispect.studies.reasoning.language import NO, YES, thought_out
from unispect.studies.reasoning.records import LookInputs, Replies, ThoughtInputs


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return recording(_ANSWERS)


def _nothing(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """What is asked stands in the units themselves; no model is asked."""
    return [({}, {}) for _ in units]


def _write(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    return write(model, units, [Prompt.of(read_inputs(Prompted, unit).prompt) for unit in units])


def _draw_thought(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`picture`: drawn from the prompt and what the model wrote before."""
    asked = [read_inputs(ThoughtInputs, unit) for unit in units]
    texts = [thought_out(one.prompt, read_payload(Said, upstream(one.thought)).text) for one in asked]
    return drawn_from(model, units, [Prompt.of(text) for text in texts])


def _look(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`scores`: for every question, in both orders of the answers, the log-likelihoods of yes and of no."""
    prompts, ends = _prompts(units, upstream)
    rows = score(model, prompts, [(YES, NO)] * len(prompts))
    return [(to_json(ScoreRows(scores=rows[start:end])), {}) for start, end in pairwise(ends)]


def _look_write(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`replies`: a text for every question."""
    prompts, ends = _prompts(units, upstream)
    asked = [unit for unit, (start, end) in zip(units, pairwise(ends), strict=True) for _ in range(end - start)]
    # Each question has a generator of its own, whatever else is asked beside it.
    single = [replace(unit, seed=seed_for(unit.id, prompt.text)) for unit, prompt in zip(asked, prompts, strict=True)]
    texts = [str(payload["text"]) for payload, _ in write(model, single, prompts)]
    return [(to_json(Replies(replies=texts[start:end])), {}) for start, end in pairwise(ends)]


def _prompts(units: Sequence[Unit], upstream: Upstream) -> tuple[list[Prompt], list[int]]:
    """Every question behind its picture; and where the questions of each unit start and end."""
    asked = [read_inputs(LookInputs, unit).questions for unit in units]
    pictures = [own_picture(unit, upstream) for unit in units]
    prompts = [Prompt.of(picture, one) for picture, own in zip(pictures, asked, strict=True) for one in own]
    return prompts, [0, *accumulate(map(len, asked))]


_ANSWERS: Mapping[str, Answer] = {
    "item": _nothing,
    "tell": _write,
    "draw": draw,
    "draw-spelled": draw,
    "think": _write,
    "tell-moved": tell_moved,
    "draw-thought": _draw_thought,
    "look": _look,
    "look-write": _look_write,
}
