"""Statements about the embedding: Table 1 and the left of figure 4."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unispect.core.findings import Verdict
from unispect.studies.statements.base import Outcome, Statement, retrained
from unispect.studies.statements.cells import Cells, Floats, Row
from unispect.studies.statements.evidence import Evidence, Missing, mean_of
from unispect.studies.statements.shapes import NEAR

UNCHANGED = 0.1
"""Bits by which a level may differ after RecA and count as the same."""
TEXT, IMAGE = "text", "image"
BACKBONES = {
    "bagel-7b-mot": "Qwen2.5 7B",
    "bagel-7b-mot-reca": "Qwen2.5 7B",
    "show-o2-7b": "Qwen2.5 7B",
    "show-o2-1.5b": "Qwen2.5 1.5B",
    "show-o2-1.5b-hq": "Qwen2.5 1.5B",
    "harmon-1.5b": "Qwen2.5 1.5B",
    "harmon-1.5b-reca": "Qwen2.5 1.5B",
    "harmon-0.5b": "Qwen2.5 0.5B",
    "harmon-0.5b-reca": "Qwen2.5 0.5B",
    "janus-pro-1b": "DeepSeek-LLM 1.3B",
    "janusflow-1.3b": "DeepSeek-LLM 1.3B",
}
"""Published models whose language model another of them shares, as their own papers and configurations say."""


def image_above_text(evidence: Evidence) -> Outcome:
    cells = evidence.by_kind(TEXT, IMAGE)
    text, image = mean_of(cells, TEXT), mean_of(cells, IMAGE)
    return Outcome.of(cells.interval(lambda means: (image(means) - text(means))[..., 0]))


def gap_above_kinds(evidence: Evidence) -> Outcome:
    cells = evidence.by_kind(TEXT, IMAGE)
    sides = [cells.places(lambda group, side=side: group[0] == side) for side in (TEXT, IMAGE)]  # type: ignore[index]
    if max(map(len, sides)) < 2:
        raise Missing("there is one kind of text and one of pictures only")
    text, image = mean_of(cells, TEXT), mean_of(cells, IMAGE)

    def margin(means: Floats) -> Floats:
        ranges = [np.ptp(means[..., side, 0], axis=-1) for side in sides]
        return (image(means) - text(means))[..., 0] - np.maximum(*ranges)

    return Outcome.of(cells.interval(margin))


def deductive_lowest(evidence: Evidence) -> Outcome:
    kinds = evidence.kinds(TEXT)
    if "deductive" not in kinds or len(kinds) < 2:
        raise Missing("the text has no deductive prompts beside others")
    cells = evidence.by_kind(TEXT)
    own = cells.places(lambda group: group == (TEXT, "deductive"))
    others = cells.places(lambda group: group != (TEXT, "deductive"))
    return Outcome.of(cells.interval(lambda means: means[..., others, 0].min(axis=-1) - means[..., own[0], 0]))


def rises_with_length(evidence: Evidence) -> Outcome:
    cells = evidence.by_length()
    return Outcome.of(cells.interval(lambda means: np.diff(means[..., 0], axis=-1).min(axis=-1)))


def unchanged_by_reca(evidence: Sequence[Evidence]) -> Outcome:
    pairs = [
        (one, other)
        for other in evidence
        if retrained(other.card)
        for one in evidence
        if one.card.id == other.card.id.removesuffix("-reca")
    ]
    if not pairs:
        raise Missing("no model is here both with and without RecA")
    return _apart(pairs, UNCHANGED, (TEXT, IMAGE))


def same_backbone(evidence: Sequence[Evidence]) -> Outcome:
    known = [one for one in evidence if one.card.id in BACKBONES]
    pairs = [
        (one, other)
        for place, one in enumerate(known)
        for other in known[place + 1 :]
        if BACKBONES[one.card.id] == BACKBONES[other.card.id] and one.card.family != other.card.family
    ]
    if not pairs:
        raise Missing("no two families with the same language model are here")
    return _apart(pairs, NEAR, (TEXT,))


def _apart(pairs: Sequence[tuple[Evidence, Evidence]], most: float, modalities: tuple[str, ...]) -> Outcome:
    """How far the farthest pair stays below a distance at layer 0."""
    rows: list[Row] = []
    for one in dict.fromkeys(one.name for pair in pairs for one in pair):
        own = next(e for pair in pairs for e in pair if e.name == one)
        for modality in modalities:
            rows += _at_start(own, modality)
    cells = Cells.of(rows)
    places = [
        tuple(cells.groups.index((one.name, modality)) for one in pair) for pair in pairs for modality in modalities
    ]

    def margin(means: Floats) -> Floats:
        apart = [np.abs(means[..., a, 0] - means[..., b, 0]) for a, b in places]
        return most - np.maximum.reduce(apart)

    names = ", ".join(f"{one.name} and {other.name}" for one, other in pairs)
    return Outcome.of(cells.interval(margin), f"Compared: {names}.")


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
        "that gap minus the wider of the two ranges over kinds, at layer 0, bits",
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
        "RecA leaves embedding entropy as it was.",
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
        "Models with the same language model have similar embedding entropy.",
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
