"""Shares right, gaps between conditions, and what is known and not drawn: all with intervals over prompts.

Every statistic is a mean over prompts, each counting the same: the seeds and questions of a prompt are averaged first,
so they stand together in every interval (`unispect.metrics.crossed`, `unispect.metrics.means`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unispect.core.findings import Interval
from unispect.data.checklists import ChecklistItem
from unispect.metrics.crossed import crossed_difference, crossed_mean
from unispect.metrics.item_response import Abilities, fit
from unispect.metrics.means import Means
from unispect.studies.questions import NO, UNCLEAR, YES
from unispect.studies.reasoning.observed import (
    CONDITIONS,
    DRAW,
    SPELLED,
    TELL,
    Item,
    Keep,
    Seen,
    every,
    expects_yes,
    takes_steps,
)

UNIT = "prompts"
NOTHING = Interval(math.nan, math.nan, math.nan, 0, 0, method="not asked", unit=UNIT)

Rates = Mapping[str, Mapping[str, float]]
"""Prompt -> question -> share of seeds for which it is right."""


def rates(seen: Seen, condition: str, keep: Keep = every, *, other: bool = False) -> dict[str, dict[str, float]]:
    """Of every prompt and question that was asked in a condition."""
    found: dict[str, dict[str, float]] = {}
    for key, by_seed in seen.by_item(condition, other=other).items():
        item = seen.items[key]
        own: dict[str, list[bool]] = defaultdict(list)
        for said in by_seed.values():
            for one in item.checklist:
                if one.id in said and keep(item, one):
                    own[one.id].append(said[one.id])
        if own:
            found[key] = {id: sum(values) / len(values) for id, values in own.items()}
    return found


def share(seen: Seen, condition: str, keep: Keep = every, *, other: bool = False) -> Interval:
    """Right among what was asked in a condition."""
    found = {key: _mean(own) for key, own in rates(seen, condition, keep, other=other).items()}
    if not found:
        return NOTHING
    return crossed_mean(list(found.values()), {UNIT: list(found)})


def gap(seen: Seen, first: str, second: str, keep: Keep = every, *, other: bool = False) -> Interval:
    """Right in one condition less right in another, over the questions that were asked in both.

    Args:
        seen: a model.
        first: a condition.
        second: what is taken away.
        keep: which questions count.
        other: the second is of other prompts' pictures or texts.
    """
    pairs = shared(rates(seen, first, keep), rates(seen, second, keep, other=other))
    if not pairs:
        return NOTHING
    keys = list(pairs)
    one, two = ([_mean(pairs[key][side]) for key in keys] for side in (0, 1))
    return crossed_difference(one, {UNIT: keys}, two, {UNIT: keys})


def shared(*several: Rates) -> dict[str, tuple[dict[str, float], ...]]:
    """Prompt -> its questions that were asked in all of several conditions, in each of them."""
    found: dict[str, tuple[dict[str, float], ...]] = {}
    for key in several[0] if several else ():
        if all(key in one for one in several):
            ids = [id for id in several[0][key] if all(id in one[key] for one in several)]
            if ids:
                found[key] = tuple({id: one[key][id] for id in ids} for one in several)
    return found


def corrected(seen: Seen, condition: str, chance: str, keep: Keep = every) -> Interval:
    """Right beyond chance, as a share of what chance leaves; chance is `chance` of other prompts."""
    pairs = shared(rates(seen, condition, keep), rates(seen, chance, keep, other=True))
    if not pairs:
        return NOTHING
    means = Means.of([("", key, [_mean(a), _mean(b)]) for key, (a, b) in pairs.items()], unit=UNIT)

    def beyond(values: NDArray[np.float64]) -> NDArray[np.float64]:
        right, guessed = values[..., 0, 0], values[..., 0, 1]
        return (right - guessed) / np.where(guessed < 1, 1 - guessed, np.nan)

    return means.smooth(beyond, support=(-1, 1))


@dataclass(frozen=True)
class Known:
    """What a model tells beyond guessing, and how much less of that it draws from the prompt than once spelled out.

    Attributes:
        share: of what is asked, known: right in words beyond guessing.
        lost: of what is known, right once spelled out less right from the prompt, beyond chance.
    """

    share: Interval
    lost: Interval


LEAST_KNOWN = 0.05
"""Shares known up to this are nothing to divide by."""


def known(seen: Seen, keep: Keep = every) -> Known:
    """Of questions that take a step of reasoning and whose right answer is yes.

    What is told right is known or guessed. Where the checklist also asks about a wrong value of the same attribute,
    guesses are as often that one as the right one, so telling it is counted against telling the right one. Elsewhere
    guessing makes c / (1 - c) times as many right as are told wrong, c being the share right in texts about other
    prompts (the usual correction for guessing). What is drawn of guessed ones is taken to be what is drawn of those
    told wrong, and is subtracted. Sums over known ones of "right once spelled out less right from the prompt" need no
    picture to be right first: pictures differ by chance, and whoever picks prompts by one good picture finds the next
    one worse, whatever is true.
    """

    def both(item: Item, question: ChecklistItem) -> bool:
        return keep(item, question) and expects_yes(item, question) and takes_steps(item, question)

    told, wrongly = rates(seen, TELL, both), {key: _wrongly(seen, item) for key, item in seen.items.items()}
    others = {key: _mean(own) for key, own in rates(seen, TELL, both, other=True).items()}
    less = {
        key: {id: spelled[id] - drawn[id] for id in drawn}
        for key, (drawn, spelled) in shared(rates(seen, DRAW, both), rates(seen, SPELLED, both)).items()
    }
    chance = {key: _mean(own) for key, own in rates(seen, DRAW, both, other=True).items()}
    guessed = [key for key in told if key in others or all(id in wrongly[key] for id in told[key])]
    share_of = [
        _row(told[key], wrongly[key], others.get(key, 0.0), dict.fromkeys(told[key], 0.0), 0.0) for key in guessed
    ]
    lost_of = [
        (key, _row({id: told[key][id] for id in less[key]}, wrongly[key], others.get(key, 0.0), less[key], chance[key]))
        for key in guessed
        if key in less and key in chance and set(less[key]) <= set(told[key])
    ]
    return Known(
        _smooth(list(zip(guessed, share_of, strict=True)), _share_known),
        _smooth(lost_of, _lost),
    )


def _wrongly(seen: Seen, item: Item) -> dict[str, float]:
    """Question -> whether a wrong value of its attribute is told, of those that the checklist asks about."""
    said = seen.answers.get((item.key, item.key, TELL, 0), {})
    found: dict[str, float] = {}
    for one in item.checklist:
        values = [
            float(said[other.id] == YES)
            for other in item.checklist
            if one.attribute and other.attribute == one.attribute and other.expected == NO and other.id in said
        ]
        if one.expected == YES and values:
            found[one.id] = sum(values) / len(values)
    return found


def _row(
    told: Mapping[str, float], wrongly: Mapping[str, float], other: float, less: Mapping[str, float], chance: float
) -> list[float]:
    """Means over a prompt's questions of what is told right, told wrongly, neither known to be, and of each times what
    is drawn less; the share right of other prompts' texts where that is needed, and of other prompts' pictures.
    """
    alone = {id: float(id not in wrongly) for id in told}  # those of which no wrong value is asked
    terms = [told, {id: wrongly.get(id, 0.0) for id in told}, {id: alone[id] * (1 - told[id]) for id in told}]
    plain = [_mean(one) for one in terms]
    weighed = [_mean({id: one[id] * less[id] for id in told}) for one in terms]
    of_alone = _mean(alone)
    return [*plain, *weighed, of_alone * other, of_alone, chance]


def _smooth(
    rows: Sequence[tuple[str, list[float]]], function: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Interval:
    if not rows:
        return NOTHING
    return Means.of([("", key, row) for key, row in rows], unit=UNIT).smooth(function, support=(-1, 1))


def _share_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    right, wrongly, wrong = (values[..., 0, at] for at in range(3))
    return right - wrongly - _odds(values) * wrong


def _lost(values: NDArray[np.float64]) -> NDArray[np.float64]:
    right, wrongly, wrong = (values[..., 0, at] for at in range(3, 6))
    of, chance = _share_known(values), values[..., 0, 8]
    scale = np.where(chance < 1, 1 - chance, np.nan) * np.where(of > LEAST_KNOWN, of, np.nan)
    return (right - wrongly - _odds(values) * wrong) / scale


def _odds(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many are guessed right for each that is guessed wrong, where no wrong value is asked."""
    other, alone = values[..., 0, 6], values[..., 0, 7]
    chance = other / np.where(alone > 0, alone, 1)
    return chance / np.where(chance < 1, 1 - chance, np.nan)


