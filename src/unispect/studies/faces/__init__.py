"""Names of people, drawn and told."""

from __future__ import annotations

from unispect.studies.base import RULES, Study, later
from unispect.studies.questions import Looking

study = Study(
    name="faces",
    version=1,
    question="Can the model tell what the people look like whom it draws by their names?",
    plan=later("unispect.studies.faces.plan:plan"),
    procedures=later("unispect.studies.faces.run:procedures"),
    view=later("unispect.studies.faces.view:view"),
    outcome=later("unispect.studies.aphasia.outcome:outcome"),
    judges={RULES: later("unispect.studies.faces.judge:judge")},
    looking=Looking(
        kinds=("draw",),
        asking=later("unispect.studies.faces.looking:asking"),
        as_grade=later("unispect.studies.faces.looking:as_grade"),
        from_grade=later("unispect.studies.faces.looking:from_grade"),
        wanted=later("unispect.studies.faces.looking:wanted"),
        known=later("unispect.studies.faces.looking:known"),
    ),
)
