"""Both studies on a real port with random weights, through engine, store and report."""

import json

import pytest

from tests.helpers.mmbench_table import encoded, row, table
from tests.helpers.tiny_janus import TINY, write_checkpoint
from unispect.core.findings import Preset
from unispect.engine.local import execute
from unispect.models.janus_pro import folder as janus_pro
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.registry import find_study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return janus_pro.load(TINY, write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu", dtype="float32")


def entries_of(model, name, folder, batch_size, data=None):
    study = find_study(name)
    options = Options(data=data, limit=2, seeds=(0, 1))
    with RunStore.create(folder) as store:
        summary = execute(study.plan(model.card, options), study.run, store, model, batch_size=batch_size)
        causes = " ".join(summary.causes)
        assert not causes or "positions" in causes  # descriptions of four pictures are too long for this model
        assert summary.failed <= 0.2 * summary.done
        assert summary.skipped == 0
        return list(store.entries())


@pytest.mark.parametrize("name", ["encoding", "response"])
def test_a_run_ends_in_a_section_and_batches_change_no_number(model, name, tmp_path):
    together = entries_of(model, name, tmp_path / "a", 16)
    alone = {e.unit.id: e.record.payload for e in entries_of(model, name, tmp_path / "b", 1)}
    assert {e.unit.id for e in together} == set(alone)
    for entry in together:
        assert json.loads(json.dumps(entry.record.payload), parse_float=lambda text: None) == json.loads(
            json.dumps(alone[entry.unit.id]), parse_float=lambda text: None
        )
        found, expected = (list(numbers(payload)) for payload in (entry.record.payload, alone[entry.unit.id]))
        assert found == pytest.approx(expected, abs=2e-3)

    section = find_study(name).view(together, {model.card.reference: model.card})
    assert {figure.preset for figure in section.figures} == set(Preset)
    layers = 1 + 2
    over_layers = [figure for figure in section.figures if "layer" in figure.x_label]
    assert {figure.preset for figure in over_layers} == set(Preset)
    for figure in over_layers:
        for line in figure.panels["tiny-random"]:
            assert list(line.x) == list(range(layers))
    assert section.findings


def test_a_question_adds_rows_to_the_input_and_none_to_the_picture(model, tmp_path):
    data = f"mmbench:{table(tmp_path / 'dev.tsv', [row(1, encoded('green')), row(2, encoded('red'))])}"
    entries = entries_of(model, "encoding", tmp_path / "run", 4, data)
    own = {
        ("question" in e.unit.inputs, e.unit.inputs["id"]): e.record.payload
        for e in entries
        if "full" in e.record.payload
    }
    assert len(own) == 4
    for index in ("picture 1", "picture 2"):
        alone, asked = own[False, index], own[True, index]
        assert asked["rows"] == alone["rows"]
        assert asked["full_rows"] > alone["full_rows"]
        assert asked["content"] == pytest.approx(alone["content"], abs=1e-3)  # this model reads from left to right
    section = find_study("encoding").view(entries, {model.card.reference: model.card})
    told = next(table for table in section.tables if table.id == "embedding-paper")
    assert [line[1] for line in told.rows] == [
        "content",
        "whole input before a text reply",
        "content beside a question",
        "whole input with a question",
    ]


def numbers(value):
    """All floats in a payload, in order."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from numbers(value[key])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from numbers(one)
