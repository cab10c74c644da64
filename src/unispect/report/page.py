"""The report: one HTML file that answers first, then says what was found and shows why, and loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from markupsafe import Markup

from unispect.core.findings import Figure, Finding, Section, Table, Verdict
from unispect.report import first, headlines
from unispect.report.cards import ShownCard, show_cards
from unispect.report.downloads import Download, archive, offered
from unispect.report.environment import environment
from unispect.report.evidence import Evidence
from unispect.report.figures import Drawing, draw, styles_for
from unispect.report.gallery import GalleryGroup, groups
from unispect.report.headlines import Item
from unispect.report.instrument import instrument, tally
from unispect.report.multiplicity import multiplicity
from unispect.report.pictures import Missing, OpenPicture
from unispect.report.provenance import Provenance
from unispect.report.tables import ShownTable, show_table
from unispect.report.text import Anchors

PICTURES_PER_STUDY = 240
LISTED = 200
"""At most this many failures or skips are listed in the page; the data archive holds them all."""
TAKEN = ("findings", "evidence", "origin", "failures", "data", "main", "methods", "models", "runs", "failed-units")
"""Anchors of the page's own."""


@dataclass(frozen=True)
class _Plot:
    figure: Figure
    drawing: Drawing
    numbers: ShownTable
    anchor: str
    panels: Mapping[int, str]


@dataclass(frozen=True)
class _Study:
    section: Section
    anchor: str
    findings: tuple[Item, ...]
    tally: tuple[tuple[Verdict, int], ...]
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
    data: Download | None = None,
) -> str:
    """The whole report as HTML text.

    Args:
        sections: one per study, in reading order.
        title: of the page.
        provenance: models, runs, failures and skips.
        open_picture: SHA-256 hex digest -> stored bytes. A picture it cannot open is reported in the page, by name.
        data: the archive with all numbers; by default it is made and carried in the page, whatever its size.
    """
    anchors = Anchors()
    for taken in (*TAKEN, "planned-skips"):
        anchors(taken)
    studies = tuple(_study(section, anchors, open_picture) for section in sections)
    everything = [item.finding for study in studies for item in study.findings]
    style = resources.files("unispect.report").joinpath("style.css").read_text("utf-8")
    failures = [failure for run in provenance.runs for failure in run.failures]
    places = [{item.finding.id: item.anchor for item in study.findings} for study in studies]
    lines = first.lines(sections, places, open_picture)
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            title=title,
            policy=content_policy(style),
            style=Markup(style),
            provenance=provenance,
            studies=studies,
            lines=lines,
            rule=first.RULE,
            instrument=instrument(sections),
            multiplicity=multiplicity(sections),
            tally=tally(everything),
            front=headlines.front([study.findings for study in studies]),
            front_rule=headlines.RULE,
            methods=methods_of(everything),
            left_out=sum(len(run.skips) for run in provenance.runs) + provenance.skipped,
            planned_skips=sum(len(run.skips) for run in provenance.runs),
            models=_listed("Models", ("model", "revision", "source", "note"), _model_rows(provenance)),
            runs=_listed("Runs", RUN_COLUMNS, _run_rows(provenance)),
            shared=_shared(provenance),
            failures=_listed(
                "Failed units", ("what", "reason", "unit"), ((bad.what, bad.reason, bad.unit) for bad in failures)
            ),
            skips=_listed("Left out", ("what", "model", "reason"), _skip_rows(provenance)),
            missing=_missing(studies, lines),
            download=data or offered(archive(sections, provenance)),
        )
    )


