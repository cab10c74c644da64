"""The response study on states whose dependence is known: plan, run and view give it back."""

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.planted_states import CARD, FAR, HALF_MEDIAN, Planted, entropy
from unispect.core.encoded import LAST
from unispect.core.findings import Preset, Verdict
from unispect.core.prompts import Goal
from unispect.engine.local import execute
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.response import study
from unispect.studies.response.plan import plan, steps_of
from unispect.studies.response.traces import STEPS, traces_of
from unispect.studies.response.view import view

pytestmark = pytest.mark.slow

N, M_TEXT, M_IMAGE = 32, 32, 64
ECHO = {Goal.TEXT: (0.0, 0.5, 1.0), Goal.IMAGE: (1.0, 1.0, 1.0)}
MODEL = {
    "rows": {"text": N, "image": N},
    "distinct": {"text": (N, N, N), "image": (N, N, N)},
    "echo": ECHO,
    "reply_rows": {Goal.TEXT: M_TEXT, Goal.IMAGE: M_IMAGE},
}


def measure(folder, model, letters="abcd", batch_size=3, **options):
    """Every reply is held against every other prompt: nine prompts cost six times what four do."""
    texts = folder / "prompts.txt"
    folder.mkdir(exist_ok=True)
    texts.write_text("\n".join(f"prompt {letter}" for letter in letters))
    with RunStore.create(folder / "r") as store:
        options = {"data": f"text:{texts}", "seeds": (0, 1), **options}
        summary = execute(plan(model.card, Options(**options)), study.run, store, model, batch_size=batch_size)
        return list(store.entries()), summary


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    return measure(tmp_path_factory.mktemp("run"), Planted(**MODEL), "abcdefghi")[0]


def items(entries, preset, task):
    return [
        item
        for entry in entries
        if entry.unit.kind == "probe" and (entry.unit.settings["preset"], entry.unit.settings["task"]) == (preset, task)
        for item in entry.record.payload["items"]
    ]


