"""Whether both presets see one order of two sides: asked at equal lengths, and shown against length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unispect.core.findings import Basis, Decision, Figure, Finding, Interval, Preset, Series, Verdict
from unispect.metrics.means import LEAST
from unispect.studies.states.gaps import FACTOR, NoCommonLength, Side, at_equal_length, plain
from unispect.studies.states.multiverse import COMMON_LENGTHS, Choices, Read, gaps, gated, of_orders
from unispect.studies.states.orders import same_order
from unispect.studies.verdicts import shown

PARTS = 6
"""Groups of lengths along a curve, at most."""


@dataclass(frozen=True)
class Asked:
    """How the two sides and their lengths are called.

    Attributes:
        claim: that the order is the same, as a sentence.
        first: the side that differs in length, in the plural.
        second: the other.
        length: what lengths are ("rows").
        names: measure under the paper preset and under the controlled one.
        digits: of a length.
    """

    claim: str
    first: str
    second: str
    length: str
    names: tuple[str, str]
    digits: int = 0


@dataclass(frozen=True)
class BothPresets:
    """One model's prompts under both presets.

    Attributes:
        paper: its first width is the preset's own.
        controlled: its first two widths are those that have to agree.
    """

    paper: Read
    controlled: Read

    def common(self) -> BothPresets:
        """Prompts that both presets hold."""
        paper, controlled = self.paper, self.controlled
        both = {*paper.first.prompts, *paper.second.prompts} & {*controlled.first.prompts, *controlled.second.prompts}
        return BothPresets(paper.only(both), controlled.only(both))


def finding(model: str, both: BothPresets, asked: Asked, *, headline: bool) -> tuple[Finding, Choices | None]:
    """The claim at common lengths, with what other choices say of it; these are None where no lengths are common."""
    both = both.common()
    made = Finding(
        id=f"presets-agree-{model}",
        claim=asked.claim,
        verdict=Verdict.CANNOT_TELL,
        detail="",
        model=model,
        headline=headline,
        chance=0.0,
        basis=Basis(figure=f"gap-by-length-{Preset.CONTROLLED}"),
    )
    try:
        paper, controlled = (at_equal_length(one.first, one.second) for one in (both.paper, both.controlled))
    except NoCommonLength as problem:
        return _said(made, f"No common lengths: {problem}. {_needed(both.paper, asked)}"), None
    published = paper.interval(0)
    readings = [
        controlled.interval(both.controlled.index_of(bandwidth)) for bandwidth in _bandwidths(both.controlled)[:2]
    ]
    choices = _choices(both)
    named = [
        f"{shown(one)} ({bandwidth})" for bandwidth, one in zip(_bandwidths(both.controlled), readings, strict=False)
    ]
    words = [f"{name} " if name else "" for name in asked.names]
    together = [
        _all(both.paper, 0),
        _all(both.controlled, both.controlled.index_of(_bandwidths(both.controlled)[0])),
    ]
    at = f"{float(2 ** both.paper.second.lengths.mean()):.{asked.digits}f}"
    detail = (
        f"At equal lengths ({asked.first} within a factor of {FACTOR:g} of {asked.second}, carried to their mean; "
        f"{asked.length} {at}; {paper.n} prompts of both): {asked.first} minus {asked.second}, mean over layers, "
        f"{words[0]}{shown(published)} bits under paper, {words[1]}{' and '.join(named)} under controlled. All lengths "
        f"together: {shown(together[0])} and {shown(together[1])}."
    )
    found = _said(made, detail, readings[0], same_order([published], readings))
    return gated(found, choices), choices


def curves(models: Sequence[tuple[str, Read]], preset: Preset, asked: Asked) -> tuple[Figure, ...]:
    """The gap against the length of the first side, one panel per model; none where lengths do not differ."""
    panels: dict[str, tuple[Series, ...]] = {}
    for model, read in models:
        parts = _parts(read.first)
        if len(parts) > 1:
            gaps = [plain(part, read.second) for part in parts]
            x = [float(2 ** part.lengths.mean()) for part in parts]
            bandwidths = _bandwidths(read)[: 1 if preset is Preset.PAPER else 2]
            panels[model] = tuple(
                _series(bandwidth, x, [gap.interval(read.index_of(bandwidth)) for gap in gaps])
                for bandwidth in bandwidths
            )
    if not panels:
        return ()
    ends = "; ".join(f"{model}: {lines[0].y[0]:+.2f} to {lines[0].y[-1]:+.2f}" for model, lines in panels.items())
    return (
        Figure(
            id=f"gap-by-length-{preset}",
            title=f"{asked.first.capitalize()} minus {asked.second} by length, {preset} preset",
            x_label=f"{asked.length} of {asked.first}",
            y_label="bits",
            panels=panels,
            preset=preset,
            caption=(
                f"{asked.first.capitalize()} of about equal {asked.length} against all {asked.second}; mean over "
                "layers, 95 % limits. Where the line is not level, the order depends on which lengths are in the set."
            ),
            summary=f"Gap in bits from the shortest to the longest. {ends}.",
        ),
    )


def _series(label: str, x: Sequence[float], gaps: Sequence[Interval]) -> Series:
    y = [gap.estimate for gap in gaps]
    if any(np.isnan(gap.low) for gap in gaps):
        return Series(label, x, y)
    return Series(label, x, y, [gap.low for gap in gaps], [gap.high for gap in gaps])


def _parts(side: Side) -> list[Side]:
    """Prompts of neighbouring lengths, in order: equal ones together, each group of enough prompts for limits."""
    if not len(side):
        return []
    size = max(LEAST, -(-len(side) // PARTS))
    groups: list[list[int]] = [[]]
    for index_of in np.argsort(side.lengths, kind="stable").tolist():
        last = groups[-1]
        if len(last) >= size and side.lengths[index_of] > side.lengths[last[-1]] + 1e-9:
            groups.append([])
        groups[-1].append(index_of)
    if len(groups) > 1 and len(groups[-1]) < LEAST:
        rest = groups.pop()
        groups[-1] += rest
    return [side.only(np.isin(np.arange(len(side)), group)) for group in groups]


def _choices(both: BothPresets) -> Choices:
    names, controlled = gaps(both.controlled, COMMON_LENGTHS)
    others, paper = gaps(both.paper, COMMON_LENGTHS)
    own = _bandwidths(both.paper)[0]
    index_of = {name: row for row, name in enumerate(others)}
    rows = [index_of[own, *name[1:]] for name in names]
    matched = paper[0][rows], paper[1][rows], paper[2][rows]
    return of_orders(names, matched, controlled)


def _all(read: Read, column: int) -> Interval:
    return plain(read.first, read.second).interval(column)


def _bandwidths(read: Read) -> list[str]:
    return list(dict.fromkeys(bandwidth for bandwidth, _ in read.columns))


def _needed(read: Read, asked: Asked) -> str:
    one, other = (2**side.lengths for side in (read.first, read.second))
    if not (len(one) and len(other)):
        return "One side has no prompts that were measured under both presets."
    at = float(2 ** read.second.lengths.mean())
    return (
        f"{asked.length[0].upper()}{asked.length[1:]}: {asked.second} {_range(other, asked)}, {asked.first} "
        f"{_range(one, asked)}; what would be needed are {asked.first} from {at / FACTOR:.{asked.digits}f} to "
        f"{at * FACTOR:.{asked.digits}f}, some below and some above {at:.{asked.digits}f}."
    )


def _range(lengths: np.ndarray, asked: Asked) -> str:
    low, high = (f"{float(end):.{asked.digits}f}" for end in (lengths.min(), lengths.max()))
    return low if low == high else f"{low} to {high}"


def _said(finding: Finding, detail: str, interval: Interval | None = None, decision: Decision | None = None) -> Finding:
    return replace(finding, detail=detail, interval=interval, decision=decision)
