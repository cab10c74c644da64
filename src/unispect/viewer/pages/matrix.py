"""What the runs say: models by questions, with verdicts in words, and the evidence of one question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unispect.core.errors import StoreError
from unispect.core.findings import Finding, Section
from unispect.report.evidence import Evidence
from unispect.report.figures import Drawing, draw, styles_for
from unispect.report.headlines import Item
from unispect.report.instrument import instrument, tally
from unispect.report.page import inside, methods_of
from unispect.report.tables import ShownTable, show_table
from unispect.report.text import Anchors
from unispect.viewer import charts
from unispect.viewer.filters import Filter
from unispect.viewer.overview import names_of
from unispect.viewer.pages.base import Made, page
from unispect.viewer.queries import tally as tally_of

if TYPE_CHECKING:
    from unispect.viewer.app import Viewer


@dataclass(frozen=True)
class Cell:
    """What one question says of one model: what is put first, and how all findings came out."""

    headlines: Sequence[Finding]
    others: Sequence[Finding]

    @property
    def tally(self) -> Sequence[tuple[object, int]]:
        return tally(self.others)


@dataclass(frozen=True)
class Plot:
    """A figure: as it stands without a script, and for Vega, panel by panel."""

    title: str
    caption: str
    summary: str
    preset: object
    anchor: str
    drawing: Drawing
    charts: Sequence[tuple[str, str]]


SEVERAL = ""
"""Row of what is said of several models."""


def matrix(viewer: Viewer, query: Mapping[str, str]) -> Made:
    """Models as rows, questions as columns."""
    said = viewer.verdicts.of(viewer.runs())
    models = dict.fromkeys(one.model for section in said.sections for one in section.findings if one.model)
    glances = viewer.overview.glances(viewer.runs(), viewer.index)
    names = names_of(glances, viewer.index)
    cards = {names[of]: card for glance in glances for of, card in glance.cards.items() if of in names}
    rows = [*sorted(models, key=lambda one: one in cards and bool(cards[one].planted)), SEVERAL]
    cells = {(model, section.id): _cell(section, model) for model in rows for section in said.sections}
    return page(
        viewer,
        "view_matrix.html.j2",
        title="Verdicts",
        nav="verdicts",
        said=said,
        rows=[row for row in rows if any(_holds(cells[row, section.id]) for section in said.sections)],
        cells=cells,
        cards=cards,
        instrument=instrument(said.sections),
        unfinished=said.working and not said.sections,
    )


def study(viewer: Viewer, query: Mapping[str, str]) -> Made:
    """The evidence of one question; of one model, if the address names one.

    Raises:
        StoreError: nothing is said under that name.
    """
    said, model = viewer.verdicts.of(viewer.runs()), query.get("model", "")
    section = next((one for one in said.sections if one.id == query["section"]), None)
    if section is None and not said.working:
        raise StoreError(f"these runs say nothing under {query['section']:.60}; {said.error}".rstrip("; "))
    anchors = Anchors()
    findings = [one for one in section.findings if not model or one.model in (model, "")] if section else []
    evidence = Evidence(section, anchors) if section else None
    items = [_item(one, evidence, section.title, anchors) for one in findings] if section and evidence else []
    return page(
        viewer,
        "view_study.html.j2",
        title=section.title if section else "Verdicts",
        nav="verdicts",
        said=said,
        section=section,
        wrong=bool(section and tally_of(viewer.index, Filter(study=section.id)).wrong),
        model=model,
        models=list(dict.fromkeys(one.model for one in section.findings if one.model)) if section else [],
        items=items,
        methods=methods_of(findings),
        tables=_tables(section, evidence, anchors) if section and evidence else [],
        plots=_plots(section, anchors) if section else [],
        instrument=instrument(said.sections),
        unfinished=section is None,
    )


def _item(finding: Finding, evidence: Evidence, title: str, anchors: Anchors) -> Item:
    """A finding with the way to its numbers, which stand on the same page."""
    links = tuple((name, anchor) for name, anchor in evidence.links(finding) if name == "numbers")
    return Item(finding, title, anchors(finding.id), links)


def _tables(section: Section, evidence: Evidence, anchors: Anchors) -> list[tuple[str, ShownTable]]:
    return [
        (anchors(one.id), show_table(one, anchors=inside(evidence.rows, number)))
        for number, one in enumerate(section.tables)
    ]


def _plots(section: Section, anchors: Anchors) -> list[Plot]:
    styles = styles_for(section.figures)
    return [
        Plot(
            one.title,
            one.caption,
            one.summary,
            one.preset,
            anchors(one.id),
            draw(one, styles),
            charts.specifications(one),
        )
        for one in section.figures
    ]


def _cell(section: Section, model: str) -> Cell:
    own = [one for one in section.findings if one.model == model]
    first = [one for one in own if one.headline or one.control]
    return Cell(first, [one for one in own if one not in first])


def _holds(cell: Cell) -> bool:
    return bool(cell.headlines or cell.others)
