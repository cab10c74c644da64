"""The study on a tiny model: what is taken of its states, whatever the batch, and a section of it all."""

import json
from typing import Any

import numpy as np
import pytest

import unispect
from unispect.core.errors import StateError
from unispect.core.prompts import Goal, Prompt, start_of_reply
from unispect.core.typed import to_json
from unispect.core.units import Entry, Unit
from unispect.models.spans import spans
from unispect.studies.alignment import run
from unispect.studies.alignment.outcome import outcome
from unispect.studies.alignment.plan import STUDY, VERSION, plan
from unispect.studies.alignment.prompts import lines_of
from unispect.studies.alignment.records import START, WORDS, Compared, How
from unispect.studies.alignment.run import Taken, procedures
from unispect.studies.alignment.view import view
from unispect.studies.base import Options
from unispect.studies.outcomes import outcome as read
from unispect.studies.registry import STUDIES

HOW = How(k=5, permutations=199)


@pytest.fixture(scope="module")
def model() -> Any:
    return unispect.load("tiny-janus-pro-bound", device="cpu", dtype="float32")


def comparison(model: Any, **asked: Any) -> Unit:
    return Unit(STUDY, VERSION, "compare", model.card.reference, to_json(Compared(**asked)), to_json(HOW))


def test_what_is_taken_are_means_over_a_word_s_prompts(model: Any):
    asked = Compared(lexicon="drawing", contexts=4)
    lines = [line for line in lines_of(asked) if line.goal is Goal.IMAGE and line.item in (0, 9)]
    taken = Taken()
    for start in range(0, len(lines), 3):
        taken.add(model, lines[start : start + 3])
    found = taken.states([0, 9])
    own = [line for line in lines if (line.item, line.wording) == (9, 1)]
    encoded = model.encode([Prompt.of(line.text) for line in own], Goal.IMAGE)
    places = spans(model, encoded, [line.word for line in own])
    for state in model.states(encoded):
        rows = [state.rows[sample][list(where[-1])].mean(0).numpy() for sample, where in enumerate(places)]
        assert np.allclose(found[WORDS, Goal.IMAGE, 1][state.layer][1], np.mean(rows, axis=0), atol=1e-5)
        last = [state.rows[sample][start_of_reply(encoded.segments[sample])].numpy() for sample in range(len(own))]
        assert np.allclose(found[START, Goal.IMAGE, 1][state.layer][1], np.mean(last, axis=0), atol=1e-5)


def test_records_do_not_depend_on_the_batch_and_make_a_section(model: Any, monkeypatch: pytest.MonkeyPatch):
    planned = plan(model.card, Options(limit=2))
    units = [
        unit for unit in planned.units if unit.kind == "attend" and unit.inputs["group"] in ("drawing", "pictures")
    ]
    units += [comparison(model, lexicon=name, contexts=2) for name in ("drawing", "never")]

    def nothing(_: str) -> Any:
        raise AssertionError("nothing before")

    records = [record for unit in units for record in procedures()[unit.kind](model, [unit], nothing)]
    assert {record.status for record in records} == {"done"}
    drawn = [unit for unit in units if unit.kind == "attend" and unit.settings["goal"] == "image"]
    together = list(procedures()["attend"](model, drawn, nothing))
    monkeypatch.setattr(run, "TOGETHER", 5)
    together += list(procedures()["compare"](model, units[-2:], nothing))
    by_id = {record.unit: record for record in records}
    for record in together:
        assert json.dumps(record.payload) == json.dumps(by_id[record.unit].payload)
    entries = [Entry(unit, record) for unit, record in zip(units, records, strict=True)]
    section = view(entries, {model.card.reference: model.card})
    assert [table.id for table in section.tables] == ["likeness", "attention"]
    assert {finding.id.split("-")[0] for finding in section.findings} == {"near", "apart", "beyond"}
    ids = {figure.id for figure in section.figures}
    assert {finding.basis.figure for finding in section.findings} <= ids
    rows = {tuple(row[:3]) for row in section.tables[0].rows}
    assert all(tuple(finding.basis.row) in rows for finding in section.findings)
    told = [read(STUDIES[STUDY], entry) for entry in entries]
    assert all(one.curves for one in told)
    assert {one.per for one in told} == {"words", "prompts"}
    assert outcome(entries[0], told[0]).group == "attention"


def test_texts_are_compared_and_those_that_are_not_read_whole_are_left_out(model: Any):
    names = ("a red plus", "two stars", "a dog", "the sea", "rain", "a blue hat", "ice", "sand", "fire")
    texts = [f"a picture of {name}" for name in names]
    (record,) = procedures()["compare"](
        model, [comparison(model, texts=texts)], lambda _: pytest.fail("nothing before")
    )
    assert record.status == "done", record.error
    assert len(record.payload["items"]) == len(texts)  # type: ignore[arg-type]
    places = {(one["place"], "told" in one) for one in record.payload["likenesses"]}  # type: ignore[union-attr,index]
    assert places == {(WORDS, True), (START, False)}
    show_o = unispect.load("tiny-show-o", device="cpu", dtype="float32")
    long = [*texts, "red " * 300]
    (record,) = procedures()["compare"](show_o, [comparison(show_o, texts=long)], lambda _: pytest.fail("no"))
    assert record.payload["left_out"] == 1
    assert "text 10" not in record.payload["items"]  # type: ignore[operator]


def test_states_that_are_not_numbers_are_said_to_be(model: Any, monkeypatch: pytest.MonkeyPatch):
    def spoiled(encoded: Any) -> Any:
        for state in type(model).states(model, encoded):
            if state.layer == 2:
                for rows in state.rows:
                    rows.fill_(float("nan"))
            yield state

    class Spoiled:
        card, encode, processor, states = model.card, model.encode, model.processor, staticmethod(spoiled)

    taken = Taken()
    lines = [line for line in lines_of(Compared(lexicon="drawing", contexts=2)) if line.goal is Goal.TEXT][:2]
    with pytest.raises(StateError, match="layer 2 are not finite"):
        taken.add(Spoiled, lines)  # type: ignore[arg-type]
    (record,) = procedures()["compare"](Spoiled, [comparison(model, lexicon="drawing", contexts=2)], lambda _: None)  # type: ignore[arg-type,return-value]
    assert (record.status, "layer 2" in record.error) == ("failed", True)
