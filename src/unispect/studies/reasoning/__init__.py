"""One prompt, told, drawn, drawn once it is spelled out, drawn after thinking, and looked at."""

from __future__ import annotations

from unispect.studies.base import RULES, Study, later
from unispect.studies.questions import Looking

GRADED = ("tell", "draw", "draw-spelled", "draw-thought")
"""Kinds of units that leave what graders look at: a text, and pictures."""

study = Study(
    name="reasoning",
    version=1,
    question="Is a picture wrong because the model does not know, cannot draw, or does not use what it knows?",
    plan=later("unispect.studies.reasoning.plan:plan"),
    procedures=later("unispect.studies.reasoning.run:procedures"),
    view=later("unispect.studies.reasoning.view:view"),
    judges={RULES: later("unispect.studies.reasoning.judge:judge")},
    prompts=True,
    parts=True,
    looking=Looking(
        kinds=GRADED,
        asking=later("unispect.studies.reasoning.asked:asking"),
        wanted=later("unispect.studies.reasoning.asked:wanted"),
    ),
)
