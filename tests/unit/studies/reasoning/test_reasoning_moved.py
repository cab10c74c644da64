"""Telling with drawing's states of the same words: what is put where, what it keeps, and what is said of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import unispect
from unispect.core.findings import Verdict
from unispect.core.prompts import Goal, Prompt
from unispect.core.typed import read_inputs, read_payload, to_json
from unispect.core.units import Entry, Record, Unit
from unispect.models.edits import Edit, Replace
from unispect.models.spans import spans
from unispect.studies.base import Options
from unispect.studies.decisions import settled
from unispect.studies.headline.joined import moved as divergence
from unispect.studies.reasoning import study
from unispect.studies.reasoning.claims import moved
from unispect.studies.reasoning.exchange import rows_of
from unispect.studies.reasoning.moving import STATES, Told, carried, figure, right, told_of
from unispect.studies.reasoning.observed import Seen
from unispect.studies.reasoning.plan import plan
from unispect.studies.reasoning.records import MOVED, OTHER, OTHER_MOVED, RANDOM, Moved, MovedInputs
from unispect.studies.reasoning.view import view

OPTIONS = Options(data="world-riddles-riddle", limit=2, seeds=(0,), parts=("move",))
LAYERS = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def model() -> Any:
    return unispect.load("tiny-janus-pro", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def units(model: Any) -> list[Unit]:
    return [unit for unit in plan(model.card, OPTIONS).units if unit.kind == "tell-moved"]


@pytest.fixture(scope="module")
def records(model: Any, units: list[Unit]) -> list[Record]:
    return list(study.run(model, units, lambda unit: pytest.fail("no unit builds on another")))


def test_answers_are_the_spelled_prompt_the_wrong_value_and_another_prompt(units: list[Unit]):
    one, other = (read_inputs(MovedInputs, unit) for unit in units)
    spelled, wrong, apart = one.answers
    assert len(set(spelled.split()) ^ set(wrong.split())) == 2
    assert apart == other.answers[0]
    assert one.words in one.prompt
    assert [(source.kind, source.goal) for source in one.sources] == [
        (MOVED, Goal.IMAGE),
        (OTHER, Goal.TEXT),
        (OTHER_MOVED, Goal.IMAGE),
    ]
    assert one.sources[0].words == one.words
    assert one.sources[1].words == other.words


def test_models_and_sources_that_lack_something_are_left_out_in_words(model: Any):
    deaf = replace(model.card, capabilities=model.card.capabilities - {"intervene"})
    found = plan(deaf, replace(OPTIONS, parts=("tell", "move")))
    assert {unit.kind for unit in found.units} == {"item", "tell"}
    assert ("move", f"{model.card.id} cannot intervene") in [(skip.what, skip.reason) for skip in found.skips]


def test_prompts_that_say_all_plainly_are_left_out(model: Any):
    both = replace(OPTIONS, data=("world-riddles-plain", "world-riddles-riddle"))
    found = plan(model.card, both)
    assert sum(unit.kind == "tell-moved" for unit in found.units) == 2
    (skip,) = [skip for skip in found.skips if skip.what.startswith("move")]
    assert skip.what == "move, of 2 of 4 prompts"


def test_a_patch_is_what_an_edit_by_hand_gives(model: Any, units: list[Unit], records: list[Record]):
    """Of the first prompt, layer 2, drawing's states of the same words, and of another prompt's."""
    one, left = read_inputs(MovedInputs, units[0]), read_payload(Moved, records[0])
    for source in (one.sources[0], one.sources[2]):
        drawn = model.encode([Prompt.of(source.prompt)], Goal.IMAGE)
        (state,) = [state for state in model.states(drawn) if state.layer == 2]
        theirs = state.rows[0][list(spans(model, drawn, [source.words])[0][-1])]
        told = model.encode([Prompt.of(one.prompt)], Goal.TEXT)
        at = list(spans(model, told, [one.words])[0][-1])
        count = min(len(at), len(theirs))
        assert left.rows[source.kind] == count
        edit = Edit(2, at[-count:], Replace(theirs[-count:]))
        (scores,) = model.score(told, [one.answers], edits=[[edit]])
        found = torch.tensor(left.told[source.kind][left.layers.index(2)])
        assert torch.allclose(scores, found, atol=1e-3)


def test_own_states_change_nothing_and_layer_0_holds_the_words_alone(records: list[Record], units: list[Unit]):
    for record in records:
        left = read_payload(Moved, record)
        assert left.same
        assert left.layers[0] == 0
        assert left.rows[MOVED] == left.length == left.rows[RANDOM]
        assert left.told[MOVED][0] == pytest.approx(left.unpatched, abs=1e-3)
        assert left.told[RANDOM][0] != pytest.approx(left.unpatched, abs=1e-3)


def test_batches_change_nothing(model: Any, units: list[Unit], records: list[Record]):
    alone = [next(study.run(model, [unit], lambda unit: pytest.fail("none"))) for unit in units]
    for one, other in zip(alone, records, strict=True):
        ours, theirs = read_payload(Moved, one), read_payload(Moved, other)
        assert ours.rows == theirs.rows
        for kind in ours.told:
            assert np.allclose(ours.told[kind], theirs.told[kind], atol=1e-3)


def test_states_of_every_run_are_taken_once_at_its_words(model: Any, units: list[Unit]):
    keys = [
        (source.goal, source.prompt, source.words)
        for unit in units
        for source in read_inputs(MovedInputs, unit).sources
    ]
    rows = rows_of(model, [*keys, *keys], [0, 3])
    assert len(rows) == len(set(keys))
    assert all(len(own) == 2 for own in rows.values())
    assert all(torch.isfinite(layer).all() for own in rows.values() for layer in own)


def told(own: float, moved: float, other: float, *, read_until: int = 3) -> Told:
    """A prompt whose words are read at layers up to `read_until`; above, nothing that stands there matters."""

    def put(value: float) -> Any:
        return np.array([[value if 0 < layer <= read_until else own, value - 0.5] for layer in LAYERS])

    kinds = {MOVED: put(moved), OTHER: put(other), OTHER_MOVED: put(other), RANDOM: put(0.0)}
    return Told(LAYERS, np.array([own, own - 0.5]), kinds, 7, True)


def judged(prompts: list[Told]) -> Verdict:
    seen = Seen("m", "m", "rules", {}, {}, {}, {}, {}, moved={str(n): one for n, one in enumerate(prompts)})
    found = moved(seen)
    assert found is not None
    return settled([found])[0].verdict


def some(rng: np.random.Generator, own: float, kept: float, count: int = 40, **how: int) -> list[Told]:
    """Prompts told right as often as said, with drawing's states as often as `kept` of that, else never."""
    found = []
    for _ in range(count):
        right = float(rng.random() < own)
        found.append(told(right, right * float(rng.random() < kept), 0.0, **how))
    return found


