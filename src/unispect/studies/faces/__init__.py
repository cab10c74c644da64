"""Names of people, drawn and told."""

from __future__ import annotations

from unispect.studies.base import RULES, ByChat, Study, later

study = Study(
    name="faces",
    version=1,
    question="Can the model tell what the people look like whom it draws by their names?",
    plan=later("unispect.studies.faces.plan:plan"),
    procedures=later("unispect.studies.faces.run:procedures"),
    view=later("unispect.studies.faces.view:view"),
    outcome=later("unispect.studies.aphasia.outcome:outcome"),
    judges={RULES: later("unispect.studies.faces.judge:judge")},
    by_chat=ByChat(("draw",), later("unispect.studies.faces.asked:judging")),
)