def joint(m, echo, coupling):
    """Bits of a prompt of N distinct rows and a reply that repeats them in turn, then says other things."""
    echoed = round(m * echo)
    counts = [1 + echoed // N + (i < echoed % N) for i in range(N)]
    return entropy([*counts, *[1] * (m - echoed)], coupling)


def test_replies_and_seeds(entries):
    replies = [entry for entry in entries if entry.unit.kind == "reply"]
    assert sorted((e.unit.settings["task"], e.unit.seed) for e in replies) == sorted(
        [("write", 0)] * 9 + [("draw", 0)] * 9 + [("draw", 1)] * 9
    )
    drawn = [entry for entry in replies if entry.unit.settings["task"] == "draw"]
    assert all(set(entry.record.blobs) == {"drawn"} for entry in drawn)
    assert len({entry.record.payload["seed"] for entry in drawn}) == 18


def test_the_published_proxy_is_the_planted_one(entries):
    for task, m, echo in (("write", M_TEXT, ECHO[Goal.TEXT]), ("draw", M_IMAGE, ECHO[Goal.IMAGE])):
        found = items(entries, "paper", task)
        assert len(found) == (9 if task == "write" else 18)
        for item in found:
            assert (item["n"], item["m"]) == (N, m)
            assert item["length_term"] == pytest.approx(math.log2(1 + m / N), abs=1e-6)
            expected = [joint(m, share, FAR) - math.log2(N) for share in echo]
            assert item["P"] == pytest.approx(expected, abs=1e-4)
    first = items(entries, "paper", "write")[0]
    assert first["P"][0] == pytest.approx(first["length_term"], abs=1e-6)  # nothing shared: length is all there is
    assert first["P"][2] == pytest.approx(0, abs=1e-6)


def test_the_matched_measures_are_the_planted_ones(entries):
    (calibration,) = [entry for entry in entries if entry.unit.kind == "calibrate"]
    assert calibration.record.payload["k"] == 32
    assert calibration.record.payload["shared"] == pytest.approx([500.0] * 3, rel=1e-4)
    alone = entropy([1] * N, HALF_MEDIAN)
    apart = entropy([1] * 2 * N, HALF_MEDIAN) - alone
    for item in items(entries, "controlled", "write"):
        assert item["P_k"] == pytest.approx([apart, joint(N, 0.5, HALF_MEDIAN) - alone, 0.0], abs=1e-4)
        assert item["G"][0] == pytest.approx(0, abs=1e-4)
        # every row of the reply is the prompt's own, while replies to other prompts share none of them
        assert item["G"][2] == pytest.approx(apart, abs=1e-4)
        assert item["J"] == pytest.approx(
            [
                entropy([1] * 2 * N, HALF_MEDIAN) - alone,
                joint(N, 0.5, HALF_MEDIAN) - alone,
                0.0,
            ],
            abs=1e-4,
        )
    for item in items(entries, "controlled", "draw"):
        assert item["J"] == pytest.approx([0.0] * 3, abs=1e-4)
        assert all(gain > 0.2 for gain in item["G"])


def test_the_view_returns_curves_and_verdicts(entries):
    section = view(entries, {})
    figures = {figure.id: figure for figure in section.figures}
    assert set(figures) == {"P-paper", "G-controlled", "P_k-controlled", "J-controlled", "offset"}
    assert all(figure.preset is not None for figure in section.figures)
    lines = {line.label: line for line in figures["P-paper"].panels["planted"]}
    assert list(lines["text replies"].y) == pytest.approx(
        [joint(M_TEXT, share, FAR) - math.log2(N) for share in ECHO[Goal.TEXT]], abs=1e-4
    )
    assert list(lines["text replies, log2(1 + m/n)"].y) == pytest.approx([1.0] * 3)
    assert lines["text replies, log2(1 + m/n)"].dash

    found = {finding.id: finding for finding in section.findings}
    assert found["gain-write-planted"].verdict is Verdict.SUPPORTED
    assert found["gain-draw-planted"].verdict is Verdict.SUPPORTED
    order = found["order-paper-planted"]
    # at the last layer text adds nothing, so "at every layer" cannot hold
    assert order.verdict is Verdict.NOT_SUPPORTED
    assert "text is higher at 2 of 3 layers" in order.detail
    assert order.seeds == (0, 1)
    tables = {table.id: table for table in section.tables}
    row = next(row for row in tables["layer-means-paper"].rows if row[1] == "text replies")
    assert row[2:8] == (9, 9, 0, 32.0, 32.0, 1.0)
    assert not any("nan" in finding.detail for finding in section.findings)


def test_pictures_on_the_way_have_the_mean_of_the_planted_steps(tmp_path):
    """Six steps are probed at 1, 3 and 5, where a picture repeats none, half and all of what it repeats at last."""
    card = replace(CARD, defaults={"steps": 6})
    model = Planted(**MODEL, card=card, progress=lambda at: {1: 0.0, 3: 0.5, 5: 1.0, LAST: 1.0}[at])
    entries, summary = measure(tmp_path, model)
    assert summary.failed == 0
    steps = [entry.unit for entry in entries if "at" in entry.unit.settings]
    assert {(unit.settings["at"], unit.settings["task"], unit.seed) for unit in steps} == {
        (step, "draw", 0) for step in (1, 3, 5)
    }
    traces = [trace for trace in traces_of(entries, {card.reference: "planted"}) if trace.task == STEPS]
    assert Counter(trace.preset for trace in traces) == {Preset.PAPER: 4, Preset.CONTROLLED: 4}
    expected = np.mean([joint(M_IMAGE, share, FAR) - math.log2(N) for share in (0.0, 0.5, 1.0)])
    for trace in traces:
        assert (trace.n, trace.m) == (N, M_IMAGE)
        if trace.preset is Preset.PAPER:
            assert trace.curves["P"] == pytest.approx([expected] * 3, abs=1e-4)
    section = view(entries, {card.reference: card})
    labels = {line.label for figure in section.figures for line in figure.panels["planted"]}
    assert {"picture replies", "picture replies, mean over steps"} <= labels
    gains = {finding.id: finding for finding in section.findings}
    assert gains["gain-steps-planted"].interval.n == 4


def test_models_without_steps_are_probed_at_the_end_only(entries):
    assert not [entry for entry in entries if "at" in entry.unit.settings]
    assert steps_of(replace(CARD, defaults={"iterations": 64})) == (10, 32, 53)
    assert steps_of(replace(CARD, defaults={"steps": 2})) == (0, 1)
    assert steps_of(replace(CARD, defaults={"steps": 28}, no_states={"image": "elsewhere"})) == ()


def test_length_alone_orders_replies_under_paper_only(tmp_path):
    """Nothing is ever repeated: P is log2(1 + m/n) for both; with equal rows there is no difference."""
    never = {Goal.TEXT: (0.0, 0.0), Goal.IMAGE: (0.0, 0.0)}
    model = Planted(
        rows={"text": 16, "image": 16},
        distinct={"text": (16, 16), "image": (16, 16)},
        echo=never,
        reply_rows={Goal.TEXT: 120, Goal.IMAGE: 16},
    )
    entries, _ = measure(tmp_path, model, "abcdefghi")
    found = {finding.id: finding for finding in view(entries, {}).findings}
    assert found["order-paper-planted"].verdict is Verdict.SUPPORTED
    assert found["order-paper-planted"].interval.estimate == pytest.approx(math.log2(8.5) - 1, abs=1e-4)
    assert found["order-controlled-planted"].verdict is Verdict.NOT_SUPPORTED  # they are level at every layer
    assert found["order-controlled-planted"].interval.estimate == pytest.approx(0, abs=1e-4)
    assert found["gain-write-planted"].interval.estimate == pytest.approx(0, abs=1e-4)
    assert found["presets-agree-planted"].verdict is Verdict.CANNOT_TELL


def test_states_with_nan_fail_their_group_and_nothing_else(tmp_path):
    entries, summary = measure(tmp_path, Planted(**MODEL, spoil="prompt c"), "abcdefghi", presets=(Preset.PAPER,))
    failed = [entry for entry in entries if entry.record.status == "failed"]
    assert summary.failed == len(failed) == 3  # its group: text, and pictures of two seeds
    assert all("planted, layer 1, prompt 'line 3': response: row" in entry.record.error for entry in failed)
    assert sum(entry.record.status == "done" and entry.unit.kind == "probe" for entry in entries) == 3


def test_a_prompt_that_cannot_be_encoded_is_left_out_of_its_group(tmp_path):
    entries, summary = measure(tmp_path, Planted(**MODEL, refuse="prompt c"))
    assert summary.failed == 3  # its replies: one text, pictures of two seeds
    found = items(entries, "controlled", "write")
    assert sorted(item["id"] for item in found if "G" in item) == [f"line {i}" for i in (1, 2, 4)]
    assert [item["left_out"] for item in found if "left_out" in item] == ["its reply was not recorded"]


def test_replies_that_are_too_short_are_left_out_and_counted(tmp_path):
    short = {**MODEL, "reply_rows": {Goal.TEXT: 3, Goal.IMAGE: 64}}
    entries, summary = measure(tmp_path, Planted(**short))
    assert summary.failed == 0
    section = view(entries, {})
    assert any("4 text replies left out under controlled (fewer than 32 rows" in c for c in section.caveats)
    found = {finding.id: finding for finding in section.findings}
    assert found["order-controlled-planted"].verdict is Verdict.NOT_APPLICABLE
    assert "all text replies were left out" in found["order-controlled-planted"].detail


def test_one_prompt_has_no_other_to_be_compared_with(tmp_path):
    entries, summary = measure(tmp_path, Planted(**MODEL), "a")
    assert summary.failed == 0
    (item,) = items(entries, "controlled", "write")
    assert item["G"] == [None] * 3
    assert item["P_k"][2] == pytest.approx(0, abs=1e-4)
    assert not [f for f in view(entries, {}).findings if f.id.startswith("gain")]


def test_pictures_are_described_too_when_the_data_hold_them(tmp_path):
    model = Planted(**MODEL)
    with RunStore.create(tmp_path / "r") as store:
        planned = plan(model.card, Options(limit=2, seeds=(0,), presets=(Preset.PAPER,)))
        assert execute(planned, study.run, store, model).failed == 0
        tasks = [e.unit.settings["task"] for e in store.entries() if e.unit.kind == "reply"]
    assert sorted(tasks) == ["describe"] * 2 + ["draw"] * 2 + ["write"] * 2


def test_batches_change_no_record(tmp_path):
    two, one = (
        {
            entry.unit.id: json.dumps(entry.record.payload)
            for entry in measure(tmp_path / str(size), Planted(**MODEL), "ab", batch_size=size)[0]
        }
        for size in (2, 1)
    )
    assert two == one
