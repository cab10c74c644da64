"""What graders are asked of drawn prompts: the checklist of the benchmark that a prompt comes from.

Checklists stand in units of their own (`checklist`), beside those that draw: so a run folder holds what its pictures
are to be asked, wherever the benchmark's files have gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.core.typed import read_inputs
from unispect.core.units import Entry, Unit, digest
from unispect.studies.drawing.records import CHECKLIST, ChecklistInputs, Item
from unispect.studies.questions import NO, YES, Question, Wanted
from unispect.studies.states.records import Asked


def asking(entries: Sequence[Entry]) -> Mapping[str, tuple[Question, ...]]:
    """Every drawing whose prompt has a checklist -> its questions."""
    return {
        unit.id: tuple(Question(id=one.id, text=one.question) for one in items)
        for unit, items in _asked(entries).items()
    }


def wanted(entries: Sequence[Entry]) -> Mapping[str, Wanted]:
    """The expected answers; pictures of one prompt stand together."""
    return {unit.id: _wanted(unit, items) for unit, items in _asked(entries).items()}


def _wanted(unit: Unit, items: Sequence[Item]) -> Wanted:
    asked = read_inputs(Asked, unit)
    answers = {one.id: one.expected for one in items if one.expected in (YES, NO)}
    return Wanted(answers=answers, group=asked.group, item=asked.id)


def _asked(entries: Sequence[Entry]) -> dict[Unit, Sequence[Item]]:
    """Finished drawings with their checklists."""
    lists = {
        digest(one.prompt): one.items
        for one in (read_inputs(ChecklistInputs, entry.unit) for entry in entries if entry.unit.kind == CHECKLIST)
    }
    drawn = (entry.unit for entry in entries if entry.unit.kind == "draw" and entry.record.status == "done")
    return {unit: lists[key] for unit in drawn if (key := digest(unit.inputs["prompt"])) in lists}
