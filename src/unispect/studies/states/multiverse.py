"""One claim under all sensible choices of how to measure it: how many agree, and which do not.

A number that is read off one of many defensible analyses is as good as the choice (Steegen, Tuerlinckx, Gelman and
Vanpaemel 2016, "Increasing transparency through a multiverse analysis", Perspectives on Psychological Science 11(5)).
Choices are crossed: every bandwidth with all layers or some, all kinds of prompt or all but one, all lengths or common
ones. Each is decided by itself at 95 %; they share their data, so the shares are no probabilities.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from unispect.core.findings import Cell, Finding, Table, Verdict
from unispect.metrics.means import LEAST
from unispect.studies.decisions import UNDECIDED
from unispect.studies.states.gaps import FACTOR, MARGIN, Floats, Gap, NoCommonLength, Side, at_equal_length, plain
from unispect.studies.verdicts import percent_down

SHARE = 0.9
"""Of all choices, those that must agree with a headline for it to be decided."""
NAMED = 6
"""Options that are named as those under which a claim changes, at most."""

OPEN = 9
"""A choice that decides nothing."""
ALL_LAYERS = "all layers"


@dataclass(frozen=True)
class Choices:
    """What every choice says of one claim.

    Attributes:
        names: the options of every choice, one of every dimension; the first is the claim's own.
        leans: where the estimates lie: 1 and -1 beyond the margin, 0 within; of a claim that holds or not, 1 and 0.
        states: the same where the limits say so surely, else `OPEN`.
        signed: leans have a sign, so that the opposite of one is the other; otherwise it is 0.
    """

    names: Sequence[tuple[str, ...]]
    leans: Sequence[int]
    states: Sequence[int]
    signed: bool = True

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sign(self) -> float:
        """The share whose estimate lies where the first one's does."""
        return float(np.mean([lean == self.leans[0] for lean in self.leans]))

    @property
    def verdict(self) -> float:
        """The share that decides, or leaves open, what the first one does."""
        return float(np.mean([state == self.states[0] for state in self.states]))

    @property
    def reversals(self) -> list[tuple[str, ...]]:
        """Choices that surely say the opposite of where the first one lies."""
        own = self.leans[0]
        opposite = {1: {-1}, -1: {1}, 0: {-1, 1}} if self.signed else {1: {0}, 0: {1}}
        return [name for name, state in zip(self.names, self.states, strict=True) if state in opposite[own]]

    @property
    def stands(self) -> bool:
        """Whether the claim may be decided at all."""
        return self.sign >= SHARE and not self.reversals

    @property
    def doubt(self) -> str:
        """Why it may not, in a sentence; empty if it may."""
        if self.stands:
            return ""
        reasons = []
        if self.sign < SHARE:
            reasons.append(
                f"{100 * self.sign:.0f} % of {len(self):,} choices agree ({100 * SHARE:.0f} % are asked for)"
            )
        if self.reversals:
            reasons.append(f"{len(self.reversals):,} surely say the opposite ({_options(self.reversals, self.names)})")
        return f"The claim depends on how it is measured: {' and '.join(reasons)}."

    @property
    def agreement(self) -> str:
        """How many agree, in a sentence."""
        return f"{percent_down(self.sign)} of {len(self):,} choices of bandwidth, layers and prompts agree."

    def row(self) -> tuple[Cell, ...]:
        """Number of choices, shares that agree, and the options under which others do not."""
        against = [name for name, lean in zip(self.names, self.leans, strict=True) if lean != self.leans[0]]
        return (
            len(self),
            percent_down(self.sign),
            percent_down(self.verdict),
            len(self.reversals),
            _options(against, self.names) or None,
            _options(self.reversals, self.names) or None,
        )


def gated(finding: Finding, choices: Choices) -> Finding:
    """The finding with what other choices say in its detail; undecided where too many of them disagree.

    Such a claim still counts in its family: which claims do is set before the data are looked at.
    """
    if choices.stands:
        return replace(finding, detail=f"{finding.detail} {choices.agreement}")
    return replace(finding, decision=finding.decision and UNDECIDED, detail=f"{finding.detail} {choices.doubt}")