@dataclass(frozen=True)
class Eyes:
    """How the model's own answers about pictures go with the grader's.

    Attributes:
        agreeing: share of equal answers about its own pictures.
        agreeing_others: about pictures of other prompts.
        said_yes: share of its answers that are yes, of both.
        beyond: of both together, yes where the grader says yes less yes where the grader says no (Youden's index): 0
            for eyes that answer alike whatever they see.
        own_right: share of its own pictures' questions that are right by its own eyes.
        n: answers compared.
    """

    agreeing: Interval
    agreeing_others: Interval
    said_yes: float
    beyond: Interval
    own_right: Interval
    n: int


def eyes(seen: Seen) -> Eyes | None:
    """None where the model did not look, or nobody graded what it saw."""
    rows: list[tuple[str, str, list[float]]] = []
    alike: tuple[dict[str, list[float]], dict[str, list[float]]] = (defaultdict(list), defaultdict(list))
    own_right: dict[str, list[float]] = defaultdict(list)
    for where, said in seen.eyes.items():
        asked, of, _, _ = where
        graded = seen.answers.get(where, {})
        expected = {one.id: one.expected for one in seen.items[asked].checklist}
        for id, answer in said.items():
            if asked == of:
                own_right[asked].append(float(answer == expected.get(id)))
            if graded.get(id) not in (YES, NO):
                continue
            truth, yes = float(graded[id] == YES), _half(answer)
            rows.append(("", asked, [truth, truth * yes, 1 - truth, (1 - truth) * yes]))
            alike[asked != of][asked].append(float(answer == graded[id]))
    if not rows:
        return None
    means = Means.of(rows, unit=UNIT)

    def beyond(values: NDArray[np.float64]) -> NDArray[np.float64]:
        yes, seen_yes, no, seen_no = np.moveaxis(values[..., 0, :], -1, 0)
        return seen_yes / np.where(yes > 0, yes, np.nan) - seen_no / np.where(no > 0, no, np.nan)

    return Eyes(
        _over_prompts(alike[0]),
        _over_prompts(alike[1]),
        float(np.mean([row[2][1] + row[2][3] for row in rows])),
        means.smooth(beyond, support=(-1, 1)),
        _over_prompts(own_right),
        len(rows),
    )


