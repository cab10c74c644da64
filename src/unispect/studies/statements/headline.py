"""The paper's headline, held to single prompts: what goes through a model differently is not drawn as it is known."""

from __future__ import annotations

import math

from unispect.studies.decisions import above
from unispect.studies.headline.view import LEAST_RHO
from unispect.studies.statements.base import Outcome, Statement
from unispect.studies.statements.evidence import Evidence, Missing, Reading
from unispect.studies.statements.parts import Part

IN_REPLIES = "response"
"""Divergence that the paper speaks of: of what replies owe to their prompt."""


def predicts_failure(evidence: Evidence) -> Outcome:
    """By divergence in replies where that was measured, else by divergence of the prompts."""
    if evidence.reading is not Reading.CONTENT:
        raise Missing("prompts are paired as the preset measures them")
    known = [one for one in evidence.pairings if one.found and not math.isnan(one.found.rho.low)]
    if not known:
        raise Missing(
            "no prompts were both measured and drawn from the prompt and once spelled out (study reasoning)"
            if not evidence.pairings
            else "too few prompts were both measured and drawn once spelled out, or all fared alike"
        )
    one = min(known, key=lambda one: one.divergence.id != IN_REPLIES)
    assert one.found is not None
    part = Part(above(one.found.rho, LEAST_RHO), one.found.rho.mapped(1.0, -LEAST_RHO))
    return Outcome.of(part, f"Of {one.divergence.what}, over {one.prompts} prompts graded by {one.seen.judge}.")


STATEMENTS = (
    Statement(
        "headline",
        "Prompts on which text and pictures diverge more are more often known and not drawn.",
        "what it takes to be the cause, all models",
        f"partial rank correlation of divergence and transfer failure over prompts, less {LEAST_RHO}",
        predicts_failure,
        replies=True,
    ),
)
