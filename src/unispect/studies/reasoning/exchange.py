"""A prompt is told with the states that another run has of its words, or of another prompt's: activation patching.

Activation patching, or interchange intervention: Vig et al. 2020 (arXiv 2004.12265), Geiger et al. 2021 (arXiv
2106.02997). The words are the same in both prompts and stand there token by token, so that rows are exchanged one for
one; where a tokeniser joins the first of them with what stands before it, the last ones go together.
"""

from __future__ import annotations

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
from unispect.studies.states.edited import Runs, as_long, put_back, rounded, scored
from unispect.studies.states.placed import Key, rows_at, spread_layers, words_at

if TYPE_CHECKING:
    from unispect.models.base import Intervenes

_WORDS = "words"


def tell_moved(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`told`: the log-likelihoods of the unit's answers with every source's rows at every layer."""
    asked = [read_inputs(MovedInputs, unit) for unit in units]
    most = read_settings(MovedSettings, units[0]).most_layers
    layers = spread_layers(cast("Intervenes", model).stacks["backbone"][0], most)
    taken = rows_of(model, [_key(source) for one in asked for source in one.sources], layers)
    encoded = model.encode([Prompt.of(one.prompt) for one in asked], Goal.TEXT)
    places = words_at(model, encoded, [one.words for one in asked])
    reads = [[Edit(layer, list(at), Read()) for layer in layers] for at in places]
    plain = [Runs(one.prompt, {UNPATCHED: own}, one.answers) for one, own in zip(asked, reads, strict=True)]
    unpatched = scored(model, plain)
    identity = scored(model, [put_back(IDENTITY, run, own) for run, own in zip(plain, reads, strict=True)])
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


def rows_of(model: UnifiedModel, wanted: Iterable[Key], layers: Sequence[int]) -> dict[Key, Sequence[Tensor]]:
    """The states of every run's words: [layers] of [positions, width]; see `placed.rows_at`."""
    found = rows_at(model, wanted, layers, lambda segments, words: {_WORDS: words})
    return {key: rows[_WORDS] for key, rows in found.items()}


def _key(source: WordsOf) -> Key:
    return source.goal, source.prompt, source.words
