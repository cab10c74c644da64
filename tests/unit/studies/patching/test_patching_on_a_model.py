"""Patching and steering on an organism: what is put where, controls that are exact, batches that change nothing."""

from dataclasses import replace
from typing import Any

import pytest
import torch

import unispect
from unispect.core.prompts import Goal, Prompt
from unispect.core.typed import read_grade, read_inputs, read_payload
from unispect.core.units import Entry, Record, Unit
from unispect.models.edits import Edit, Replace
from unispect.models.spans import spans
from unispect.studies.base import RULES, Options
from unispect.studies.outcomes import outcome
from unispect.studies.patching import study
from unispect.studies.patching.judge import judge
from unispect.studies.patching.observed import credit, credits_of
from unispect.studies.patching.plan import plan
from unispect.studies.patching.records import (
    IDENTITY,
    LAST,
    MOVED,
    RANDOM,
    UNPATCHED,
    UNRELATED,
    WORD,
    DrawPatched,
    Patched,
    PatchedTelling,
    Shown,
    SteeredTelling,
    TellPatched,
    picture_of,
)
from unispect.studies.patching.taken import directions, key_of, rows_of
from unispect.studies.patching.view import view

OPTIONS = Options(limit=1, seeds=(0,))


@pytest.fixture(scope="module")
def model() -> Any:
    return unispect.load("tiny-janus-pro-bound", device="cpu", dtype="float32")


def nothing(unit: str) -> Record:
    """No unit builds on another."""
    raise AssertionError(unit)


def units(model: Any, kind: str, lexicon: str, count: int = 1) -> list[Unit]:
    every = [unit for unit in plan(model.card, OPTIONS).units if unit.kind == kind]
    return [unit for unit in every if unit.inputs["lexicon"] == lexicon][:count]


def few(unit: Unit, **settings: Any) -> Unit:
    """The unit with fewer layers and, but for real words, sources."""
    inputs = {**unit.inputs}
    if "sources" in inputs and inputs["lexicon"] == "drawing":
        inputs["sources"] = [source for source in inputs["sources"] if source["kind"] in (MOVED, UNRELATED)]  # type: ignore[index, union-attr]
    return replace(unit, inputs=inputs, settings={**unit.settings, "most_layers": 2, **settings})


def test_moved_states_are_those_of_the_drawing_prompt_at_the_word(model: Any):
    (unit,) = units(model, "patch-tell", "drawing")
    (record,) = study.run(model, [unit], nothing)
    asked, left = read_inputs(TellPatched, unit), read_payload(PatchedTelling, record)
    assert left.same
    assert left.layers == [0, 1, 2, 3, 4, 5]
    source = next(one for one in asked.sources if one.kind == MOVED)
    drawing = model.encode([Prompt.of(source.prompt)], Goal.IMAGE)
    ((there,),) = spans(model, drawing, [source.word])
    states = [state.rows[0][list(there)].clone() for state in model.states(drawing)]
    question = model.encode([Prompt.of(asked.question)], Goal.TEXT)
    ((here,),) = spans(model, question, [asked.word])
    assert left.rows[MOVED][WORD] == len(here) == len(there)
    for layer in (1, 4):
        edit = Edit(layer, list(here), Replace(states[layer]))
        (expected,) = model.score(question, [asked.answers], edits=[[edit]])
        assert left.told[MOVED][WORD][layer] == pytest.approx(expected.tolist(), abs=2e-4)
    (plain,) = model.score(question, [asked.answers])
    assert left.unpatched == pytest.approx(plain.tolist(), abs=2e-4)
    assert left.told[RANDOM][LAST][5] != pytest.approx(left.unpatched, abs=1e-2)


def test_a_batch_changes_no_record(model: Any):
    some = [few(unit) for unit in units(model, "patch-tell", "both", 3)]
    together = list(study.run(model, some, None))  # type: ignore[arg-type]
    alone = [next(study.run(model, [unit], nothing)) for unit in some]
    assert [one.payload for one in together] == [one.payload for one in alone]


def test_random_rows_are_as_long_as_those_they_stand_for(model: Any):
    from unispect.studies.states.edited import as_long

    (unit,) = units(model, "patch-tell", "drawing")
    sources = read_inputs(TellPatched, unit).sources
    rows = rows_of(model, [key_of(source) for source in sources], [2])
    values = rows[key_of(sources[0])][WORD][0]
    random = as_long(values, unit.id, 1)
    torch.testing.assert_close(random.norm(dim=-1), values.norm(dim=-1))
    assert torch.equal(random, as_long(values, unit.id, 1))
    assert not torch.equal(random, as_long(values, unit.id, 2))
    assert abs(float(torch.nn.functional.cosine_similarity(random, values).mean())) < 0.5