def test_planted_truth():
    rng = np.random.default_rng(0)
    assert judged(some(rng, 0.95, 0.95)) is Verdict.SUPPORTED
    assert judged(some(rng, 0.95, 0.05)) is Verdict.NOT_SUPPORTED
    assert judged(some(rng, 0.95, 0.95, read_until=1)) is Verdict.SUPPORTED
    assert judged(some(rng, 0.95, 0.5)) is Verdict.CANNOT_TELL


def test_nothing_is_said_where_nothing_is_told_or_nothing_is_read_at_the_words():
    assert judged([told(0.0, 0.0, 0.0)] * 40) is Verdict.CANNOT_TELL
    assert judged([told(1.0, 1.0, 1.0)] * 40) is Verdict.CANNOT_TELL
    assert judged(some(np.random.default_rng(1), 0.95, 0.95, read_until=0)) is Verdict.CANNOT_TELL


def test_luck_says_little():
    """Where exactly half is kept, either verdict is one too many: at most 1 in 20 of 200."""
    found = 0
    for seed in range(200):
        found += judged(some(np.random.default_rng([2, seed]), 0.9, 0.5, 60)) is not Verdict.CANNOT_TELL
    assert found <= 10


def test_what_is_kept_is_a_share_of_what_is_read():
    prompts = {str(n): told(1.0, 0.75, 0.5) for n in range(20)}
    found = carried(prompts)
    assert found is not None
    assert found.read.estimate == pytest.approx(0.5)
    assert found.share.estimate == pytest.approx(0.5)
    assert carried({}) is None


def test_ties_are_shared_and_what_is_no_number_is_left_out(units: list[Unit]):
    def entry(unpatched: list[float]) -> Entry:
        rows = [[-1.0, -2.0, -3.0]] * len(LAYERS)
        kinds: dict[str, list[list[float]]] = dict.fromkeys(STATES, rows)
        left = Moved(layers=LAYERS, length=3, rows=dict.fromkeys(kinds, 3), same=True, unpatched=unpatched, told=kinds)
        return Entry(units[0], Record(units[0].id, to_json(left)))

    ((_, one),) = told_of([entry([-1.0, -1.0, -5.0])]).items()
    assert one.own[0] == 0.5
    assert told_of([entry([-1.0, float("nan"), -5.0])]) == {}


def test_divergence_of_a_prompt_is_what_its_answer_loses():
    seen = Seen("m", "m", "rules", {}, {}, {}, {}, {}, moved={"a": told(1.0, 0.25, 0.0), "b": told(1.0, 1.0, 0.0)})
    (found,) = divergence(seen)
    assert found.values["a"] == pytest.approx(0.75)
    assert found.values["b"] == 0.0
    assert found.lengths == {"a": 7.0, "b": 7.0}


def test_the_section_has_a_row_and_a_line_for_whatever_stands_there(
    model: Any, units: list[Unit], records: list[Record]
):
    entries = [Entry(unit, record) for unit, record in zip(units, records, strict=True)]
    section = view(entries, {model.card.reference: model.card})
    (table,) = [table for table in section.tables if table.id == "moved"]
    assert len(table.rows) == 5
    (plot,) = section.figures
    assert [line.label for line in plot.panels["tiny-janus-pro"]] == [row[1] for row in table.rows]
    assert all(len(line.x) == max(line.x) for line in plot.panels["tiny-janus-pro"])
    assert figure({"nobody": {}}) is None
    found = right({str(n): told(1.0, 0.0, 0.0) for n in range(20)}, MOVED)
    assert 0 <= found.low <= found.high <= 1
