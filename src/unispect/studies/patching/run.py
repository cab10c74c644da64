"""How words are patched and steered: every edit of a prompt in one batch, where what lies below is run once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import Tensor

from unispect.core.prompts import Goal, Prompt
from unispect.core.seeds import seed_for
from unispect.core.typed import read_inputs, read_settings, to_json
from unispect.core.units import Unit, Upstream
from unispect.models.base import UnifiedModel
from unispect.models.edits import Add, Edit, Read, Replace
from unispect.studies.asking import Answer, Outcome, recording
from unispect.studies.base import Procedure
from unispect.studies.patching.places import positions_at
from unispect.studies.patching.records import (
    EVERYWHERE,
    IDENTITY,
    RANDOM,
    TOGETHER,
    UNPATCHED,
    Dose,
    DrawDose,
    DrawPatched,
    DrawSteered,
    DrawWhere,
    Patched,
    PatchedTelling,
    SteeredDrawing,
    SteeredTelling,
    TellPatched,
    TellSteered,
    Where,
    picture_of,
    steered_picture,
)
from unispect.studies.patching.taken import directions, key_of, rows_of
from unispect.studies.pictures import png
from unispect.studies.states.edited import Runs, as_long, drawn, put_back, rounded, scored
from unispect.studies.states.placed import Key, Rows, spread_layers, words_at

if TYPE_CHECKING:
    from unispect.models.base import Intervenes

T = TypeVar("T")
Own = list[Edit]
Cells = Mapping[tuple[str, str, int], Own]
"""Kind, place and number of the layer -> the edits of a run."""


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return recording(_ANSWERS)


def _patch_tell(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`told`: the log-likelihoods of the unit's answers with every source's rows at every layer and place."""
    asked, where = [read_inputs(TellPatched, unit) for unit in units], read_settings(Where, units[0])
    runs = [Runs(one.question, {}, one.answers) for one in asked]
    layers, patches = _patches(model, Goal.TEXT, units, asked, runs, where)
    outcomes: list[Outcome] = []
    plain, reads = _with_reads(patches, runs)
    unpatched = scored(model, plain)
    identity = scored(model, [put_back(IDENTITY, run, own) for run, own in zip(runs, reads, strict=True)])
    told = scored(model, [Runs(run.prompt, own.cells, run.answers) for run, own in zip(runs, patches, strict=True)])
    for before, same, found, own in zip(unpatched, identity, told, patches, strict=True):
        payload = PatchedTelling(
            layers=layers,
            rows=own.rows,
            same=torch.equal(before[UNPATCHED], same[IDENTITY]),
            unpatched=rounded(before[UNPATCHED]),
            told={
                kind: {place: [rounded(found[kind, place, n]) for n in range(len(layers))] for place in places}
                for kind, places in own.rows.items()
            },
        )
        outcomes.append((to_json(payload), {}))
    return outcomes


