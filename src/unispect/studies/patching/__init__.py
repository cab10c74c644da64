"""The meaning of a word, moved from one run of a model into another: activation patching and steering."""

from __future__ import annotations

from unispect.studies.base import RULES, Study, later

study = Study(
    name="patching",
    version=1,
    question="Can meaning that is held while drawing be told once it is moved into telling, and the reverse?",
    plan=later("unispect.studies.patching.plan:plan"),
    procedures=later("unispect.studies.patching.run:procedures"),
    view=later("unispect.studies.patching.view:view"),
    outcome=later("unispect.studies.patching.outcome:outcome"),
    judges={RULES: later("unispect.studies.patching.judge:judge")},
    parts=True,
)
