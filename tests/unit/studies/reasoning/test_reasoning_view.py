"""Answers become rights, failures and tables; judges stand apart, rules before them, and what is missing is said."""

from dataclasses import replace

import pytest

from tests.helpers.fake_riddles import DATA, entries_of, items, reasoner
from unispect.core.findings import Verdict
from unispect.core.typed import to_json
from unispect.core.units import Grade
from unispect.data import prompts, sources
from unispect.data.checklists import ChecklistItem
from unispect.studies.base import RULES, Options
from unispect.studies.questions import Answers
from unispect.studies.reasoning.asked import asking
from unispect.studies.reasoning.language import read_answer
from unispect.studies.reasoning.observed import Item, rights
from unispect.studies.reasoning.scores import KNOWING, NEITHER, OPEN, RENDERING, TRANSFER, failure
from unispect.studies.reasoning.view import view


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    for module in (sources, prompts):
        monkeypatch.setattr(module, "WORLDS", {**sources.WORLDS, DATA: items})


def left(model, **options):
    return entries_of(model, Options(data=DATA, limit=6, seeds=(0,), **options))


def shown(model, entries):
    return view(entries, {model.card.reference: model.card})


def judged(entries, judge, answer, *, only_rules=False):
    """Entries as somebody else judged them, beside the rules or without."""
    asked = asking(entries)
    found = []
    for entry in entries:
        grades = dict(entry.grades) if only_rules else {}
        if entry.unit.id in asked:
            said = Answers(answers={one.id: answer(one) for one in asked[entry.unit.id]})
            grades[judge] = Grade(entry.unit.id, judge, to_json(said))
        found.append(replace(entry, grades=grades))
    return found


def test_what_depends_on_something_wrong_is_wrong_and_on_something_missing_is_missing():
    asked = [ChecklistItem(id=id, dimension="d", question="?", after=after) for id, after in (("a", ()), ("b", ("a",)))]
    item = Item("k", "k", "g", "p", asked)
    assert rights(item, {"a": "no", "b": "yes"}) == {"a": False, "b": False}
    assert rights(item, {"a": "yes", "b": "yes"}) == {"a": True, "b": True}
    assert rights(item, {"b": "yes"}) == {}
    assert rights(item, {"a": "unclear"}) == {"a": False}
    circle = Item("k", "k", "g", "p", [replace(asked[0], after=("b",)), asked[1]])
    assert rights(circle, {"a": "yes", "b": "yes"}) == {}


def test_a_wrong_picture_is_a_failure_of_what_is_wrong_beside_it():
    cases = {(False, True): KNOWING, (True, True): TRANSFER, (True, False): RENDERING, (False, False): NEITHER}
    assert {said: failure(*said) for said in cases} == cases
    assert {failure(None, True), failure(False, None)} == {OPEN}


def test_replies_are_read_by_their_first_word():
    assert [read_answer(one) for one in ("Yes.", "no, none", "**Yes**", "NO\nbecause", "It is", "")] == [
        "yes",
        "no",
        "yes",
        "no",
        "",
        "",
    ]


def test_whoever_grades_is_asked_both_checklists_and_not_told_which():
    model = reasoner("m")
    entries = left(model)
    asked = asking(entries)
    kinds = {entry.unit.id: entry.unit.kind for entry in entries}
    assert {kinds[id] for id in asked} == {"tell", "draw", "draw-spelled", "draw-thought"}
    sizes = {kind: {len(asked[id]) for id in asked if kinds[id] == kind} for kind in set(kinds.values())}
    assert sizes["draw-spelled"] == {8}
    assert max(sizes["draw"]) >= 16
    assert all(len({one.id for one in own}) == len(own) for own in asked.values())
    told = [asked[id] for id in asked if kinds[id] == "tell"]
    assert all(one.text.startswith("Of the picture that this text describes: ") for own in told for one in own)


def test_rules_answer_first_and_another_judge_alone_where_they_do_not():
    model = reasoner("m", transfers=0.0)
    entries = left(model)
    by_rules = shown(model, entries)
    beside = shown(model, judged(entries, "somebody", lambda one: "no", only_rules=True))
    assert beside.tables == by_rules.tables
    alone = shown(model, judged(entries, "somebody", lambda one: "unclear"))
    (conditions, *_) = alone.tables
    assert {row[1] for row in conditions.rows} == {"somebody"}
    drawn = next(row for row in conditions.rows if row[2] == "draw")
    assert drawn[7].estimate == 0
    assert drawn[8] == 1


def test_two_judges_have_a_table_and_claims_each():
    model = reasoner("m")
    entries = judged(left(model), "kind", lambda one: "yes")
    stern = judged(left(model), "stern", lambda one: "no")
    both = [replace(a, grades={**a.grades, **b.grades}) for a, b in zip(entries, stern, strict=True)]
    section = shown(model, both)
    assert {row[1] for row in section.tables[0].rows} == {"kind", "stern"}
    assert {"transfer-kind", "transfer-stern"} <= {one.id for one in section.findings}


def test_without_spelled_prompts_transfer_cannot_be_told():
    model = reasoner("m", transfers=0.0)
    section = shown(model, left(model, parts=("tell", "draw")))
    found = next(one for one in section.findings if one.id == "transfer")
    assert found.verdict is Verdict.CANNOT_TELL
    assert "spelled" in found.detail
    failures = next(table for table in section.tables if table.id == "failures")
    assert all(row[4] == row[-3] > 0 for row in failures.rows)


def test_nothing_graded_is_said():
    model = reasoner("m")
    entries = [replace(entry, grades={}) for entry in left(model)]
    section = shown(model, entries)
    assert not section.findings
    assert "Nothing here was graded yet" in section.lead
    assert section.cards[0].items[0].marks[0].word == "not graded"


def test_cards_set_all_conditions_side_by_side():
    model = reasoner("m")
    section = shown(model, left(model))
    assert [side.name for side in section.cards[0].sides] == [
        "told",
        "drawn",
        "drawn, spelled out",
        "drawn after writing",
    ]
    assert all(mark.right for item in section.cards[0].items for mark in item.marks)
    assert {item.wanted for item in section.cards[0].items} == {True, False}


def test_models_without_likelihoods_look_by_writing_and_see_the_same():
    """One batch or many, a number or a word."""
    scored, written = reasoner("m"), reasoner("m", without=("score",))
    eyes = [
        next(table for table in shown(model, left(model)).tables if table.id == "eyes") for model in (scored, written)
    ]
    assert eyes[0].rows == eyes[1].rows


def test_batches_change_nothing():
    model = reasoner("m", knows=0.5, renders=0.5)
    options = Options(data=DATA, limit=2, seeds=(0, 1))
    one, many = (entries_of(model, options, batch=batch) for batch in (1, 50))
    assert [entry.record.payload for entry in one] == [entry.record.payload for entry in many]
    assert [entry.record.blobs for entry in one] == [entry.record.blobs for entry in many]
    assert all(RULES in entry.grades for entry in one if entry.unit.kind in ("tell", "draw"))