@pytest.mark.slow
def test_pictures_of_a_word_are_drawn_by_one_seed_and_late_states_of_it_are_read_by_nothing(model: Any):
    (first,) = units(model, "patch-draw", "drawing")
    unit = few(first)
    (record,) = study.run(model, [unit], nothing)
    left = read_payload(Patched, record)
    assert left.same
    assert left.layers == [0, 5]
    names = {picture_of(kind, place, layer) for kind, own in left.rows.items() for place in own for layer in (0, 5)}
    assert set(record.pictures) == names | {UNPATCHED}
    plain = record.pictures[UNPATCHED]
    assert record.pictures[picture_of(RANDOM, WORD, 5)] == plain  # no block follows that reads them
    assert record.pictures[picture_of(RANDOM, LAST, 5)] != plain
    assert record.pictures[picture_of(MOVED, WORD, 0)] == plain  # the same tokens
    grade = judge(unit, record, lambda sha256: b"")
    assert grade is not None
    shown = read_grade(Shown, grade).values
    concept = read_inputs(DrawPatched, unit).concept
    assert set(shown) == set(record.pictures)
    assert sum(shown[UNPATCHED][name] == value for name, value in concept.items()) >= 3
    credits = credits_of(Entry(unit, record, {RULES: grade}))
    assert (
        credits[UNPATCHED, "own"]
        == credits[MOVED, "own", WORD, 0]
        == float(shown[UNPATCHED]["shape"] == concept["shape"])
    )
    assert IDENTITY not in record.pictures


def test_directions_are_differences_of_means_and_add_up_to_nothing(model: Any):
    along = directions(model, Goal.TEXT, [1, 3], 28)
    assert len(along) == 22
    shapes = [own for (attribute, _), own in along.items() if attribute == "shape"]
    assert torch.stack([own[1] for own in shapes]).sum(dim=0).abs().max() < 1e-3
    assert shapes[0][0].shape == (128,)


def test_directions_steer_what_is_told(model: Any):
    (first,) = units(model, "steer-tell", "real")
    unit = replace(first, settings={**first.settings, "most_layers": 6, "scales": [1.0, 4.0], "origins": ["text"]})
    (record,) = study.run(model, [unit], nothing)
    left = read_payload(SteeredTelling, record)
    assert left.layers == [0, 1, 2, 3, 4, 5][: len(left.layers)]
    towards = unit.inputs["answers"].index(unit.inputs["towards"])  # type: ignore[union-attr]
    before = left.unsteered[0]
    assert credit(before, towards) == 0
    gained = [scores[towards] - before[towards] for doses in left.told["text"][WORD][:2] for scores in doses]
    noise = [scores[towards] - before[towards] for doses in left.random["text"][WORD][:2] for scores in doses]
    assert max(gained) > max(noise)


@pytest.mark.slow
def test_a_section_has_findings_tables_maps_and_curves(model: Any):
    some = [
        few(unit)
        for kind, lexicons in (
            ("patch-tell", ("real", "drawing", "never")),
            ("patch-draw", ("drawing",)),
        )
        for lexicon in lexicons
        for unit in units(model, kind, lexicon, 3)
    ]
    steered = [
        replace(unit, settings={**unit.settings, "most_layers": 2, "scales": [1.0], "origins": ["text"]})
        for unit in units(model, "steer-tell", "real", 3)
    ]
    entries = []
    for unit in [*some, *steered]:
        (record,) = study.run(model, [unit], nothing)
        grade = judge(unit, record, lambda sha256: b"")
        entries.append(Entry(unit, record, {} if grade is None else {RULES: grade}))
    section = view(entries, {model.card.reference: model.card})
    ids = [one.id for one in section.findings]
    assert "moved-at-text-drawing" in ids
    assert "identity-image" in ids
    assert "steered-text-text-real" in ids
    assert {table.id for table in section.tables} == {"moved", "steered"}
    assert {figure.id for figure in section.figures} >= {"moved-text-drawing", "moved-image-drawing", "doses-text"}
    assert section.family
    said = [outcome(study, entry) for entry in entries]
    assert {one.group for one in said} == {"told, patched", "drawn, patched", "told, steered"}
    assert all(one.curves and one.about for one in said)
    assert {one.credit for one in said if one.group == "told, patched"} == {0.0, 1.0}
