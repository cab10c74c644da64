"""Takes states at a few positions of every prompt while layers stream by, and has probes learn from and read them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unispect.core.errors import DataError, StateError, Unsupported
from unispect.core.prompts import Goal, Prompt
from unispect.core.seeds import generator_for
from unispect.core.typed import read_inputs, read_settings, to_json
from unispect.core.units import Record, Unit, Upstream
from unispect.data.concepts.lexicons import REAL
from unispect.data.concepts.world import VALUES
from unispect.metrics.probes import Probe, Scale, strength
from unispect.models.base import UnifiedModel
from unispect.models.spans import spans
from unispect.studies.base import Procedure
from unispect.studies.probing_attributes.places import positions_at
from unispect.studies.probing_attributes.prompts import MEANING, TAUGHT, Example, examples
from unispect.studies.probing_attributes.records import PLACES, Asked, How, Probed, Reading

Rows = NDArray[np.float32]
TOGETHER = 16
"""Prompts whose states are in memory at once; of each a few rows are kept."""
DIGITS = 2
"""Decimals kept of margins."""


@dataclass
class Taken:
    """Rows of the prompts of one goal and lexicon that hold a word for an attribute.

    Attributes:
        labels: [prompts], the value of every prompt's word.
        groups: [prompts].
        rows: place -> layer -> [prompts, width].
    """

    labels: list[int] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    rows: dict[str, list[list[Rows]]] = field(default_factory=dict)

    def at(self, place: str, layer: int) -> Rows:
        return np.stack(self.rows[place][layer])


States = Mapping[tuple[Goal, str, str], Taken]
"""Goal, `TAUGHT` or a lexicon, attribute -> what was taken."""


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return {"probe": _probed}


def _probed(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    start = time.perf_counter()
    kept: dict[tuple[Goal, str], States | Exception] = {}
    found: list[Record] = []
    for unit in units:
        asked = read_inputs(Asked, unit)
        try:
            states: dict[tuple[Goal, str, str], Taken] = {}
            for goal in dict.fromkeys((asked.goal, *map(Goal, asked.read))):
                key = goal, _prompts_of(asked)
                if key not in kept:
                    kept[key] = _attempt(model, asked, goal)
                one = kept[key]
                if isinstance(one, Exception):
                    raise one
                states |= one
            payload = to_json(probed(unit.id, asked, read_settings(How, unit), states, model.card.id))
            found.append(Record(unit.id, payload))
        except (DataError, StateError, Unsupported) as problem:
            status = "skipped" if isinstance(problem, Unsupported) else "failed"
            found.append(Record(unit.id, status=status, error=str(problem)))
    seconds = (time.perf_counter() - start) / len(units)
    yield from (Record(one.unit, one.payload, one.status, one.error, seconds=seconds) for one in found)


def _prompts_of(asked: Asked) -> str:
    return f"{list(asked.lexicons)} {asked.learned} {asked.tested}"


def _attempt(model: UnifiedModel, asked: Asked, goal: Goal) -> States | Exception:
    try:
        return taken(model, examples(asked, goal), goal)
    except (DataError, StateError, Unsupported) as problem:
        return problem


def taken(model: UnifiedModel, prompts: Mapping[str, Sequence[Example]], goal: Goal) -> States:
    """The rows of all prompts for a goal; states of few prompts are in memory at once.

    A word that stands in its prompt twice is looked at where it stands last.

    Raises:
        DataError: a word is not among what the model reads of its prompt.
    """
    found: dict[tuple[Goal, str, str], Taken] = {}
    every = [(name, example) for name, own in prompts.items() for example in own]
    for start in range(0, len(every), TOGETHER):
        some = every[start : start + TOGETHER]
        encoded = model.encode([Prompt.of(example.text) for _, example in some], goal)
        at: list[tuple[Taken, int, Mapping[str, list[int]]]] = []
        for attributes in zip(*(example.words for _, example in some), strict=True):
            words = [example.words[attribute] for attribute, (_, example) in zip(attributes, some, strict=True)]
            where = spans(model, encoded, words)
            for sample, (attribute, (name, example)) in enumerate(zip(attributes, some, strict=True)):
                own = found.setdefault((goal, name, attribute), Taken())
                own.labels.append(example.label(attribute))
                own.groups.append(example.group)
                at.append((own, sample, positions_at(encoded, sample, where[sample][-1])))
        for state in model.states(encoded):
            means: dict[tuple[int, tuple[int, ...]], Rows] = {}  # attributes of a prompt share most of its places
            for own, sample, places in at:
                for place, where in places.items():
                    key = sample, tuple(where)
                    if key not in means:
                        means[key] = state.rows[sample][where].float().mean(dim=0).cpu().numpy()
                    layers = own.rows.setdefault(place, [])
                    if len(layers) == state.layer:
                        layers.append([])
                    layers[state.layer].append(means[key])
    return found


def probed(unit: str, asked: Asked, how: How, states: States, model: str) -> Probed:
    """What probes of an attribute read.

    Args:
        unit: id, which seeds the control tasks.
        asked: inputs of the unit.
        how: its settings.
        states: of all prompts.
        model: id, for errors.

    Raises:
        StateError: states are not finite; names the layer.
    """
    own = states[asked.goal, TAUGHT, how.attribute]
    places = [place for place in PLACES if place in own.rows]
    layers = len(own.rows[places[0]])
    strengths: dict[str, list[float]] = {place: [] for place in places}
    folds: dict[str, list[float]] = {place: [] for place in places}
    readings: list[Reading] = []
    for place in places:
        columns: dict[tuple[Goal, str], tuple[list, list, list]] = {}
        for layer in range(layers):
            try:
                one = _layer(unit, asked, how, states, place, layer)
            except ValueError as problem:
                raise StateError(f"{model}, layer {layer}, {place}: {problem}") from problem
            strengths[place].append(one.strength)
            folds[place].append(round(one.folds, 4))
            for key, three in one.read.items():
                for column, values in zip(columns.setdefault(key, ([], [], [])), three, strict=True):
                    column.append(values)
        readings += [
            Reading(place=place, goal=goal, lexicon=lexicon, read=read, margins=margins, controls=controls)
            for (goal, lexicon), (read, margins, controls) in columns.items()
        ]
    return Probed(layers=layers, examples=len(own.labels), strengths=strengths, folds=folds, readings=tuple(readings))


@dataclass(frozen=True)
class _AtLayer:
    strength: float
    folds: float
    read: Mapping[tuple[Goal, str], tuple[list[int], list[float], list[float]]]


def _layer(unit: str, asked: Asked, how: How, states: States, place: str, layer: int) -> _AtLayer:
    own = states[asked.goal, TAUGHT, how.attribute]
    rows, labels = own.at(place, layer), np.array(own.labels)
    penalty, right = strength(rows, labels, own.groups)
    probe = Probe.of(rows, labels, penalty)
    tasks = [_control(unit, asked, how, number) for number in range(how.controls)]
    controls = [Probe.of(rows, task[REAL][labels], penalty) for task in tasks]
    found: dict[tuple[Goal, str], tuple[list[int], list[float], list[float]]] = {}
    for goal in map(Goal, asked.read):
        other = states[goal, TAUGHT, how.attribute]
        if place not in other.rows:
            continue
        scale = None if goal is asked.goal else Scale.of(other.at(place, layer))
        for lexicon in asked.lexicons:
            test = states[goal, lexicon, how.attribute]
            reader, shown, truth = probe, test.at(place, layer), np.array(test.labels)
            if lexicon == REAL and goal is asked.goal is Goal.TEXT:  # nobody reads a question that it learned from
                others = [at for at, group in enumerate(own.groups) if group != MEANING]
                reader = Probe.of(rows[others], labels[others], penalty)
            decisions = reader.decisions(shown, scale)
            read = np.asarray(reader.classes)[decisions.argmax(axis=1)]
            found[goal, lexicon] = (
                read.tolist(),
                _margins(decisions, truth),
                [
                    round(_over_words(control.read(shown, scale) == task[lexicon][truth], truth), 4)
                    for control, task in zip(controls, tasks, strict=True)
                ],
            )
    return _AtLayer(penalty, right, found)


def _control(unit: str, asked: Asked, how: How, number: int) -> Mapping[str, NDArray[np.int64]]:
    """A control task: lexicon -> for the word of every value a label that was drawn at random, of two at least."""
    count = len(VALUES[how.attribute])
    generator = generator_for(unit, "control", number)
    labels = {lexicon: generator.integers(count, size=count) for lexicon in asked.lexicons}
    if len(set(labels[REAL].tolist())) < 2:
        labels[REAL][0] = (labels[REAL][0] + 1) % count
    return labels


def _margins(decisions: NDArray[np.float64], truth: NDArray[np.int64]) -> list[float]:
    """For every word the mean score of its own value less the largest of another; words that are not there are 0."""
    rows = np.arange(len(truth))
    own = decisions[rows, truth]
    others = decisions.copy()
    others[rows, truth] = -np.inf
    margins = own - others.max(axis=1)
    words = range(decisions.shape[1])
    return [round(float(margins[truth == word].mean()), DIGITS) if (truth == word).any() else 0.0 for word in words]


def _over_words(right: NDArray[np.bool_], truth: NDArray[np.int64]) -> float:
    """Mean over words of the share that is right."""
    return float(np.mean([right[truth == word].mean() for word in np.unique(truth)]))
