"""Words of a world of simple shapes, drawn and told."""

from __future__ import annotations

from unispect.studies.base import RULES, Study, later
from unispect.studies.questions import Looking

study = Study(
    name="concepts",
    version=1,
    question="Can the model tell in words what it can draw, and draw what it can tell?",
    plan=later("unispect.studies.concepts.plan:plan"),
    procedures=later("unispect.studies.concepts.run:procedures"),
    view=later("unispect.studies.concepts.view:view"),
    outcome=later("unispect.studies.concepts.outcome:outcome"),
    judges={RULES: later("unispect.studies.concepts.judge:judge")},
    parts=True,
    looking=Looking(
        kinds=("draw", "paper-draw"),
        asking=later("unispect.studies.concepts.looking:asking"),
        as_grade=later("unispect.studies.concepts.looking:as_grade"),
        from_grade=later("unispect.studies.concepts.looking:from_grade"),
        wanted=later("unispect.studies.concepts.looking:wanted"),
        known=later("unispect.studies.concepts.looking:known"),
    ),
)
