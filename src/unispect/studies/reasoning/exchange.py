"""A prompt is told with the states that another run has of its words, or of another prompt's: activation patching.

Activation patching, or interchange intervention: Vig et al. 2020 (arXiv 2004.12265), Geiger et al. 2021 (arXiv
2106.02997). The words are the same in both prompts and stand there token by token, so that rows are exchanged one for
one; where a tokeniser joins the first of them with what stands before it, the last ones go together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from unispect.core.prompts import Goal, Prompt
from unispect.core.typed import read_inputs, read_settings, to_json
from unispect.core.units import Unit, Upstream
from unispect.models.base import UnifiedModel
from unispect.models.edits import Edit, Read, Replace
from unispect.studies.asking import Outcome
from unispect.studies.reasoning.records import (
    IDENTITY,
    RANDOM,
    UNPATCHED,
    Moved,
    MovedInputs,
    MovedSettings,
    WordsOf,
)
from unispect.studies.states.edited import Runs, as_long, rounded, scored
from unispect.studies.states.placed import as_probed, spread_layers, words_at

if TYPE_CHECKING:
    from unispect.models.base import Intervenes

_TOGETHER = 16
"""Prompts whose states are in memory at once; of each the rows of its words are kept."""

Key = tuple[Goal, str, str]
"""Goal, prompt, words."""


def tell_moved(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`told`: the log-likelihoods of the unit's answers with every source's rows at every layer."""
    asked = [read_inputs(MovedInputs, unit) for unit in units]
    most = read_settings(MovedSettings, units[0]).most_layers
    layers = spread_layers(cast("Intervenes", model).stacks["backbone"][0], most)
    taken = rows_of(model, [_key(source) for one in asked for source in one.sources], layers)
    encoded = model.encode([Prompt.of(one.prompt) for one in asked], Goal.TEXT)
    places = words_at(model, encoded, [one.words for one in asked])
    reads = [{layer: Edit(layer, list(at), Read()) for layer in layers} for at in places]
    unpatched = scored(
        model,
        [Runs(one.prompt, {UNPATCHED: list(own.values())}, one.answers) for one, own in zip(asked, reads, strict=True)],
    )
    own_rows = [
        [Edit(edit.layer, edit.at, Replace(cast(Read, edit.change).found[0])) for edit in own.values()] for own in reads
    ]
    identity = scored(
        model, [Runs(one.prompt, {IDENTITY: own}, one.answers) for one, own in zip(asked, own_rows, strict=True)]
    )
    patches = [_patches(unit, one, list(at), taken, layers) for unit, one, at in zip(units, asked, places, strict=True)]
    patched = scored(
        model, [Runs(one.prompt, edits, one.answers) for one, (edits, _) in zip(asked, patches, strict=True)]
    )
    outcomes: list[Outcome] = []
    for at, (_, counts), before, same, found in zip(places, patches, unpatched, identity, patched, strict=True):
        left = Moved(
            layers=layers,
            length=len(at),
            rows=counts,
            same=torch.equal(before[UNPATCHED], same[IDENTITY]),
            unpatched=rounded(before[UNPATCHED]),
            told={kind: [rounded(found[kind, number]) for number in range(len(layers))] for kind in counts},
        )
        outcomes.append((to_json(left), {}))
    return outcomes


def _patches(
    unit: Unit, one: MovedInputs, at: Sequence[int], taken: Mapping[Key, Sequence[Tensor]], layers: Sequence[int]
) -> tuple[dict[tuple[str, int], list[Edit]], dict[str, int]]:
    """Kind and number of the layer -> the edit; and kind -> how many rows it replaces.

    Random rows are as long as those of the first source, the moved ones.
    """
    edits: dict[tuple[str, int], list[Edit]] = {}
    counts: dict[str, int] = {}
    for source in one.sources:
        theirs = taken[_key(source)]
        count = min(len(at), len(theirs[0]))
        for kind in [source.kind] if RANDOM in counts else [source.kind, RANDOM]:
            counts[kind] = count
            for number, layer in enumerate(layers):
                values = theirs[number][-count:]
                put = as_long(values, unit.id, RANDOM, layer) if kind == RANDOM else values
                edits[kind, number] = [Edit(layer, at[-count:], Replace(put))]
    return edits, counts


def rows_of(model: UnifiedModel, wanted: Iterable[Key], layers: Sequence[int]) -> Mapping[Key, Sequence[Tensor]]:
    """The states of every run's words: [layers] of [positions, width]; each run once.

    Raises:
        DataError: a prompt's words are not among what the model reads of it.
    """
    by_goal: dict[Goal, list[Key]] = defaultdict(list)
    for key in dict.fromkeys(wanted):
        by_goal[key[0]].append(key)
    found: dict[Key, list[Tensor]] = {key: [] for own in by_goal.values() for key in own}
    for goal, own in by_goal.items():
        for start in range(0, len(own), _TOGETHER):
            some = own[start : start + _TOGETHER]
            encoded = model.encode([Prompt.of(prompt) for _, prompt, _ in some], goal)
            places = words_at(model, encoded, [words for _, _, words in some])
            for state in model.states(encoded):
                if state.layer not in layers:
                    continue
                for key, at, rows, whole, probed in zip(
                    some, places, state.rows, encoded.segments, state.segments, strict=True
                ):
                    found[key].append(rows[list(as_probed(at, whole, probed))].clone())
    return found


def _key(source: WordsOf) -> Key:
    return source.goal, source.prompt, source.words
