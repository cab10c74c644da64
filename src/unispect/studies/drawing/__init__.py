"""Pictures from a list of prompts."""

from __future__ import annotations

from unispect.studies.base import Study, later
from unispect.studies.questions import Looking

study = Study(
    name="drawing",
    version=1,
    question="What does the model draw from a list of prompts, for whoever judges pictures?",
    plan=later("unispect.studies.drawing.plan:plan"),
    procedures=later("unispect.studies.drawing.run:procedures"),
    view=later("unispect.studies.drawing.view:view"),
    outcome=later("unispect.studies.drawing.outcome:outcome"),
    prompts=True,
    looking=Looking(
        kinds=("draw",),
        asking=later("unispect.studies.drawing.looking:asking"),
        wanted=later("unispect.studies.drawing.looking:wanted"),
    ),
)
