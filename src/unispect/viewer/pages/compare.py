"""Two models or runs, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unispect.core.findings import Finding, Section
from unispect.report.figures import draw, styles_for
from unispect.viewer import charts
from unispect.viewer.comparing import CELLS, Compared, Side, compared, pairs_of, sides_of
from unispect.viewer.overview import names_of
from unispect.viewer.pages.base import Made, page
from unispect.viewer.queries import SIZE, holders
from unispect.viewer.records import Shown, shown

if TYPE_CHECKING:
    from unispect.viewer.app import Viewer


@dataclass(frozen=True)
class Claim:
    """A claim with what was found of both; None where one of them was not asked."""

    section: Section
    claim: str
    preset: object
    first: Finding | None
    second: Finding | None

    @property
    def differs(self) -> bool:
        """Both have a verdict, and not the same."""
        return bool(self.first and self.second and self.first.verdict is not self.second.verdict)


def compare(viewer: Viewer, query: Mapping[str, str]) -> Made:
    """Two sides, what both were asked, and what is claimed of them."""
    sides = sides_of(viewer.index)
    first, second = (Side.of(query.get(name, "")) for name in "ab")
    chosen = bool(first.model and second.model)
    rows = compared(viewer.index, first, second) if chosen else []
    plots = [
        (row, draw(row.figure, styles_for([row.figure])), charts.specifications(row.figure))
        for row in rows
        if row.figure
    ]
    row, cell = (query.get("study", ""), query.get("kind", ""), query.get("group", "")), query.get("cell", "")
    number = int(query["page"]) if query.get("page", "").isdecimal() and len(query["page"]) < 7 else 1
    pairs: list[tuple[Shown, Shown]] = []
    whole: Compared | None = None
    if chosen and cell in CELLS:
        whole = next((one for one in rows if (one.study, one.kind, one.group) == row), None)
        both = [
            next(one for one in holders(viewer.index, unit) if one.run == run)
            for pair in pairs_of(viewer.index, first, second, row, cell, max(1, number))
            for run, unit in pair
        ]
        read = shown(viewer.run, both)
        pairs = list(zip(read[::2], read[1::2], strict=True))
    said = viewer.verdicts.of(viewer.runs()) if chosen else None
    called = names_of(viewer.overview.glances(viewer.runs(), viewer.index), viewer.index) if chosen else {}
    return page(
        viewer,
        "view_compare.html.j2",
        title="Compare",
        nav="compare",
        sides=sides,
        a=first,
        b=second,
        chosen=chosen,
        rows=[one for one in rows if one.cells],
        plots=plots,
        runs={run.key: run.name for run in viewer.runs()},
        row=row,
        cell=cell,
        whole=whole,
        pairs=pairs,
        number=max(1, number),
        size=SIZE,
        said=said,
        claims=_claims(said.sections, *(called.get(one.model, "") for one in (first, second))) if said else [],
    )


def _claims(sections: Sequence[Section], first: str, second: str) -> list[Claim]:
    """Claims of both models, by their words; those with different verdicts first. None of one model in two runs."""
    names = [first, second]
    found: list[Claim] = []
    if names[0] == names[1]:
        return found
    for section in sections:
        own = [
            {(one.claim, one.preset): one for one in section.findings if one.model == name and not one.control}
            for name in names
        ]
        for key in dict.fromkeys(key for findings in own for key in findings):
            found.append(Claim(section, *key, own[0].get(key), own[1].get(key)))
    return sorted(found, key=lambda one: not one.differs)