COLUMNS = ("choices", "agree in sign", "agree in verdict", "surely opposite", "disagree", "surely opposite under")


NOT_ASKED: tuple[Cell, ...] = (0, None, None, None, None, None)


def table(study: str, judged: Iterable[tuple[Finding, Choices | None]]) -> tuple[Table, ...]:
    """The table of all headlines of a study, with their verdicts; none where there are none.

    Args:
        study: its id.
        judged: findings with what other choices say of them; None where they are not asked, as of claims that are no
            headlines, or cannot be: no lengths are common.
    """
    rows: list[tuple[Cell, ...]] = [
        (one.model, one.claim, str(one.preset or "both"), str(one.verdict), *(choices.row() if choices else NOT_ASKED))
        for one, choices in judged
        if choices or (one.headline and one.verdict is not Verdict.NOT_APPLICABLE)
    ]
    if not rows:
        return ()
    return (
        Table(
            f"multiverse-{study}",
            "Headlines under all choices of how to measure",
            ("model", "headline", "preset", "verdict", *COLUMNS),
            tuple(rows),
            f"Agree in sign: the estimate lies on the same side, or within {MARGIN} bit of 0 alike. Agree in verdict: "
            "the choice by itself, at 95 %, is decided or left open as the headline's own is. A headline is decided "
            f"only if at least {percent_down(SHARE)} agree in sign and none surely says the opposite. Disagree: "
            "options with the number of choices that hold them and disagree, of all that hold them, if more than a "
            "quarter do. No choices: the claim could not be asked at all.",
        ),
    )


@dataclass(frozen=True)
class Read:
    """Two sides whose columns are bandwidths crossed with sets of layers.

    Attributes:
        first: prompts of the side that differs in length ("text").
        second: of the other ("pictures").
        columns: width and layers of every column of both sides' values.
    """

    first: Side
    second: Side
    columns: Sequence[tuple[str, str]]

    def index_of(self, bandwidth: str, layers: str = ALL_LAYERS) -> int:
        """Where a column stands."""
        return list(self.columns).index((bandwidth, layers))

    def only(self, prompts: Collection[str]) -> Read:
        """With the prompts that are named."""
        first, second = (side.only([one in prompts for one in side.prompts]) for side in (self.first, self.second))
        return replace(self, first=first, second=second)


Names = list[tuple[str, ...]]
"""Of choices: width, layers, prompts of the first side, of the second, and lengths."""
Limits = tuple[Floats, Floats, Floats]
"""Estimates, lower and upper limits of choices."""


def gaps(read: Read, lengths: Sequence[tuple[str, How]]) -> tuple[Names, Limits]:
    """The difference of two sides under all choices that are possible; that of all columns and prompts comes first."""
    names: Names = []
    parts: list[Limits] = []
    for (length, how), (one, left), (other, right) in product(
        lengths, _kinds(read.first, "text"), _kinds(read.second, "pictures")
    ):
        gap = how(left, right)
        if gap is not None:
            names += [(*column, one, other, length) for column in read.columns]
            parts.append((gap.estimate, *gap.bounds()))
    estimates, low, high = (np.concatenate(own) for own in zip(*parts, strict=True)) if parts else [np.empty(0)] * 3
    return names, (estimates, low, high)


def of_differences(names: Names, found: Limits) -> Choices:
    """That two sides differ."""
    return Choices(names, leans(found[0]).tolist(), states(*found[1:]).tolist())


def of_orders(names: Names, first: Limits, second: Limits) -> Choices:
    """That two differences, choice by choice, are of one order."""
    sure, surely = states(*first[1:]), states(*second[1:])
    decided = np.where((sure == OPEN) | (surely == OPEN), OPEN, (sure == surely).astype(int))
    agree = leans(first[0]) == leans(second[0])
    return Choices(names, agree.astype(int).tolist(), decided.tolist(), signed=False)


