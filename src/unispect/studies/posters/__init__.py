"""Known posters, drawn and told from memory."""

from __future__ import annotations

from unispect.studies.base import Study, later

study = Study(
    name="posters",
    version=1,
    question=(
        "What of a known poster comes back right when a model draws it from memory, and what when it describes it?"
    ),
    plan=later("unispect.studies.posters.plan:plan"),
    procedures=later("unispect.studies.posters.run:procedures"),
    view=later("unispect.studies.posters.view:view"),
    outcome=later("unispect.studies.posters.outcome:outcome"),
    parts=True,
    asked_to_grade=True,
)
