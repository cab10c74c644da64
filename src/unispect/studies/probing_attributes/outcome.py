"""What one record of the study says by itself: what a probe reads where the reply starts, layer by layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unispect.core.outcomes import Outcome
from unispect.core.prompts import Goal
from unispect.core.typed import read_inputs, read_payload, read_settings
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import Lexicon
from unispect.studies.probing_attributes.prompts import read as prompts
from unispect.studies.probing_attributes.records import START, Asked, How, Probed


def outcome(entry: Entry, plain: Outcome) -> Outcome:
    """The share right of every lexicon, read in states of the goal that was learned from."""
    asked, attribute = read_inputs(Asked, entry.unit), read_settings(How, entry.unit).attribute
    curves: dict[str, list[float]] = {}
    if entry.record.status == "done":
        for one in read_payload(Probed, entry.record).readings:
            if (one.place, one.goal) == (START, asked.goal):
                asked_of = prompts(asked, asked.goal, Lexicon(one.lexicon))
                truth = [own.label(attribute) for own in asked_of if attribute in own.words]
                curves[one.lexicon] = [float(np.mean(np.array(read) == truth)) for read in one.read]
    told = {Goal.IMAGE: "drawn", Goal.TEXT: "told"}[asked.goal]
    said = f"What can be read of each {attribute} where words are to be {told}?"
    return replace(plain, asked=said, curves=curves, group=f"probes of {asked.goal}", about=attribute, per="words")
