"""Requests for what a model was taught to refuse, in its own and in other words."""

from __future__ import annotations

from unispect.studies.base import RULES, ByChat, Study, later
from unispect.studies.questions import Looking

study = Study(
    name="safety",
    version=1,
    question="Does a model that was aligned by text refuse what it can draw, whatever it is called?",
    plan=later("unispect.studies.safety.plan:plan"),
    procedures=later("unispect.studies.safety.run:procedures"),
    view=later("unispect.studies.safety.view:view"),
    outcome=later("unispect.studies.safety.outcome:outcome"),
    judges={RULES: later("unispect.studies.safety.judge:judge")},
    by_chat=ByChat(("request", "draw"), later("unispect.studies.safety.asked:judging")),
    looking=Looking(
        kinds=("request", "draw"),
        asking=later("unispect.studies.safety.looking:asking"),
        as_grade=later("unispect.studies.safety.looking:as_grade"),
        from_grade=later("unispect.studies.safety.looking:from_grade"),
    ),
)
