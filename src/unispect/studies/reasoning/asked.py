"""What whoever looks is asked of texts and pictures: their own prompt's checklist and another's, mixed.

Nothing says which is which, nor in which condition a picture was drawn. What is right of the other prompt's questions
is chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.core.seeds import seed_for
from unispect.core.typed import read_inputs, read_payload
from unispect.core.units import Entry
from unispect.studies.answers import Written
from unispect.studies.questions import Question, Wanted
from unispect.studies.reasoning.language import of_text
from unispect.studies.reasoning.observed import CONDITIONS, CONTROLLED, Item, items_of, others
from unispect.studies.reasoning.records import OfItem


def asking(entries: Sequence[Entry]) -> Mapping[str, tuple[Question, ...]]:
    """Unit -> its questions, of everything that was finished and not refused."""
    found: dict[str, tuple[Question, ...]] = {}
    for reference in dict.fromkeys(entry.unit.model for entry in entries):
        own = [entry for entry in entries if entry.unit.model == reference]
        items, _ = items_of(own)
        asked_of: dict[str, list[Item]] = {}
        for asked, other in others(list(items.values())).items():
            asked_of.setdefault(other.key, []).append(items[asked])
        for entry in own:
            kind = entry.unit.kind
            if entry.record.status != "done" or kind not in CONDITIONS:
                continue
            if kind == "tell" and read_payload(Written, entry.record).refused:
                continue
            key = read_inputs(OfItem, entry.unit).item
            if key in items:
                lists = [items[key], *(asked_of.get(key, ()) if kind in CONTROLLED else ())]
                found[entry.unit.id] = tuple(_mixed(entry.unit.id, lists, told=kind == "tell"))
    return found


def wanted(entries: Sequence[Entry]) -> Mapping[str, Wanted]:
    """Unit -> which answers to its own prompt's questions would be right; scored by condition."""
    found: dict[str, Wanted] = {}
    for reference in dict.fromkeys(entry.unit.model for entry in entries):
        own = [entry for entry in entries if entry.unit.model == reference]
        items, _ = items_of(own)
        for entry in own:
            if entry.unit.kind in CONDITIONS and (item := items.get(read_inputs(OfItem, entry.unit).item)):
                right = {item.question_id(one): one.expected for one in item.checklist}
                found[entry.unit.id] = Wanted(answers=right, group=CONDITIONS[entry.unit.kind], item=item.key)
    return found


def _mixed(unit: str, items: Sequence[Item], *, told: bool) -> list[Question]:
    """The questions of several prompts, lists in an order of chance that is the unit's own; each list as it stands."""
    ordered = sorted(items, key=lambda item: seed_for(unit, item.key))
    return [
        Question(id=item.question_id(one), text=of_text(one.question) if told else one.question)
        for item in ordered
        for one in item.checklist
    ]
