"""Takes states of words in prompts of both goals while layers stream by, and attention while replies are made."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from unispect.core.encoded import Encoded
from unispect.core.errors import DataError, StateError, Unsupported
from unispect.core.prompts import Goal, Modality, Prompt, Role, positions, start_of_reply
from unispect.core.replies import ImageSampling, Reply, TextReply, TextSampling
from unispect.core.seeds import generator_for, seed_for
from unispect.core.typed import read_inputs, read_settings, to_json
from unispect.core.units import Record, Unit, Upstream
from unispect.models.attention import LayerAttention
from unispect.models.base import Attends, UnifiedModel
from unispect.models.spans import spans
from unispect.studies.alignment.comparing import States, likenesses
from unispect.studies.alignment.prompts import Line, items_of, lines_of
from unispect.studies.alignment.records import (
    PICTURE_AT_PROMPT,
    QUESTION_AT_PICTURE,
    REPLY_AT_PICTURE,
    REPLY_AT_PROMPT,
    START,
    WORDS,
    Attended,
    Attending,
    Between,
    Compared,
    Comparison,
    How,
)
from unispect.studies.base import Procedure
from unispect.studies.states.probing import failed
from unispect.studies.states.records import Asked, prompt_in

Rows = NDArray[np.float64]
Group = tuple[Modality, Role]
TOGETHER = 16
"""Prompts whose states are in memory at once; of each a few rows are kept."""
DIGITS = 5

LOOKS: Mapping[Goal, Mapping[str, tuple[Group, Group]]] = {
    Goal.IMAGE: {PICTURE_AT_PROMPT: (("image", "response"), ("text", "prompt"))},
    Goal.TEXT: {
        QUESTION_AT_PICTURE: (("text", "prompt"), ("image", "prompt")),
        REPLY_AT_PICTURE: (("text", "response"), ("image", "prompt")),
        REPLY_AT_PROMPT: (("text", "response"), ("text", "prompt")),
    },
}
"""Goal -> name -> who looks at whom."""


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return {"compare": _compare, "attend": _attend}


def _compare(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    for unit in units:
        start = time.perf_counter()
        try:
            record = Record(unit.id, to_json(compared(model, unit)))
        except (DataError, StateError) as problem:
            record = failed(unit, problem)
        yield replace(record, seconds=time.perf_counter() - start)


def compared(model: UnifiedModel, unit: Unit) -> Comparison:
    """The record of a comparison.

    Raises:
        StateError: states are not finite; names the layer.
        DataError: a word is not among what the model reads of its prompt, or texts are too few.
    """
    asked, how = read_inputs(Compared, unit), read_settings(How, unit)
    items, taken = items_of(asked), Taken()
    lines = list(lines_of(asked))
    for goal in Goal:
        own = [line for line in lines if line.goal is goal]
        for start in range(0, len(own), TOGETHER):
            taken.add(model, own[start : start + TOGETHER])
    kept = [item for item in range(len(items.names)) if item not in taken.cut and taken.everywhere(item)]
    try:
        found = likenesses(
            taken.states(kept), [items.groups[item] for item in kept], how, generator_for(unit.id, "permutations")
        )
    except ValueError as problem:
        raise DataError(f"{model.card.id}: {problem}") from problem
    names = [items.names[item] if asked.lexicon else f"text {item + 1}" for item in kept]
    return Comparison(items=names, likenesses=found, left_out=len(items.names) - len(kept))


class Taken:
    """Means over prompts of the rows of items, by place, goal, wording and layer."""

    def __init__(self) -> None:
        self.cut: set[int] = set()
        self._sums: dict[tuple[str, Goal, int], list[dict[int, Rows]]] = {}
        self._counts: dict[tuple[str, Goal, int], dict[int, int]] = {}

    def add(self, model: UnifiedModel, lines: Sequence[Line]) -> None:
        """The states of some prompts of one goal."""
        encoded = model.encode([Prompt.of(line.text) for line in lines], lines[0].goal)
        where = _positions(model, encoded, lines)
        self.cut |= {line.item for sample, line in enumerate(lines) if encoded.cut_at(sample)}
        for line, own in zip(lines, where, strict=True):
            for key, _ in own:
                counts = self._counts.setdefault(key, {})
                counts[line.item] = counts.get(line.item, 0) + 1
        for state in model.states(encoded):
            for sample, (line, own) in enumerate(zip(lines, where, strict=True)):
                for key, at in own:
                    rows = state.rows[sample][at].float().mean(dim=0).cpu().numpy().astype(np.float64)
                    if not np.isfinite(rows).all():
                        raise StateError(f"{model.card.id}: states of layer {state.layer} are not finite numbers")
                    layers = self._sums.setdefault(key, [])
                    while len(layers) <= state.layer:
                        layers.append({})
                    before = layers[state.layer].get(line.item)
                    layers[state.layer][line.item] = rows if before is None else before + rows

    def everywhere(self, item: int) -> bool:
        """The item has a prompt in every wording that there is."""
        return all(item in counts for counts in self._counts.values())

    def states(self, items: Sequence[int]) -> States:
        """The means of some items."""
        return {
            key: [np.stack([layer[item] / self._counts[key][item] for item in items]) for layer in layers]
            for key, layers in self._sums.items()
        }


def _positions(
    model: UnifiedModel, encoded: Encoded, lines: Sequence[Line]
) -> list[list[tuple[tuple[str, Goal, int], list[int]]]]:
    """Of every prompt: place, goal and wording; positions. Of a text of the user's, two halves of its positions
    in turn stand for two wordings.
    """
    words = [line.word for line in lines]
    places = spans(model, encoded, words) if all(words) else None
    found: list[list[tuple[tuple[str, Goal, int], list[int]]]] = []
    for sample, line in enumerate(lines):
        segments = encoded.segments[sample]
        own = [((START, line.goal, line.wording), [start_of_reply(segments)])]
        if places is not None:
            own.append(((WORDS, line.goal, line.wording), list(places[sample][-1])))
        else:
            every = positions(segments, modality="text", roles=("prompt",))
            own += [((WORDS, line.goal, half), every[half::2] or every) for half in (0, 1)]
        found.append(own)
    return found


def _attend(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    start = time.perf_counter()
    how = read_settings(Attending, units[0])
    encoded = model.encode([prompt_in(read_inputs(Asked, unit), unit.locations) for unit in units], how.goal)
    seeds = tuple(seed_for(unit.id, "reply") for unit in units)
    replies: Sequence[Reply]
    if how.goal is Goal.IMAGE:
        replies = model.draw(encoded, ImageSampling(seeds))
    else:
        replies = model.write(
            encoded, TextSampling(seeds, max_new_tokens=how.max_new_tokens, temperature=0.0, log_probabilities=False)
        )
    try:
        between = attended(cast(Attends, model).attention(encoded, replies), LOOKS[how.goal], len(units))
    except Unsupported as problem:
        yield from (Record(unit.id, status="skipped", error=str(problem)) for unit in units)
        return
    seconds = (time.perf_counter() - start) / len(units)
    for sample, (unit, reply) in enumerate(zip(units, replies, strict=True)):
        text = reply.text if isinstance(reply, TextReply) else ""
        left = Attended(between=between[sample], text=text, cut=encoded.cut_at(sample))
        yield Record(unit.id, to_json(left), seconds=seconds)


def attended(
    layers: Iterable[LayerAttention], looks: Mapping[str, tuple[Group, Group]], samples: int
) -> list[list[Between]]:
    """Of every sample the attention between kinds of positions; what a sample lacks is absent."""
    heads: list[dict[str, list[list[float]]]] = [{} for _ in range(samples)]
    even: list[dict[str, list[float]]] = [{} for _ in range(samples)]
    for layer in layers:
        for sample in range(samples):
            mass = layer.mass(sample)
            for name, (looking, at) in looks.items():
                own = mass.between(looking, at)
                if own is not None:
                    evenly = mass.even[mass.groups.index(looking), mass.groups.index(at)]
                    heads[sample].setdefault(name, []).append([round(value, DIGITS) for value in own.tolist()])
                    even[sample].setdefault(name, []).append(round(float(evenly), DIGITS))
    return [
        [Between(what=name, heads=own, even=evenly[name]) for name, own in found.items()]
        for found, evenly in zip(heads, even, strict=True)
    ]
