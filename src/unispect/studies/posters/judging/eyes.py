"""Replies on rubrics that the run holds, by whoever answers closed questions: a model of the registry.

A rubric has to be written by somebody who writes, so a chat model makes it first (docs/studies/posters.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from PIL import Image

from unispect.core.typed import read_inputs, read_payload, to_json
from unispect.core.units import Entry, Plan, Record, Skip, Unit, Upstream
from unispect.data.posters.subjects import Subject
from unispect.studies.graders.base import Grader
from unispect.studies.posters.judging.forms import SHOWN, Shown
from unispect.studies.posters.judging.plan import ITEMS, RUBRIC, How, plan
from unispect.studies.posters.judging.rubric import Rubric, blind_order
from unispect.studies.posters.judging.run import reference_in, rendition
from unispect.studies.posters.records import AnswerKept, ItemSaid, ItemsInputs, RubricMade, Source
from unispect.studies.questions import Question

ASKED = "Is this shown or said as stated, otherwise, or not at all: {statement}"


@dataclass(frozen=True)
class Eyes:
    """Who looks.

    Attributes:
        grader: answers by one of `SHOWN`, or is unclear, which counts as an answer that cannot be read.
        subjects: whose reference pictures may be shown.
    """

    grader: Grader
    subjects: Sequence[Subject]

    def reference(self, sha256: str) -> Image.Image:
        """See `reference_in`."""
        return reference_in(self.subjects, sha256)


def plan_on_rubrics(name: str, entries: Sequence[Entry], subjects: Sequence[Subject]) -> Plan | None:
    """Every reply of posters that have a rubric in the run, and their controls; None where no poster has one."""
    for source in get_args(Source):
        whole = plan(How(name, source, temperature=None), entries, subjects)
        lacking = {unit.id for unit in whole.units if unit.kind == RUBRIC}
        asked = [unit for unit in whole.units if unit.kind == ITEMS]
        items = tuple(unit for unit in asked if read_inputs(ItemsInputs, unit).rubric not in lacking)
        if items:
            why = "no rubric is in the run; a chat model writes one (unispect grade --judge PROVIDER:MODEL)"
            skips = [Skip(f"{len(lacking)} posters", why)] if lacking else []
            return Plan((items,), (*whole.skips, *skips))
    return None


def run(eyes: Eyes, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    """One record per unit, in their order, in the form of a chat judge's."""
    for unit in units:
        made = read_payload(RubricMade, upstream(read_inputs(ItemsInputs, unit).rubric))
        key = Rubric(tuple(made.wanted), tuple(made.unwanted)).key
        questions = [
            Question(id=statement, text=ASKED.format(statement=statement), options=SHOWN)
            for statement in blind_order(key, unit.id)
        ]
        told = eyes.grader.look(rendition(eyes, unit, upstream), questions, unit.id)
        said: dict[str, Shown] = {
            statement: one for one in SHOWN for statement, answer in told.answers.items() if answer == one
        }
        items = [
            to_json(ItemSaid(statement=statement, wanted=wanted, status=said.get(statement), explanation=""))
            for statement, wanted in key.items()
        ]
        kept = to_json(AnswerKept(outcome="parsed", answered_by=eyes.grader.name))
        yield Record(unit.id, {"items": items, "answer": {**kept, **told.kept}})