def _half(answer: str) -> float:
    return 0.5 if answer == UNCLEAR else float(answer == YES)


def _over_prompts(found: Mapping[str, list[float]]) -> Interval:
    if not found:
        return NOTHING
    return crossed_mean([sum(own) / len(own) for own in found.values()], {UNIT: list(found)})


KNOWING, TRANSFER, RENDERING, NEITHER = "knowing", "transfer", "rendering", "knowing and rendering"
OPEN = "cannot tell"
FAILURES: tuple[str, ...] = (KNOWING, TRANSFER, RENDERING, NEITHER, OPEN)


def failure(told: bool | None, spelled: bool | None) -> str:
    """What a wrong picture is a failure of, given what was right in words and in the picture of what was spelled out.

    Where either was not asked, or not graded, it cannot be told.
    """
    if told is None or spelled is None:
        return OPEN
    if told:
        return TRANSFER if spelled else RENDERING
    return KNOWING if spelled else NEITHER


@dataclass(frozen=True)
class Failures:
    """Wrong pictures by what they are a failure of.

    Attributes:
        wrong: failure -> questions (of pictures, one per seed) that are drawn wrong.
        asked: questions of pictures.
        pictures: the same of whole pictures, wrong where any question is; told, or drawn once spelled out, where all
            are.
        drawn: pictures.
        again: of what is told right and drawn right once spelled out, the share that another picture of the spelled
            prompt has wrong: what chance alone does; NaN from one seed.
        lost: the share of the same that is drawn wrong from the prompt.
    """

    wrong: Mapping[str, int]
    asked: int
    pictures: Mapping[str, int]
    drawn: int
    again: float
    lost: float


