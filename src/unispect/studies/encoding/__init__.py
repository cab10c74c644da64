"""The entropy of prompts, layer by layer."""

from __future__ import annotations

from unispect.studies.base import Study, later

study = Study(
    name="encoding",
    version=3,
    question="Do text prompts and pictures take the same entropy trajectory through the layers?",
    plan=later("unispect.studies.encoding.plan:plan"),
    procedures=later("unispect.studies.encoding.run:procedures"),
    view=later("unispect.studies.encoding.view:view"),
    outcome=later("unispect.studies.encoding.outcome:outcome"),
    prompts=True,
    presets=True,
)
