"""The report: one HTML file that says what was found, shows why, and loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from markupsafe import Markup

from unispect.core.findings import Figure, Finding, Section, Table
from unispect.report.cards import ShownCard, show_cards
from unispect.report.downloads import Pieces, downloads
from unispect.report.environment import environment
from unispect.report.figures import Drawing, draw, styles_for
from unispect.report.gallery import GalleryGroup, groups
from unispect.report.instrument import instrument, tally
from unispect.report.multiplicity import multiplicity
from unispect.report.pictures import Missing, OpenPicture
from unispect.report.provenance import Provenance
from unispect.report.tables import ShownTable, show_table
from unispect.report.text import Anchors

PICTURES_PER_STUDY = 240
LISTED = 200
"""At most this many failures or skips are listed in the page; the data archive holds them all."""


@dataclass(frozen=True)
class _Item:
    """A finding where it stands: its study's title and the anchor of its full entry."""

    finding: Finding
    study: str
    anchor: str


@dataclass(frozen=True)
class _Plot:
    figure: Figure
    drawing: Drawing
    numbers: ShownTable
    anchor: str


@dataclass(frozen=True)
class _Study:
    section: Section
    anchor: str
    findings: tuple[_Item, ...]
    tables: tuple[tuple[str, ShownTable], ...]
    figures: tuple[_Plot, ...]
    gallery: tuple[GalleryGroup, ...]
    unshown: int
    cards: tuple[ShownCard, ...]
    uncarded: int


def render(
    sections: Sequence[Section],
    *,
    title: str,
    provenance: Provenance,
    open_picture: OpenPicture,
    data: Mapping[str, bytes | Pieces] | None = None,
) -> str:
    """The whole report as HTML text.

    Args:
        sections: one per study, in reading order.
        title: of the page.
        provenance: models, runs, failures and skips.
        open_picture: SHA-256 hex digest -> stored bytes. A picture it cannot open is reported in the page, by name.
        data: more files to offer for saving (for instance records as JSON lines): name -> content, or what gives it
            piece by piece.
    """
    anchors = Anchors()
    for taken in ("findings", "origin", "failures", "data", "main", "models", "failed-units", "planned-skips"):
        anchors(taken)
    studies = tuple(_study(section, anchors, open_picture) for section in sections)
    everything = [item for study in studies for item in study.findings]
    style = resources.files("unispect.report").joinpath("style.css").read_text("utf-8")
    failures = [failure for run in provenance.runs for failure in run.failures]
    skips = [skip for run in provenance.runs for skip in run.skips]
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            title=title,
            policy=content_policy(style),
            style=Markup(style),
            provenance=provenance,
            studies=studies,
            instrument=instrument(sections),
            multiplicity=multiplicity(sections),
            tally=tally([item.finding for item in everything]),
            headlines=[item for item in everything if item.finding.headline and not item.finding.control],
            left_out=len(skips) + provenance.skipped,
            planned_skips=len(skips),
            models=_listed("Models", ("model", "revision", "source", "note"), _model_rows(provenance)),
            failures=_listed(
                "Failed units", ("what", "reason", "unit"), ((bad.what, bad.reason, bad.unit) for bad in failures)
            ),
            skips=_listed("Left out", ("what", "reason"), ((skip.what, skip.reason) for skip in skips)),
            missing=_missing(studies),
            downloads=downloads(sections, provenance, data or {}),
        )
    )


def content_policy(style: str) -> str:
    """The page's Content-Security-Policy: nothing may load or run; only `data:` pictures and this very style sheet."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _study(section: Section, anchors: Anchors, open_picture: OpenPicture) -> _Study:
    anchor = anchors(section.id)
    styles = styles_for(section.figures)
    return _Study(
        section,
        anchor,
        tuple(_Item(finding, section.title, anchors(section.id, finding.id)) for finding in section.findings),
        tuple((anchors(section.id, table.id), show_table(table)) for table in section.tables),
        tuple(_plot(figure, draw(figure, styles), anchors(section.id, figure.id)) for figure in section.figures),
        groups(section.gallery[:PICTURES_PER_STUDY], open_picture),
        max(0, len(section.gallery) - PICTURES_PER_STUDY),
        carded := show_cards(section.cards, open_picture),
        len(section.cards) - len(carded),
    )


def _plot(figure: Figure, drawing: Drawing, anchor: str) -> _Plot:
    return _Plot(figure, drawing, show_table(drawing.numbers, bars=False), anchor)


def _missing(studies: Sequence[_Study]) -> list[Missing]:
    cards = (card for study in studies for group in study.gallery for card in group.cards)
    sides = (side for study in studies for card in study.cards for side in card.sides)
    pictures = [*(card.picture for card in cards), *(side.picture for side in sides)]
    return list(dict.fromkeys(picture for picture in pictures if isinstance(picture, Missing)))


def _model_rows(provenance: Provenance) -> Iterable[tuple[str, ...]]:
    return ((model.id, model.revision, model.source or "—", model.note or "—") for model in provenance.models)


def _listed(title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> ShownTable | None:
    everything = tuple(rows)
    if not everything:
        return None
    rest = len(everything) - LISTED
    caption = f"The first {LISTED} of {len(everything)}; findings.json lists them all." if rest > 0 else ""
    return show_table(Table(title, title, columns, everything[:LISTED], caption))
