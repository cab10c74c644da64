"""Attributes of the concept world, read out of states by linear probes."""

from __future__ import annotations

from unispect.studies.base import Study, later

study = Study(
    name="probing-attributes",
    version=1,
    question="At which layers and positions can the meaning of a word be read, when it is drawn and when it is told?",
    plan=later("unispect.studies.probing_attributes.plan:plan"),
    procedures=later("unispect.studies.probing_attributes.run:procedures"),
    view=later("unispect.studies.probing_attributes.view:view"),
    outcome=later("unispect.studies.probing_attributes.outcome:outcome"),
)
