"""From a finding to where its numbers stand: the row of a table, the panel of a figure, the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from unispect.core.findings import Figure, Finding, Section, Table
from unispect.report.text import Anchors

Place = tuple[int, int]
"""Which of a section's tables or figures, and which of its rows or panels."""


class Evidence:
    """Anchors of the rows, panels and groups of pictures of one section that its findings rest on.

    A finding says where its numbers stand (`Finding.basis`); what it leaves open is looked for by its model: the first
    table of its preset that has a row of the model, the first figure that has a panel of it, its pictures.
    """

    def __init__(self, section: Section, anchors: Anchors) -> None:
        self._section, self._anchors = section, anchors
        self.rows: dict[Place, str] = {}
        self.panels: dict[Place, str] = {}
        self.groups = dict.fromkeys(dict.fromkeys(item.group for item in section.gallery), "")
        self._of: Mapping[str, str] = {item.model: item.group for item in reversed(section.gallery)}

    def links(self, finding: Finding) -> Iterator[tuple[str, str]]:
        """What there is, in a word, and its anchor, which is made if it is the first that leads there."""
        if place := _row(finding, self._section.tables):
            table, row = self._section.tables[place[0]], self._section.tables[place[0]].rows[place[1]]
            yield (
                "numbers",
                self._made(self.rows, place, table.id, *(cell for cell in row[:4] if isinstance(cell, str))),
            )
        if place := _panel(finding, self._section.figures):
            figure = self._section.figures[place[0]]
            yield "plot", self._made(self.panels, place, figure.id, list(figure.panels)[place[1]])
        group = finding.basis.pictures or self._of.get(finding.model, "")
        if group in self.groups:
            yield "pictures", self.group(group)

    def group(self, title: str) -> str:
        """The anchor of a group of pictures."""
        self.groups[title] = self.groups[title] or self._anchors(self._section.id, "pictures", title)
        return self.groups[title]

    def _made(self, places: dict[Place, str], place: Place, *names: str) -> str:
        if place not in places:
            places[place] = self._anchors(self._section.id, *names)
        return places[place]


def _row(finding: Finding, tables: Sequence[Table]) -> Place | None:
    basis, wanted = finding.basis, finding.basis.row or ((finding.model,) if finding.model else ())
    own = [index for index, table in enumerate(tables) if basis.table in ("", table.id)]
    if not basis.table and finding.preset:
        own.sort(key=lambda index: not tables[index].id.endswith(f"-{finding.preset}"))
    for index in own if wanted or basis.table else ():
        for number, row in enumerate(tables[index].rows):
            if row[: len(wanted)] == wanted:
                return index, number
    return None


def _panel(finding: Finding, figures: Sequence[Figure]) -> Place | None:
    wanted = finding.basis.figure
    for index, figure in enumerate(figures):
        if figure.id == wanted if wanted else figure.preset in (finding.preset, None):
            for number, title in enumerate(figure.panels):
                if title == finding.model:
                    return index, number
    return None
