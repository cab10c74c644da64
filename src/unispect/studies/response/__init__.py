"""Replies and their prompts, layer by layer."""

from __future__ import annotations

from unispect.studies.base import Study, later

study = Study(
    name="response",
    version=2,
    question="How much do the states of a text reply and of a drawn reply depend on their prompt, layer by layer?",
    plan=later("unispect.studies.response.plan:plan"),
    procedures=later("unispect.studies.response.run:procedures"),
    view=later("unispect.studies.response.view:view"),
    prompts=True,
    presets=True,
)