def failures(seen: Seen, keep: Keep = every) -> Failures:
    """Of every picture that was drawn from a prompt; beside one of the spelled prompt of the same seed."""
    wrong, pictures = dict.fromkeys(FAILURES, 0), dict.fromkeys(FAILURES, 0)
    asked = drawn = 0
    lost: list[bool] = []
    again: list[float] = []
    told_of, spelled_of = seen.by_item(TELL), seen.by_item(SPELLED)
    for key, by_seed in seen.by_item(DRAW).items():
        told = next(iter(told_of.get(key, {}).values()), {})
        kept = {one.id for one in seen.items[key].checklist if keep(seen.items[key], one)}
        for seed, every_found in by_seed.items():
            if not (found := {id: right for id, right in every_found.items() if id in kept}):
                continue
            spelled = spelled_of.get(key, {}).get(seed, {})
            asked, drawn = asked + len(found), drawn + 1
            for id, right in found.items():
                if not right:
                    wrong[failure(told.get(id), spelled.get(id))] += 1
                if told.get(id) and spelled.get(id):
                    lost.append(not right)
                    more = [s[id] for other, s in spelled_of[key].items() if other != seed and id in s]
                    if more:
                        again.append(1 - sum(more) / len(more))
            if not all(found.values()):
                pictures[failure(_all(told, found), _all(spelled, found))] += 1
    return Failures(wrong, asked, pictures, drawn, _average(again), _average(lost))


def _all(said: Mapping[str, bool], asked: Mapping[str, bool]) -> bool | None:
    """All questions are right; None where one of them has no answer."""
    return all(said[id] for id in asked) if set(asked) <= set(said) else None


def _average(values: list[bool] | list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _mean(values: Mapping[str, float]) -> float:
    return sum(values.values()) / len(values)


def groups_of(seen: Seen) -> Iterator[tuple[str, str, Keep]]:
    """Sorts of questions: what they are sorted by, what each is called, and which belong; sorts of one only are left
    out.
    """
    sorts: dict[str, dict[str, None]] = {"kind": {}, "dimension": {}, "steps": {}}
    for item in seen.items.values():
        for one in item.checklist:
            sorts["kind"][item.group] = sorts["dimension"][one.dimension] = sorts["steps"][one.hop] = None
    for sort, names in sorts.items():
        for name in names if len(names) > 1 else ():
            if name:
                yield sort, name, _of(sort, name)


def _of(sort: str, name: str) -> Keep:
    if sort == "kind":
        return lambda item, question: item.group == name
    if sort == "dimension":
        return lambda item, question: question.dimension == name
    return lambda item, question: question.hop == name


@dataclass(frozen=True)
class Able:
    """Models in their conditions on one scale.

    Attributes:
        respondents: model and condition, in the order of the abilities.
        fitted: see `unispect.metrics.item_response`.
    """

    respondents: tuple[tuple[str, str], ...]
    fitted: Abilities

    def ability(self, model: str, condition: str) -> Interval:
        """In logits."""
        return self.fitted.interval(self._at(model, condition), unit=UNIT)

    def less(self, model: str, condition: str, other: str) -> Interval:
        """Of one condition less that of another."""
        return self.fitted.interval(self._at(model, condition) - self._at(model, other), unit=UNIT)

    def _at(self, model: str, condition: str) -> NDArray[np.float64]:
        return np.array([float(one == (model, condition)) for one in self.respondents])


def abilities(models: Sequence[Seen]) -> Able | None:
    """Of models that one judge graded; over questions whose answer is yes. None where too little was asked."""
    found = {
        (seen.reference, condition): seen.by_item(condition)
        for seen in models
        for condition in CONDITIONS.values()
        if seen.has(condition)
    }
    items = {key: item for seen in models for key, item in seen.items.items()}
    asked = [(key, one.id) for key, item in items.items() for one in item.checklist if expects_yes(item, one)]
    places = {place: index for index, place in enumerate(asked)}
    right, count = np.zeros((2, len(asked), len(found)))
    for column, by_item in enumerate(found.values()):
        for key, by_seed in by_item.items():
            for said in by_seed.values():
                for id, value in said.items():
                    if (row := places.get((key, id))) is not None:
                        right[row, column] += value
                        count[row, column] += 1
    fitted = fit(right, count, [key for key, _ in asked]) if len(found) > 1 else None
    return None if fitted is None else Able(tuple(found), fitted)