def of_everywhere(names: Names, found: Limits) -> Choices:
    """That a difference exceeds the margin at every layer; each set of layers is one layer."""
    layers: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        layers[(name[0], *name[2:])].append(index)
    estimates, low, high = (np.array([values[own] for own in layers.values()]) for values in found)
    holds = (estimates > MARGIN).all(axis=1).astype(int)
    decided = np.where((low > MARGIN).all(axis=1), 1, np.where((high < MARGIN).any(axis=1), 0, OPEN))
    return Choices(list(layers), holds.tolist(), decided.tolist(), signed=False)


def leans(estimates: Floats) -> np.ndarray:
    """1 above the margin, -1 below, 0 within."""
    return (estimates > MARGIN).astype(int) - (estimates < -MARGIN).astype(int)


def states(low: Floats, high: Floats) -> np.ndarray:
    """The same where limits say so, `OPEN` where they do not."""
    found = np.full(len(low), OPEN)
    found[low > MARGIN] = 1
    found[high < -MARGIN] = -1
    found[(low > -MARGIN) & (high < MARGIN)] = 0
    return found


def layer_sets(layers: int) -> dict[str, Floats]:
    """Name -> weight of every layer: all, each third of the depth, each end."""
    parts = np.array_split(np.arange(layers), 3) if layers >= 6 else []
    named = dict(zip(("early layers", "middle layers", "late layers"), parts, strict=bool(parts)))
    every: dict[str, Sequence[int] | np.ndarray] = {ALL_LAYERS: range(layers), **named}
    if layers > 1:
        every |= {"embedding": [0], "last layer": [layers - 1]}
    weights = np.zeros((len(every), layers))
    for row, own in zip(weights, every.values(), strict=True):
        row[list(own)] = 1 / len(own)
    return dict(zip(every, weights, strict=True))


def read(
    curves: Mapping[str, Sequence[float]], bandwidths: Mapping[str, str], sets: Mapping[str, Floats]
) -> list[float]:
    """The columns of one prompt: every width with every set of layers, in that order."""
    return [float(weights @ np.asarray(curves[name])) for name in bandwidths.values() for weights in sets.values()]


How = Callable[[Side, Side], Gap | None]
"""The gap of two sides; None where the lengths allow none."""


def _within(factor: float) -> How:
    def how(first: Side, second: Side) -> Gap | None:
        try:
            return at_equal_length(first, second, factor=factor)
        except NoCommonLength:
            return None

    return how


COMMON, CLOSER = (f"lengths within a factor of {factor:.2g}" for factor in (FACTOR, FACTOR**0.5))
LENGTHS: Sequence[tuple[str, How]] = (("all lengths", plain), (COMMON, _within(FACTOR)))
"""Of claims about prompts as they are."""
COMMON_LENGTHS: Sequence[tuple[str, How]] = ((COMMON, _within(FACTOR)), (CLOSER, _within(FACTOR**0.5)))
"""Of claims about prompts of equal length."""


def _kinds(side: Side, what: str) -> Iterator[tuple[str, Side]]:
    yield f"all {what}", side
    kinds = dict.fromkeys(side.kinds)
    if len(kinds) > 1:
        for kind in kinds:
            rest = side.without(kind)
            if len(rest) >= LEAST:
                yield f"{what} without {kind}", rest


def _options(chosen: Iterable[tuple[str, ...]], names: Sequence[tuple[str, ...]]) -> str:
    """The options that choices share, those with the largest part of their choices first."""
    held = Counter(itertools.chain.from_iterable(chosen))
    total = Counter(itertools.chain.from_iterable(names)) if held else held
    varied = {option for options in map(set, zip(*names, strict=True)) if len(options) > 1 for option in options}
    shares = {
        option: held[option] / total[option] for option in held if option in varied and held[option] > total[option] / 4
    }
    most = sorted(shares, key=lambda option: -shares[option])
    shown = [f"{option} {held[option]} of {total[option]}" for option in most[:NAMED]]
    if held and not shown:
        shown = ["single choices of no common option"]
    return "; ".join(shown) + (f"; {len(most) - NAMED} more options" if len(most) > NAMED else "")
