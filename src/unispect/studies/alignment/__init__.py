"""How near the states of a drawing prompt and of a question about the same word are, and what looks at what."""

from __future__ import annotations

from unispect.studies.base import Study, later

study = Study(
    name="alignment",
    version=1,
    question="Do prompts to draw and questions about the same words lie alike in the layers, and who looks at whom?",
    plan=later("unispect.studies.alignment.plan:plan"),
    procedures=later("unispect.studies.alignment.run:procedures"),
    view=later("unispect.studies.alignment.view:view"),
    outcome=later("unispect.studies.alignment.outcome:outcome"),
    prompts=True,
)
