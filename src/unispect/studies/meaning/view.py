"""Where the meaning is lost: one verdict for every model and way of teaching, and the evidence it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from unispect.core.cards import ModelCard
from unispect.core.findings import (
    Basis,
    Bearing,
    Cell,
    Decision,
    Figure,
    Finding,
    Glance,
    Interval,
    Section,
    Series,
    Table,
    Verdict,
)
from unispect.core.units import Entry
from unispect.studies.decisions import family_of, settled
from unispect.studies.meaning.evidence import Map, Maps, evidence_of, maps_of
from unispect.studies.meaning.verdict import Evidence, Lost, likeliest, one_format
from unispect.studies.names import WORDS, named
from unispect.studies.trainings import ALONE
from unispect.studies.verdicts import KNOWN, shown

ID, TABLE, OVER = "meaning", "evidence", "verdicts"
WAYS = ("drawing", "both")
"""How words were taught that then can be drawn."""
CLAIMS = {
    Lost.NOT_DRAWN: "Most {words} are not drawn, so that there is nothing to lose.",
    Lost.NOT_LOST: "The meaning of {words} is not lost: most are drawn, told and said.",
    Lost.NOT_SAID: "The meaning of {words} is lost in the saying: most are told by likelihood and not named in a free "
    "reply (read but not said).",
    Lost.NOT_READ: "The meaning of {words} is lost in the reading: the states of a question hold it, and telling does "
    "not use it (written but not read).",
    Lost.NOT_WRITTEN: "The meaning of {words} is lost before it is read: the states of a question lack it (not "
    "written).",
}
OPEN = "Where the meaning of {words} is lost can be told."
NEAR = 0.5
"""One-sided p up to which a verdict is named as the nearest: above it some part of it lies on the wrong side, or was
not measured, and the data point to none."""
PARTS: Mapping[str, str] = {
    "drawn": "drawn",
    "told": "told",
    "recalled": "said",
    "probed": "a question's states hold it",
    "selectivity": "above control tasks by",
    "probed_known": "probes read words that are told",
    "patched_known": "answers follow real words' states",
    "patched_own": "told from its states while drawing",
}
"""Parts of the evidence -> columns of the table."""


@dataclass(frozen=True)
class Case:
    """The words of one model that were taught in one way."""

    name: str
    card: ModelCard
    taught: str
    evidence: Evidence
    maps: Maps = field(default_factory=lambda: Maps({}, {}))

    @property
    def words(self) -> str:
        return WORDS[self.taught]


def view(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> Section | None:
    """The section; None where states were neither read by probes nor moved for any word that was drawn. Pure.

    Args:
        entries: finished units by study.
        cards: by the models' references.
    """
    return section(list(_cases(entries, cards)))


def section(cases: Sequence[Case]) -> Section | None:
    """The section on some words of some models; see `view`."""
    if not cases:
        return None
    found = settled(one for case in cases for one in _findings(case))
    return Section(
        id=ID,
        title="Where the meaning is lost",
        lead=(
            "A model that draws a word and does not tell it loses the meaning of the word somewhere between the prompt "
            "and the answer: it is not in the states that telling reads, or it is there and telling does not read it, "
            "or it is read and something else is said."
        ),
        findings=found,
        tables=(_verdicts(cases, found), _evidence(cases)),
        figures=tuple(_figures(cases)),
        methods=(
            f"Known is a chance-corrected score surely above {KNOWN}, not known one surely below it, by 95 % limits "
            "over words. Not written: drawn, not told, and probes that learned from real words read less than half of "
            "it in the states of the question, at the best layer and place; said only if probes read words that the "
            "model tells, and if its answers follow real words' states. Written but not read: probes read it there, "
            "more than control tasks, and answers follow real words' states. Read but not said: told by likelihood, "
            "and not named in a free reply. Of five verdicts that exclude each other the nearest one is tested; each "
            "part of it must surely hold. The rule was fixed before any model was looked at.",
            "Told from its states while drawing: the states that the same words have in a prompt for a picture are put "
            "into the question. It says what would help and decides nothing about where the meaning is.",
        ),
        caveats=(
            "That a linear probe of real words finds nothing leaves open what another reader would find.",
            f"What is said holds for the words asked, as one training of a model left them. {ALONE}",
        ),
        glances=tuple(_glances(cases, found)),
        family=family_of(found),
        study=False,
    )


def _cases(entries: Mapping[str, Sequence[Entry]], cards: Mapping[str, ModelCard]) -> Iterator[Case]:
    by_way = {taught: evidence_of(entries, cards, taught) for taught in WAYS}
    where = {taught: maps_of(entries, cards, taught) for taught in WAYS}
    references = list(dict.fromkeys(reference for own in by_way.values() for reference in own))
    names = named(references, cards)
    for reference in references:
        for taught, own in by_way.items():
            evidence = own.get(reference)
            if evidence is None or (evidence.probed is None and evidence.patched_known is None):
                continue
            maps = where[taught].get(reference, Maps({}, {}))
            yield Case(names[reference], cards[reference], taught, evidence, maps)


def _findings(case: Case) -> Iterator[Finding]:
    lost, decision = likeliest(case.evidence)
    words, evidence = case.words, case.evidence
    near = decision.supported <= NEAR
    anchor = f"{case.card.reference}-{case.taught}"
    lacking = ", ".join(column for part, column in PARTS.items() if getattr(evidence, part) is None)
    yield Finding(
        id=f"{anchor}-lost",
        claim=(CLAIMS[lost] if near else OPEN).format(words=words),
        verdict=Verdict.CANNOT_TELL,
        detail=_said(evidence) + (f" Not measured: {lacking}." if lacking else ""),
        interval=_rests_on(lost, evidence) if near else None,
        model=case.name,
        headline=case.taught == "drawing" and not case.card.planted,
        chance=0.0,
        decision=Decision(decision.supported, 1.0),  # the claim was chosen by the data, which cannot refute it
        bearing={Verdict.SUPPORTED: Bearing.APART} if near and lost in (Lost.NOT_WRITTEN, Lost.NOT_READ) else {},
        basis=Basis(table=TABLE, row=(case.name, words)),
    )
    if evidence.patched_own is not None:
        yield Finding(
            id=f"{anchor}-format",
            claim=f"Telling can read what drawing holds of {words}.",
            verdict=Verdict.CANNOT_TELL,
            detail=f"Told from the states that they have when they are drawn, at the best layer and place: "
            f"{shown(evidence.patched_own)}, to be above {KNOWN}.",
            interval=evidence.patched_own,
            model=case.name,
            chance=0.0,
            decision=one_format(evidence),
            basis=Basis(table=TABLE, row=(case.name, words)),
        )


def _rests_on(lost: Lost, evidence: Evidence) -> Interval | None:
    """The part of the evidence that a verdict is first of all about."""
    return {
        Lost.NOT_DRAWN: evidence.drawn,
        Lost.NOT_LOST: evidence.told,
        Lost.NOT_SAID: evidence.recalled,
        Lost.NOT_READ: evidence.probed,
        Lost.NOT_WRITTEN: evidence.probed,
    }[lost]


def _said(evidence: Evidence) -> str:
    parts = [(column, getattr(evidence, part)) for part, column in PARTS.items()]
    said = "; ".join(f"{column} {shown(one)}" for column, one in parts if one is not None)
    return f"{said[:1].upper()}{said[1:]}."


def _evidence(cases: Sequence[Case]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (case.name, case.words, *(getattr(case.evidence, part) for part in PARTS)) for case in cases
    ]
    return Table(
        TABLE,
        "What the verdicts rest on",
        ("model", "words", *PARTS.values()),
        tuple(rows),
        "Chance-corrected scores (0 is chance, 1 always right) with 95 % limits over words; of several layers and "
        "places the largest, with limits for all of them together.",
    )


def _figures(cases: Sequence[Case]) -> Iterator[Figure]:
    """Heat maps of layers and places, of words taught by drawing: a panel for each model."""
    own = [case for case in cases if case.taught == "drawing"]
    for id, title, maps in (
        ("read", "What the states of a question hold of words taught by drawing", lambda case: case.maps.read),
        (
            "moved",
            "What is told of them with the states that they have when they are drawn",
            lambda case: case.maps.moved,
        ),
    ):
        panels = {case.name: tuple(_series(maps(case))) for case in own if maps(case)}
        if panels:
            yield Figure(
                id=f"meaning-{id}",
                title=title,
                x_label="layer",
                y_label="chance-corrected score",
                panels=panels,
                preset=None,
                caption="Share of words, chance-corrected: chance, 0, has no shade. Layer 0 holds the tokens.",
                summary="; ".join(f"{name}: most {_top(series)}" for name, series in panels.items()) + ".",
                scale=(0.0, 1.0),
            )


def _series(found: Map) -> Iterator[Series]:
    for place, scores in found.items():
        low, high = [one.low for _, one in scores], [one.high for _, one in scores]
        banded = not any(map(math.isnan, low))
        layers = [layer for layer, _ in scores]
        estimates = [one.estimate for _, one in scores]
        yield Series(place, layers, estimates, low if banded else (), high if banded else ())


def _top(series: Sequence[Series]) -> str:
    value, layer, place = max((y, x, one.label) for one in series for x, y in zip(one.x, one.y, strict=True))
    return f"{value:.2f} at {place}, layer {layer:g}"


def _verdicts(cases: Sequence[Case], found: Sequence[Finding]) -> Table:
    """What the settled verdicts say, in the words of the rule."""
    settled_by = {one.id: one for one in found}
    rows: list[tuple[Cell, ...]] = []
    for case in cases:
        anchor = f"{case.card.reference}-{case.taught}"
        lost, reads = settled_by[f"{anchor}-lost"], settled_by.get(f"{anchor}-format")
        sure = lost.verdict is Verdict.SUPPORTED
        answer = likeliest(case.evidence)[0] if sure else Lost.CANNOT_TELL
        rows.append((case.name, case.words, str(answer), "not measured" if reads is None else _IN_WORDS[reads.verdict]))
    return Table(
        OVER,
        "Where it is lost",
        ("model", "words", "meaning", "telling can read what drawing holds"),
        tuple(rows),
        "After the correction for all claims of this section.",
    )


_IN_WORDS = {Verdict.SUPPORTED: "yes", Verdict.NOT_SUPPORTED: "no"} | {
    verdict: "cannot tell" for verdict in Verdict if verdict not in (Verdict.SUPPORTED, Verdict.NOT_SUPPORTED)
}


def _glances(cases: Sequence[Case], found: Sequence[Finding]) -> Iterator[Glance]:
    there = {one.id for one in found}
    for case in cases:
        id = f"{case.card.reference}-{case.taught}-lost"
        if case.taught == "drawing" and id in there:
            yield Glance(case.name, {"where meaning is lost": id}, planted=case.card.planted)
