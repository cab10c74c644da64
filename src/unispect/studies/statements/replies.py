"""Statements about replies: figure 7. The measure is P under the paper preset and P_k under the controlled one."""

from __future__ import annotations

from unispect.core.cards import ModelCard
from unispect.core.findings import Verdict
from unispect.studies.statements.base import Outcome, Statement, drawing_by, retrained
from unispect.studies.statements.cells import Cells, Floats
from unispect.studies.statements.evidence import Evidence, Missing
from unispect.studies.statements.parts import every, together
from unispect.studies.statements.shapes import deep, quarter

LEVEL = 0.25
"""Bits by which text may end below pictures and count as level."""


def text_above(evidence: Evidence) -> Outcome:
    cells = evidence.dependence()
    text, drawn = _sides(cells)
    return Outcome.of(every(cells, text - drawn))


def crossing(evidence: Evidence) -> Outcome:
    cells = evidence.dependence()
    text, drawn = _sides(cells)
    early = (drawn - text)[: quarter(cells.layers) + 1].mean(axis=0, keepdims=True)
    end = every(cells, deep(text) - deep(drawn), LEVEL)  # above, or level: not below by `LEVEL`
    return Outcome.of(together([every(cells, early), every(cells, deep(text) - text[:1]), end]))


def _sides(cells: Cells) -> tuple[Floats, Floats]:
    return cells.curve(lambda group: group == "text"), cells.curve(lambda group: group == "image")


def no_curve(evidence: Evidence) -> Outcome:
    if "image" in evidence.card.no_states:
        return Outcome(Verdict.SUPPORTED, note=f"By construction: {evidence.card.no_states['image']}.")
    if not evidence.replies:
        raise Missing("no replies were measured")
    drawn = any(trace.task == "draw" and trace.curves for trace in evidence.replies)
    return Outcome(Verdict.NOT_SUPPORTED if drawn else Verdict.CANNOT_TELL)


def _not_masked(card: ModelCard) -> str:
    if card.generation == "masked latents":
        return "about all ways of drawing but masked latents"
    return "pictures have no rows in the backbone: see R3" if "image" in card.no_states else ""


def _masked(again: bool, other: str):
    def about(card: ModelCard) -> str:
        return drawing_by("masked latents")(card) or ("" if retrained(card) is again else f"judged by {other}")

    return about


_CROSSING = (
    "smallest of: pictures minus text in the first quarter of the depth; rise of text; text minus pictures at the end "
    f"plus {LEVEL}; bits"
)

STATEMENTS = (
    Statement(
        "R1",
        "Text replies lie above picture replies at every layer.",
        "figure 7, all but Harmon",
        "text minus picture replies at a layer, bits",
        text_above,
        about=_not_masked,
        replies=True,
    ),
    Statement(
        "R2",
        "Picture replies lie above text replies in early layers, and text replies rise to end above or level.",
        "figure 7, Harmon",
        _CROSSING,
        crossing,
        about=_masked(False, "R4"),
        replies=True,
    ),
    Statement(
        "R3",
        "Picture replies have no curve: prompt and reply have the same rows.",
        "figure 7, OmniGen2",
        "none; what the model is made of decides",
        no_curve,
        about=drawing_by("flow in a second network"),
        replies=True,
    ),
    Statement(
        "R4",
        "After RecA, too: picture replies above text in early layers, text rising to end above or level.",
        "not discussed; judged like R2",
        _CROSSING,
        crossing,
        about=_masked(True, "R2"),
        replies=True,
    ),
)