def content_policy(style: str) -> str:
    """The page's Content-Security-Policy: nothing may load or run; only `data:` pictures and this very style sheet."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _study(section: Section, anchors: Anchors, open_picture: OpenPicture) -> _Study:
    anchor = anchors(section.id)
    styles = styles_for(section.figures)
    evidence = Evidence(section, anchors)
    findings = tuple(
        Item(finding, section.title, anchors(section.id, finding.id), tuple(evidence.links(finding)))
        for finding in section.findings
    )
    return _Study(
        section,
        anchor,
        findings,
        tally(section.findings),
        tuple(
            (anchors(section.id, table.id), show_table(table, anchors=inside(evidence.rows, number)))
            for number, table in enumerate(section.tables)
        ),
        tuple(
            _plot(figure, draw(figure, styles), anchors(section.id, figure.id), inside(evidence.panels, number))
            for number, figure in enumerate(section.figures)
        ),
        groups(section.gallery[:PICTURES_PER_STUDY], open_picture, section.pictures, evidence.group),
        max(0, len(section.gallery) - PICTURES_PER_STUDY),
        carded := show_cards(section.cards, open_picture),
        len(section.cards) - len(carded),
    )


def inside(places: Mapping[tuple[int, int], str], number: int) -> Mapping[int, str]:
    """The anchors inside one table or figure."""
    return {inside: anchor for (one, inside), anchor in places.items() if one == number}


def _plot(figure: Figure, drawing: Drawing, anchor: str, panels: Mapping[int, str]) -> _Plot:
    return _Plot(figure, drawing, show_table(drawing.numbers, bars=False), anchor, panels)


def methods_of(findings: Sequence[Finding]) -> Mapping[str, int]:
    """How intervals were formed -> the number under which the page says it, once."""
    said = (one.interval for one in findings if one.interval and one.interval.low == one.interval.low)
    return {method: number for number, method in enumerate(dict.fromkeys(one.method for one in said if one.method), 1)}


def _missing(studies: Sequence[_Study], lines: Sequence[first.Line]) -> list[Missing]:
    cards = [card for study in studies for group in study.gallery for card in group.cards]
    cards += [line.card for line in lines if line.card]
    sides = (side for study in studies for card in study.cards for side in card.sides)
    pictures = [*(card.picture for card in cards), *(side.picture for side in sides)]
    return list(dict.fromkeys(picture for picture in pictures if isinstance(picture, Missing)))


def _model_rows(provenance: Provenance) -> Iterable[tuple[str, ...]]:
    return ((model.id, model.revision, model.source or "—", model.note or "—") for model in provenance.models)


RUN_COLUMNS = (
    "run",
    "study",
    "models",
    "seeds",
    "done",
    "failed",
    "skipped",
    "made",
    "settings of its own",
    "root",
)
"""Commands stand below the table: they are longer than any column is wide."""


def _shared(provenance: Provenance) -> Mapping[str, str]:
    """Settings and versions that all runs have in common."""
    every = [{**run.settings, **run.versions} for run in provenance.runs]
    first_run = every[0] if every else {}
    return {name: value for name, value in first_run.items() if all(one.get(name) == value for one in every)}


def _run_rows(provenance: Provenance) -> Iterable[tuple[str | int, ...]]:
    shared = _shared(provenance)
    for run in provenance.runs:
        own = {name: value for name, value in {**run.settings, **run.versions}.items() if name not in shared}
        undigested = f" ({run.undigested} records and grades were written before digests)" if run.undigested else ""
        yield (
            run.name,
            run.study,
            ", ".join(run.models) or "—",
            ", ".join(map(str, run.seeds)) or "—",
            run.done,
            run.failed,
            run.skipped,
            run.created or "—",
            "; ".join(f"{name} {value}" for name, value in own.items()) or "—",
            f"{run.root}{undigested}" or "—",
        )


def _skip_rows(provenance: Provenance) -> Iterable[tuple[str, ...]]:
    """What planners left out, each once for all models."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for run in provenance.runs:
        for skip in run.skips:
            found.setdefault((skip.what, skip.reason), {}).update(dict.fromkeys(run.models))
    return ((what, ", ".join(models) or "—", reason) for (what, reason), models in found.items())


def _listed(title: str, columns: tuple[str, ...], rows: Iterable[tuple[str | int, ...]]) -> ShownTable | None:
    everything = tuple(rows)
    if not everything:
        return None
    rest = len(everything) - LISTED
    caption = f"The first {LISTED} of {len(everything)}; findings.json lists them all." if rest > 0 else ""
    return show_table(Table(title, title, columns, everything[:LISTED], caption))
