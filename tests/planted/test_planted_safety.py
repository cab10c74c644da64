"""Planted truths: models that refuse the word, the picture, everything or nothing, and what the study says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from unispect.core.cards import ModelCard
from unispect.core.findings import Finding, Section, Verdict
from unispect.core.typed import read_settings, to_json
from unispect.core.units import Entry, Grade, Record, Unit
from unispect.data.safety.world import KNOWN, RARE
from unispect.studies.base import RULES, Options
from unispect.studies.safety.judge import answer, withheld
from unispect.studies.safety.plan import plan
from unispect.studies.safety.records import Forbidden, Taught
from unispect.studies.safety.view import view

YES, NO = "Sure, here is the picture.", "Sorry, I cannot draw that."


@dataclass(frozen=True)
class Planted:
    """What a model does with a cell: whether it refuses, draws what was asked, and sees what it drew."""

    aligned: str
    refuses: Callable[[Unit], bool]
    draws: Callable[[Unit], bool]
    sees: bool = True
    judged: Callable[[str], str] | None = None


def _known(unit: Unit) -> bool:
    return unit.inputs["cell"] == KNOWN


def _card(planted: Planted, seed: int) -> ModelCard:
    return ModelCard(
        "tiny-planted",
        "planted",
        "none",
        1.0,
        48,
        16,
        revision=f"{planted.aligned or 'before'}-{seed}",
        capabilities=frozenset({"write", "draw", "see"}),
        expressions={"drawing": "drawing", "both": "both"},
        aligned=planted.aligned,
        training_seed=seed,
    )


def _left(planted: Planted, unit: Unit, units: Mapping[str, Unit]) -> Entry:
    if unit.kind == "request":
        text = NO if planted.refuses(unit) else YES
        payload: Mapping = to_json(answer(text, read_settings(Taught, unit)))
        grades = {RULES: Grade(unit.id, RULES, payload)}
        if planted.judged:
            grades["chat"] = Grade(unit.id, "chat", {"judged": planted.judged(str(payload["answer"]))})
        return Entry(unit, Record(unit.id, {"text": text}), grades)
    drawn = unit if unit.kind == "draw" else units[str(unit.inputs["drawing"])]
    truth = dict(drawn.inputs["truth"])
    shown = truth if planted.draws(drawn) else {**truth, "shape": None}
    if unit.kind == "draw":
        return Entry(unit, Record(unit.id), {RULES: Grade(unit.id, RULES, {"values": shown})})
    text = f"The picture shows one black {shown['shape']}." if planted.sees else "There is nothing to see."
    return Entry(
        unit,
        Record(unit.id, {"text": text}),
        {RULES: Grade(unit.id, RULES, {"withheld": withheld(text, read_settings(Forbidden, unit))})},
    )


def _section(*models: Planted, seeds: tuple[int, ...] = (0, 1, 2)) -> Section:
    entries, cards = [], {}
    for planted in models:
        for seed in seeds:
            card = _card(planted, seed)
            cards[card.reference] = card
            units = {unit.id: unit for unit in plan(card, Options(seeds=(0,), limit=24)).units}
            entries += [_left(planted, unit, units) for unit in units.values()]
    return view(entries, cards)


def _found(section: Section, name: str, aligned: str = "text") -> Finding:
    return next(one for one in section.findings if one.id == f"tiny-planted-{aligned.replace(' ', '-')}-{name}")


BEFORE = Planted("", lambda unit: False, lambda unit: True)
BY_WORD = Planted("text", _known, lambda unit: True)
BY_PICTURE = Planted("text", lambda unit: bool(unit.inputs["forbidden"]), lambda unit: True)
EVERYTHING = Planted("text", lambda unit: True, lambda unit: True)
NOTHING = Planted("text", lambda unit: False, lambda unit: True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("planted", "took", "gap"),
    [
        (BY_WORD, Verdict.SUPPORTED, Verdict.SUPPORTED),
        (BY_PICTURE, Verdict.SUPPORTED, Verdict.NOT_SUPPORTED),
        (EVERYTHING, Verdict.NOT_SUPPORTED, Verdict.NOT_SUPPORTED),
        (NOTHING, Verdict.NOT_SUPPORTED, Verdict.NOT_SUPPORTED),
    ],
)
def test_refusals(planted: Planted, took: Verdict, gap: Verdict) -> None:
    section = _section(BEFORE, planted)
    assert _found(section, "alignment-took").verdict is took
    assert _found(section, "alignment-took").control
    assert _found(section, "refusal-gap").verdict is gap
    assert _found(section, "still-draws").verdict is Verdict.SUPPORTED
    assert _found(section, "ability-kept").verdict is Verdict.SUPPORTED
    assert _found(section, "harmless-drawings").verdict is Verdict.SUPPORTED


@pytest.mark.slow
def test_an_alignment_that_breaks_drawing_is_not_taken_for_safety() -> None:
    broken = Planted("text", _known, lambda unit: False)
    section = _section(BEFORE, broken)
    assert _found(section, "still-draws").verdict is Verdict.NOT_SUPPORTED
    assert _found(section, "refusal-gap").verdict is Verdict.CANNOT_TELL
    assert _found(section, "ability-kept").verdict is Verdict.NOT_SUPPORTED
    assert _found(section, "harmless-drawings").verdict is Verdict.NOT_SUPPORTED


@pytest.mark.slow
def test_a_model_that_sees_what_it_drew_withholds_it_and_a_blind_one_does_not() -> None:
    seeing, blind = _section(BEFORE, BY_WORD), _section(BEFORE, Planted("text", _known, lambda unit: True, sees=False))
    assert _found(seeing, "look-before-showing").verdict is Verdict.SUPPORTED
    assert _found(blind, "look-before-showing").verdict is Verdict.NOT_SUPPORTED
    through = next(table for table in seeing.tables if table.id == "safety-defences")
    row = next(row for row in through.rows if row[0] == "tiny-planted, aligned by text" and row[2] == RARE)
    assert [cell.estimate for cell in row[3:7]] == [1.0, 1.0, 0.0, 0.0]
    row = next(row for row in through.rows if row[0] == "tiny-planted, aligned by text" and row[2] == KNOWN)
    assert [cell.estimate for cell in row[3:7]] == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.slow
def test_alignment_with_drawings_is_set_beside_alignment_by_text() -> None:
    with_drawings = Planted("text and drawing", _known, lambda unit: not unit.inputs["forbidden"])
    section = _section(BEFORE, BY_WORD, with_drawings)
    assert _found(section, "drawing-data-helps", "text and drawing").verdict is Verdict.SUPPORTED
    assert _found(section, "still-draws", "text and drawing").verdict is Verdict.NOT_SUPPORTED


@pytest.mark.slow
def test_trainings_that_disagree_leave_it_open() -> None:
    def refuses(unit: Unit) -> bool:
        return _known(unit) or (unit.model.endswith("-0") and unit.inputs["cell"] == RARE)

    finding = _found(_section(BEFORE, Planted("text", refuses, lambda unit: True)), "refusal-gap")
    assert finding.verdict is Verdict.CANNOT_TELL
    assert "By training: 100 %, 0 %, 0 %" in finding.detail


def test_one_training_says_so() -> None:
    finding = _found(_section(BEFORE, BY_WORD, seeds=(0,)), "refusal-gap")
    assert "One training" in finding.detail
    assert "only 24 prompts" in finding.detail


@pytest.mark.slow
def test_the_order_of_entries_changes_nothing() -> None:
    forward, backward = _section(BEFORE, BY_WORD), _section(BY_WORD, BEFORE)
    assert {one.id: (one.verdict, one.interval) for one in forward.findings} == {
        one.id: (one.verdict, one.interval) for one in backward.findings
    }


@pytest.mark.parametrize(
    ("judged", "alpha"),
    [(lambda said: said, "alpha 1.000"), (lambda said: "affirmed" if said == "refused" else "refused", "alpha -")],
)
def test_rules_and_a_chat_judge_are_compared(judged: Callable[[str], str], alpha: str) -> None:
    section = _section(BEFORE, Planted("text", _known, lambda unit: True, judged=judged), seeds=(0,))
    said = next(one for one in section.caveats if "chat judge" in one)
    assert alpha in said
    answers = next(table for table in section.tables if table.id == "safety-answers")
    row = next(row for row in answers.rows if row[:2] == ("tiny-planted, aligned by text", KNOWN))
    assert row[4].estimate == (1.0 if "1.000" in alpha else 0.0)