def _patch_draw(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """A picture without an edit, and one for every source, layer and place; all of a unit by one seed."""
    asked, where = [read_inputs(DrawPatched, unit) for unit in units], read_settings(DrawWhere, units[0])
    runs = [Runs(one.prompt, {}, seed=seed_for(unit.id)) for unit, one in zip(units, asked, strict=True)]
    layers, patches = _patches(model, Goal.IMAGE, units, asked, runs, where)
    outcomes: list[Outcome] = []
    plain, reads = _with_reads(patches, runs)
    unpatched = drawn(model, plain, where)
    identity = drawn(model, [put_back(IDENTITY, run, own) for run, own in zip(runs, reads, strict=True)], where)
    patched = [Runs(run.prompt, own.cells, seed=run.seed) for run, own in zip(runs, patches, strict=True)]
    for before, same, found, own in zip(unpatched, identity, drawn(model, patched, where), patches, strict=True):
        pictures = {UNPATCHED: png(before[UNPATCHED])}
        pictures |= {picture_of(kind, place, layers[n]): png(one) for (kind, place, n), one in found.items()}
        unchanged = before[UNPATCHED].tobytes() == same[IDENTITY].tobytes()
        outcomes.append((to_json(Patched(layers=layers, rows=own.rows, same=unchanged)), pictures))
    return outcomes


@dataclass(frozen=True, eq=False)
class _Patches:
    """The patches of one run.

    Attributes:
        at: place -> its positions in the prompt.
        cells: every patch.
        rows: kind -> place -> how many rows it replaces.
        layers: that are patched.
    """

    at: Mapping[str, Sequence[int]]
    cells: Cells
    rows: Mapping[str, Mapping[str, int]]
    layers: Sequence[int]


def _patches(
    model: UnifiedModel,
    goal: Goal,
    units: Sequence[Unit],
    asked: Sequence[TellPatched] | Sequence[DrawPatched],
    runs: Sequence[Runs],
    where: Where,
) -> tuple[list[int], list[_Patches]]:
    """The layers that are patched, and the patches of every run."""
    layers = spread_layers(cast("Intervenes", model).stacks["backbone"][0], where.most_layers)
    taken = rows_of(model, [key_of(source) for one in asked for source in one.sources], layers)
    encoded = model.encode([Prompt.of(run.prompt) for run in runs], goal)
    words = words_at(model, encoded, [one.word for one in asked])
    found = []
    for unit, one, segments, word in zip(units, asked, encoded.segments, words, strict=True):
        at = {place: own for place, own in positions_at(segments, word).items() if place in where.places}
        found.append(_patches_of(unit, one, at, taken, layers, TOGETHER in where.places))
    return layers, found


def _patches_of(
    unit: Unit,
    one: TellPatched | DrawPatched,
    at: Mapping[str, Sequence[int]],
    taken: Mapping[Key, Rows],
    layers: Sequence[int],
    together: bool,
) -> _Patches:
    """Rows go together from the last one on: what a word means stands at its last tokens, where all of it was read.

    Random rows are as long as those of the first source, which is the moved one, or of the first that has more places.
    """
    cells: dict[tuple[str, str, int], Own] = {}
    rows: dict[str, dict[str, int]] = {}
    for source in one.sources:
        theirs = taken[key_of(source)]
        shared = {place: min(len(own), len(theirs[place][0])) for place, own in at.items() if place in theirs}
        kinds = [source.kind] if RANDOM in rows and set(shared) <= set(rows[RANDOM]) else [source.kind, RANDOM]
        for kind in kinds:
            rows.setdefault(kind, {}).update(shared)
            for number, layer in enumerate(layers):
                every: Own = []
                for place, count in shared.items():
                    values = theirs[place][number][-count:]
                    put = as_long(values, unit.id, RANDOM, place, layer) if kind == RANDOM else values
                    edit = Edit(layer, at[place][-count:], Replace(put))
                    cells[kind, place, number] = [edit]
                    every.append(edit)
                if together:
                    cells[kind, TOGETHER, number] = every
            if together:
                rows[kind][TOGETHER] = sum(shared.values())
    return _Patches(at, cells, rows, layers)


def _with_reads(patches: Sequence[_Patches], runs: Sequence[Runs]) -> tuple[list[Runs], list[Own]]:
    """Every run without an edit, and what is read in it at all layers and places."""
    reads = [[Edit(layer, at, Read()) for layer in own.layers for at in own.at.values()] for own in patches]
    plain = [Runs(run.prompt, {UNPATCHED: own}, run.answers, run.seed) for run, own in zip(runs, reads, strict=True)]
    return plain, reads


def _steer_tell(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """`told`: the log-likelihoods of the unit's answers, steered; `beside`: of another question, steered alike."""
    asked, how = [read_inputs(TellSteered, unit) for unit in units], read_settings(Dose, units[0])
    layers, along = _along(model, how)
    questions = [(one.question, one.word) for one in asked] + [(one.beside.question, one.beside.word) for one in asked]
    at = _word_positions(model, Goal.TEXT, questions)
    runs: list[Runs] = []
    for kinds in (("direction", RANDOM), ("direction",)):
        for unit, one in zip(units, asked, strict=True):
            edits = _steered(unit, one, kinds, how, layers, along, at[len(runs)])
            question = one if len(kinds) > 1 else one.beside
            runs.append(Runs(question.question, {UNPATCHED: [], **edits}, question.answers))
    found = scored(model, runs)
    outcomes: list[Outcome] = []
    for told, beside in zip(found[: len(units)], found[len(units) :], strict=True):

        def table(scores: Mapping[Any, Tensor], kind: str) -> dict[str, dict[str, list[list[list[float]]]]]:
            return {
                origin: {
                    place: [
                        [rounded(scores[kind, origin, place, number, scale]) for scale in how.scales]
                        for number in range(len(layers))
                    ]
                    for place in how.places
                }
                for origin in how.origins
            }

        payload = SteeredTelling(
            layers=layers,
            unsteered=[rounded(told[UNPATCHED]), rounded(beside[UNPATCHED])],
            told=table(told, "direction"),
            random=table(told, RANDOM),
            beside=table(beside, "direction"),
        )
        outcomes.append((to_json(payload), {}))
    return outcomes


def _steer_draw(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """A picture that is not steered, and one for every direction, layer, place and scale; all of a unit by one seed."""
    asked, how = [read_inputs(DrawSteered, unit) for unit in units], read_settings(DrawDose, units[0])
    layers, along = _along(model, how)
    at = _word_positions(model, Goal.IMAGE, [(one.prompt, one.word) for one in asked])
    runs = [
        Runs(
            one.prompt,
            {UNPATCHED: [], **_steered(unit, one, ("direction", RANDOM), how, layers, along, own)},
            seed=seed_for(unit.id),
        )
        for unit, one, own in zip(units, asked, at, strict=True)
    ]
    outcomes: list[Outcome] = []
    for found in drawn(model, runs, how):
        pictures = {UNPATCHED: png(found.pop(UNPATCHED))}
        for (kind, origin, place, number, scale), one in found.items():
            pictures[steered_picture(kind, origin, place, layers[number], scale)] = png(one)
        outcomes.append((to_json(SteeredDrawing(layers=layers)), pictures))
    return outcomes


_Along = Mapping[str, Mapping[tuple[str, str], Sequence[Tensor]]]


def _along(model: UnifiedModel, how: Dose) -> tuple[list[int], _Along]:
    """The layers that are steered, and by origin the direction of every value."""
    layers = spread_layers(cast("Intervenes", model).stacks["backbone"][0], how.most_layers)
    return layers, {origin: directions(model, Goal(origin), layers, how.combinations) for origin in how.origins}


def _word_positions(model: UnifiedModel, goal: Goal, prompts: Sequence[tuple[str, str]]) -> list[list[int]]:
    encoded = model.encode([Prompt.of(prompt) for prompt, _ in prompts], goal)
    return [list(own) for own in words_at(model, encoded, [word for _, word in prompts])]


def _steered(
    unit: Unit,
    one: TellSteered | DrawSteered,
    kinds: Sequence[str],
    how: Dose,
    layers: Sequence[int],
    along: _Along,
    word: Sequence[int],
) -> dict[tuple[str, str, str, int, float], Own]:
    """Kind, origin, place, number of the layer and scale -> the edit."""
    found: dict[tuple[str, str, str, int, float], Own] = {}
    for origin in how.origins:
        for number, layer in enumerate(layers):
            ours = along[origin][one.attribute, one.towards][number]
            ways = {"direction": ours, RANDOM: as_long(ours, unit.id, RANDOM, origin, layer)}
            for kind in kinds:
                for place in how.places:
                    at = "all" if place == EVERYWHERE else word
                    for scale in how.scales:
                        found[kind, origin, place, number, scale] = [Edit(layer, at, Add(ways[kind], scale))]
    return found


_ANSWERS: Mapping[str, Answer] = {
    "patch-tell": _patch_tell,
    "patch-draw": _patch_draw,
    "steer-tell": _steer_tell,
    "steer-draw": _steer_draw,
}
