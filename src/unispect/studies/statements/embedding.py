"""Statements about the embedding: Table 1 and the left of figure 4."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unispect.core.findings import Verdict
from unispect.studies.encoding.lengths import THIRDS
from unispect.studies.statements.base import Outcome, Statement, retrained
from unispect.studies.statements.cells import Cells, Floats, Row
from unispect.studies.statements.evidence import Evidence, Missing, of_modality
from unispect.studies.statements.parts import every, near, pairs
from unispect.studies.statements.shapes import NEAR
from unispect.studies.trainings import ALONE

UNCHANGED = 0.1
"""Bits by which a level may differ after RecA and count as the same."""
TEXT, IMAGE = "text", "image"


def image_above_text(evidence: Evidence) -> Outcome:
    cells = evidence.by_kind(TEXT, IMAGE)
    return Outcome.of(every(cells, _gap(cells)))


def gap_above_kinds(evidence: Evidence) -> Outcome:
    cells = evidence.by_kind(TEXT, IMAGE)
    sides = [
        [cells.curve(lambda group, own=(side, kind): group == own)[:1] for kind in evidence.kinds(side)]
        for side in (TEXT, IMAGE)
    ]
    differences = [pairs(np.concatenate(side)) for side in sides if len(side) > 1]
    if not differences:
        raise Missing("there is one kind of text and one of pictures only")
    apart = np.concatenate(differences)
    return Outcome.of(every(cells, _gap(cells) - np.concatenate([apart, -apart])))


def _gap(cells: Cells) -> Floats:
    return (of_modality(cells, IMAGE) - of_modality(cells, TEXT))[:1]


def deductive_lowest(evidence: Evidence) -> Outcome:
    kinds = evidence.kinds(TEXT)
    if "deductive" not in kinds or len(kinds) < 2:
        raise Missing("the text has no deductive prompts beside others")
    cells = evidence.by_kind(TEXT)
    own, *others = (
        cells.curve(lambda group, kind=kind: group == (TEXT, kind))[:1]
        for kind in sorted(kinds, key=lambda kind: kind != "deductive")
    )
    return Outcome.of(every(cells, np.concatenate(others) - own))


def rises_with_length(evidence: Evidence) -> Outcome:
    cells = evidence.by_length()
    starts = np.concatenate([cells.curve(lambda group, third=third: group == third)[:1] for third in THIRDS])
    return Outcome.of(every(cells, np.diff(starts, axis=0)))


def unchanged_by_reca(evidence: Sequence[Evidence]) -> Outcome:
    compared = [
        (one, other)
        for other in evidence
        if retrained(other.card)
        for one in evidence
        if one.card.id == other.card.tuned_from
    ]
    if not compared:
        raise Missing("no model is here both with and without RecA")
    return _apart(compared, UNCHANGED, (TEXT, IMAGE))


def same_backbone(evidence: Sequence[Evidence]) -> Outcome:
    known = [one for one in evidence if one.card.backbone]
    compared = [
        (one, other)
        for index, one in enumerate(known)
        for other in known[index + 1 :]
        if one.card.backbone == other.card.backbone and one.card.family != other.card.family
    ]
    if not compared:
        raise Missing("no two families with the same language model are here")
    return _apart(compared, NEAR, (TEXT,))


def _apart(compared: Sequence[tuple[Evidence, Evidence]], most: float, modalities: tuple[str, ...]) -> Outcome:
    """Whether every pair is nearer than a distance at layer 0."""
    rows: list[Row] = []
    for one in dict.fromkeys(one.name for pair in compared for one in pair):
        own = next(e for pair in compared for e in pair if e.name == one)
        for modality in modalities:
            rows += _at_start(own, modality)
    cells = Cells.of(rows)

    def start(of: Evidence, modality: str) -> Floats:
        return cells.curve(lambda group: group == (of.name, modality))

    apart = [start(one, modality) - start(other, modality) for one, other in compared for modality in modalities]
    names = ", ".join(f"{one.name} and {other.name}" for one, other in compared)
    return Outcome.of(near(cells, np.concatenate(apart), most), f"Compared: {names}, as they are. {ALONE}")


def _at_start(evidence: Evidence, modality: str) -> list[Row]:
    found: list[Row] = [
        ((evidence.name, modality), trace.prompt, trace.curve[:1])
        for trace in evidence.levels
        if trace.modality == modality
    ]
    if not found:
        raise Missing(f"{evidence.name} was measured on no {modality} prompts")
    return found


def no_quantity(evidence: Sequence[Evidence]) -> Outcome:
    return Outcome(Verdict.NOT_APPLICABLE, note="the paper gives no quantity")


STATEMENTS = (
    Statement(
        "T1",
        "Pictures have a higher embedding entropy than text.",
        "Table 1, every model",
        "pictures minus text at layer 0, bits; means over kinds",
        image_above_text,
    ),
    Statement(
        "T2",
        "The gap between modalities exceeds what kinds of prompt differ by.",
        "caption of Table 1",
        "that gap minus what two kinds of one modality differ by, at layer 0, bits",
        gap_above_kinds,
    ),
    Statement(
        "T3",
        "Deductive prompts have the lowest embedding entropy of all text.",
        "Table 1, eight of ten models",
        "lowest other kind minus deductive at layer 0, bits",
        deductive_lowest,
    ),
    Statement(
        "T4",
        "RecA left the embedding entropy of these checkpoints as it was.",
        "Table 1, BAGEL and Harmon",
        f"{UNCHANGED} minus the largest difference at layer 0, bits",
        judge_all=unchanged_by_reca,
    ),
    Statement(
        "F4a",
        "Embedding entropy of text rises with the length of the prompt.",
        "figure 4, left",
        "smaller of the two steps between thirds of length at layer 0, bits",
        rises_with_length,
    ),
    Statement(
        "F4b",
        "These checkpoints, which share a language model, have similar embedding entropy.",
        "figure 4, left",
        f"{NEAR} minus the largest difference in text at layer 0, bits",
        judge_all=same_backbone,
    ),
    Statement(
        "F4c",
        "Stronger language models stay more isotropic through fine-tuning.",
        "figure 4, left",
        "none",
        judge_all=no_quantity,
    ),
)
