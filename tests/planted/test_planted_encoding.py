"""The encoding study on states whose entropies are known: plan, run and view give them back."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.helpers.planted_states import CARD, FAR, HALF_MEDIAN, TEMPLATE, Planted, entropy
from unispect.core.errors import UsageError
from unispect.core.findings import Preset, Verdict
from unispect.engine.local import execute
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.encoding import study
from unispect.studies.encoding.contrasts import half_way
from unispect.studies.encoding.plan import plan
from unispect.studies.encoding.view import view

ROWS = 32
TEXT, IMAGE = (4, 8, 8), (32, 16, 16)
MODEL = {"rows": {"text": ROWS, "image": ROWS}, "distinct": {"text": TEXT, "image": IMAGE}}
EACH = {n: [ROWS // n] * n for n in (4, 8, 16, 32)}


def measure(folder, model, **options):
    with RunStore.create(folder) as store:
        summary = execute(plan(model.card, Options(**{"limit": 3, **options})), study.run, store, model, batch_size=5)
        return list(store.entries()), summary


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    return measure(tmp_path_factory.mktemp("run") / "r", Planted(**MODEL))[0]


def trajectories(entries, preset):
    return [e for e in entries if e.unit.kind == "trajectory" and e.unit.settings["preset"] == preset]


@pytest.mark.slow
def test_paper_values_are_those_planted(entries):
    found = trajectories(entries, "paper")
    # 5 kinds of text in two templates, 5 kinds of pictures, 3 each
    assert len(found) == 3 * (5 + 5 + 5)
    for entry in found:
        planted = TEXT if entry.unit.inputs["modality"] == "text" else IMAGE
        payload = entry.record.payload
        assert payload["content"] == pytest.approx([entropy(EACH[n], FAR) for n in planted], abs=1e-6)
        assert payload["content"] == pytest.approx([math.log2(n) for n in planted], abs=1e-6)
        full = [entropy([*EACH[n], *[1] * TEMPLATE], FAR) for n in planted]
        assert payload["full"] == pytest.approx(full, abs=1e-5)
        assert payload["half"] == pytest.approx(payload["content"], abs=1e-6)  # far apart at any of these bandwidths
        assert payload["double"] == pytest.approx(payload["content"], abs=1e-6)
        assert payload["content_distinct"] == list(planted)
        assert payload["full_distinct"] == [n + TEMPLATE for n in planted]
        assert (payload["rows"], payload["full_rows"]) == (ROWS, ROWS + TEMPLATE)


def test_controlled_values_are_those_planted(entries):
    (calibration,) = [e for e in entries if e.unit.kind == "calibrate"]
    assert calibration.record.payload["k"] == ROWS
    payload = calibration.record.payload
    for widths in (*payload["sigma"].values(), payload["shared"]):
        assert widths == pytest.approx([500.0] * 3, rel=1e-4)  # half of the only distance
    found = trajectories(entries, "controlled")
    assert len(found) == 45
    for entry in found:
        planted = TEXT if entry.unit.inputs["modality"] == "text" else IMAGE
        payload = entry.record.payload
        assert payload["value"] == pytest.approx([entropy(EACH[n], HALF_MEDIAN) for n in planted], abs=1e-4)
        assert payload["shared"] == pytest.approx(payload["value"], abs=1e-4)
        assert payload["half"] == pytest.approx([entropy(EACH[n], math.exp(-8)) for n in planted], abs=1e-4)
        assert payload["double"] == pytest.approx([entropy(EACH[n], math.exp(-0.5)) for n in planted], abs=1e-4)
        assert payload["error"] == pytest.approx([0] * 3, abs=1e-6)  # all rows are drawn
        assert payload["distinct"] == list(planted)


def test_the_view_returns_the_planted_trajectories_and_verdicts(entries):
    section = view(entries, {"planted": Planted(**MODEL).card})
    figures = {figure.id: figure for figure in section.figures}
    assert {figure.preset for figure in section.figures} == {Preset.PAPER, Preset.CONTROLLED}
    lines = {line.label: line for line in figures["trajectories-paper"].panels["planted"]}
    assert list(lines["text"].y) == pytest.approx([2, 3, 3], abs=1e-6)
    assert list(lines["pictures"].y) == pytest.approx([5, 4, 4], abs=1e-6)
    assert list(lines["pictures"].x) == [0, 1, 2]

    found = {finding.id: finding for finding in section.findings}
    levels = found["levels-paper-planted"]
    assert levels.verdict is Verdict.SUPPORTED
    assert levels.interval.estimate == pytest.approx((8 - 13) / 3, abs=1e-6)
    assert levels.headline
    assert found["start-paper-planted"].verdict is Verdict.SUPPORTED
    assert found["start-paper-planted"].interval.estimate == pytest.approx(3, abs=1e-6)
    assert found["convergence-paper-planted"].verdict is Verdict.SUPPORTED
    assert found["convergence-paper-planted"].interval.estimate == pytest.approx(-2, abs=1e-6)  # first minus last
    controlled = [entropy(EACH[n], HALF_MEDIAN) for n in (*TEXT, *IMAGE)]
    expected = (sum(controlled[:3]) - sum(controlled[3:])) / 3
    assert found["levels-controlled-planted"].interval.estimate == pytest.approx(expected, abs=1e-4)
    assert found["presets-agree-planted"].verdict is Verdict.SUPPORTED
    wide = [entropy(EACH[n], math.exp(-0.5)) for n in (*TEXT, *IMAGE)]
    assert f"{(sum(wide[:3]) - sum(wide[3:])) / 3:+.2f} at twice" in found["levels-controlled-planted"].detail
    assert found["levels-controlled-planted"].verdict is Verdict.SUPPORTED
    assert "Holm" in section.family

    tables = {table.id: table for table in section.tables}
    kinds = {(row[1], row[2], row[3]): row for row in tables["kinds-paper"].rows}
    assert kinds["text", "text", "description"][7].estimate == pytest.approx(2, abs=1e-6)
    assert kinds["image", "text", "solid"][7].estimate == pytest.approx(5, abs=1e-6)
    assert all(row[4] == 3 for row in tables["kinds-controlled"].rows)
    assert not any(word in finding.detail for finding in section.findings for word in ("nan", "inf "))


def test_tables_return_the_planted_ranks_levels_and_speed(entries):
    tables = {table.id: table for table in view(entries, {}).tables}
    (row,) = tables["contrast-paper"].rows
    numbers = dict(zip(tables["contrast-paper"].columns, row, strict=True))
    planted = {
        "text, layer 0": 2,
        "pictures, layer 0": 5,
        "gap, layer 0": -3,
        "gap, last layer": -1,
        "gap, mean over layers": -5 / 3,
        "first minus last": -2,
    }
    assert {name: numbers[name].estimate for name in planted} == pytest.approx(planted, abs=1e-6)
    assert numbers["area"] == pytest.approx(5 / 3, abs=0.005)
    assert numbers["half-way"] == 0.5  # -3, -1, -1: halved at layer 1 of 2

    ranks = {row[1:4]: row for row in tables["ranks-paper"].rows}
    rank_at_0, rank_at_end, share_at_0, share_at_end, half, double = (
        cell.estimate for cell in ranks["text", "text", "description"][4:]
    )
    assert (rank_at_0, rank_at_end) == pytest.approx((4, 8), rel=1e-6)
    assert (share_at_0, share_at_end) == pytest.approx((2 / 5, 3 / 5), abs=1e-6)
    assert (half, double) == pytest.approx((8 / 3, 8 / 3), abs=1e-6)
    wide = {row[1:4]: row for row in tables["ranks-controlled"].rows}["text", "text", "description"]
    expected = [sum(entropy(EACH[n], math.exp(-d)) for n in TEXT) / 3 for d in (8, 0.5)]
    assert [cell.estimate for cell in wide[8:]] == pytest.approx(expected, abs=1e-4)

    embedding = tables["embedding-paper"]
    assert embedding.columns[2:4] == ("text: name", "text: list of names")
    assert embedding.columns[-1] == "picture: circles"
    content, whole, drawn = embedding.rows
    assert (content[1], drawn[1]) == ("content", "whole input before a picture")
    assert [content[2].estimate, content[-1].estimate] == pytest.approx([2, 5], abs=1e-6)
    assert whole[2].estimate == pytest.approx(entropy([*EACH[4], *[1] * TEMPLATE], FAR), abs=1e-5)
    assert drawn[-1] is None


@pytest.mark.slow
def test_there_is_a_trajectory_for_every_kind_and_every_third_of_lengths(entries, tmp_path):
    pictures = {figure.id: figure for figure in view(entries, {}).figures}["trajectories-image-kinds-paper"]
    assert [line.label for line in pictures.panels["planted"]] == ["solid", "striped", "checkered", "zigzag", "circles"]
    assert all(list(line.y) == pytest.approx([5, 4, 4]) for line in pictures.panels["planted"])

    def count(text):
        return {"n": 16, "d": 24, "T": 32}.get(text[:1], 40)

    model = Planted(rows={"text": 40, "image": 40}, distinct={"text": (8, 4), "image": (8, 8)}, row_count=count)
    texts = tmp_path / "prompts.txt"
    texts.write_text("\n".join(f"{start}umber {i}\tkind {start}" for start in "ndT" for i in range(3)))
    entries, _ = measure(tmp_path / "r", model, data=(f"text:{texts}",), presets=(Preset.PAPER,))
    figures = {figure.id: figure.panels["planted"] for figure in view(entries, {}).figures}
    assert {line.label for line in figures["trajectories-text-kinds-paper"]} == {"kind n", "kind d", "kind T"}
    assert [line.label.split(":")[0] for line in figures["trajectories-lengths-paper"]] == ["short", "middle", "long"]
    assert all(list(line.y) == pytest.approx([3, 2]) for line in figures["trajectories-lengths-paper"])
    assert "trajectories-image-kinds-paper" not in figures


def test_the_gap_may_never_be_halved():
    assert math.isnan(half_way(np.array([1.0, 0.9, -0.6])))
    assert half_way(np.array([[4.0, 3.0, -2.0, 9.0], [4.0, -1.0, 5.0, 5.0]])).tolist() == pytest.approx([2 / 3, 1 / 3])
    assert math.isnan(half_way(np.array([0.0, 0.0])))


@pytest.mark.slow
def test_what_length_alone_makes_under_paper_vanishes_under_controlled(tmp_path):
    """Every row of every prompt is far from all others: paper sees log2 n, controlled sees no difference at all."""

    def count(text):
        return 20 if len(text) < 60 else 40

    model = Planted(rows={"text": 40, "image": 40}, distinct={"text": (40, 40), "image": (40, 40)}, row_count=count)
    entries, _ = measure(tmp_path / "r", model)
    section = view(entries, {})
    found = {finding.id: finding for finding in section.findings}
    assert found["length-paper-planted"].verdict is Verdict.SUPPORTED
    assert found["length-paper-planted"].interval.estimate == pytest.approx(1, abs=1e-6)
    assert found["length-controlled-planted"].verdict is Verdict.CANNOT_TELL
    assert found["levels-controlled-planted"].interval.estimate == pytest.approx(0, abs=1e-5)
    assert {trace.record.payload["k"] for trace in trajectories(entries, "controlled")} == {16}


@pytest.mark.slow
def test_without_common_lengths_the_order_under_both_presets_is_open(tmp_path):
    """Pictures have more rows but fewer distinct ones per row drawn than text: the sign flips, by length alone."""
    model = Planted(rows={"text": 16, "image": 256}, distinct={"text": (16, 16), "image": (32, 32)})
    entries, _ = measure(tmp_path / "r", model)
    section = view(entries, {})
    found = {finding.id: finding for finding in section.findings}
    assert found["levels-paper-planted"].interval.estimate == pytest.approx(-1, abs=1e-6)
    assert found["levels-controlled-planted"].interval.estimate > 0.1
    agree = found["presets-agree-planted"]
    assert agree.verdict is Verdict.CANNOT_TELL
    assert "No common lengths" in agree.detail
    assert "text prompts from 128 to 512, some below and some above 256" in agree.detail
    (table,) = [table for table in section.tables if table.id == "multiverse-encoding"]
    (row,) = [row for row in table.rows if "same under both presets" in str(row[1])]
    assert row[3:5] == ("cannot tell", 0)


def counted(text):
    """Names are short, lists and pairs of descriptions as long as pictures, four descriptions longer."""
    return 16 if len(text) < 60 else 32 if len(text) < 300 else 64


@pytest.mark.slow
def test_an_order_that_differs_at_equal_lengths_is_found_and_shown_against_length(tmp_path):
    """At 32 rows text has half as many distinct rows as pictures, whatever the preset; longer text has as many."""
    model = Planted(rows={"text": 32, "image": 32}, distinct={"text": (8, 8), "image": (16, 16)}, row_count=counted)
    entries, _ = measure(tmp_path / "r", model)
    section = view(entries, {})
    agree = {finding.id: finding for finding in section.findings}["presets-agree-planted"]
    assert agree.verdict is Verdict.SUPPORTED
    assert agree.interval.estimate < -0.1
    figures = {figure.id: figure for figure in section.figures}
    for preset in ("paper", "controlled"):
        line = figures[f"gap-by-length-{preset}"].panels["planted"][0]
        assert list(line.x) == sorted(line.x)
        assert {round(x) for x in line.x} <= {16, 32, 64}
        assert len(line.x) > 1


@pytest.mark.slow
def test_prompts_of_one_row_are_compared_with_nothing(tmp_path):
    texts = tmp_path / "prompts.txt"
    texts.write_text("\n".join([*(f"{i}\tword" for i in range(6)), *(f"prompt number {i}\tlonger" for i in range(6))]))
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(6):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(folder / f"{i}.png")
    model = Planted(**MODEL, row_count=lambda text: 1 if len(text) == 1 else ROWS)
    data = (f"text:{texts}", f"images:{folder}")
    with_words, _ = measure(tmp_path / "r", model, data=data, limit=None)
    section = view(with_words, {})
    found = {finding.id: finding for finding in section.findings}
    assert "6 text prompts, 6 pictures" in found["levels-paper-planted"].detail
    assert found["levels-paper-planted"].interval.estimate == pytest.approx((8 - 13) / 3, abs=1e-6)
    (calibration,) = [e for e in with_words if e.unit.kind == "calibrate"]
    assert calibration.record.payload["k"] == ROWS  # half of the text is one row long, and lowers nothing
    (table,) = [table for table in section.tables if table.id == "single-rows"]
    assert table.rows == (("planted", "text", "word", 6),)


def test_states_with_nan_fail_their_unit_and_nothing_else(tmp_path):
    texts = tmp_path / "prompts.txt"
    texts.write_text("\n".join(f"prompt number {i}" for i in range(6)))
    model = Planted(**MODEL, spoil="prompt number 2")
    entries, summary = measure(tmp_path / "r", model, data=f"text:{texts}", presets=(Preset.PAPER,), limit=None)
    failed = [entry for entry in entries if entry.record.status == "failed"]
    assert summary.failed == 2  # two templates
    assert summary.done == 10
    assert {entry.unit.inputs["id"] for entry in failed} == {"line 3"}
    assert "planted, layer 1, prompt 'line 3': row " in failed[0].record.error
    assert "NaN" in failed[0].record.error
    section = view(entries, {})
    assert any("2 of 12 units failed: planted, layer 1" in caveat for caveat in section.caveats)


@pytest.mark.parametrize("trouble", ["spoil", "refuse"])
def test_one_bad_prompt_does_not_stop_the_controlled_comparison(tmp_path, trouble):
    texts = tmp_path / "prompts.txt"
    texts.write_text("\n".join(f"prompt number {i}" for i in range(6)))
    model = Planted(**MODEL, **{trouble: "prompt number 2"})
    entries, summary = measure(tmp_path / "r", model, data=f"text:{texts}", limit=None)
    assert (summary.failed, summary.skipped) == (4, 0)  # two templates, two presets
    assert {e.unit.inputs["id"] for e in entries if e.record.status == "failed"} == {"line 3"}
    (calibration,) = [e for e in entries if e.unit.kind == "calibrate"]
    assert calibration.record.payload["sigma"]["text"] == pytest.approx([500.0] * 3, rel=1e-4)
    assert len(calibration.record.payload["left_out"]) == (trouble == "refuse")


def test_with_one_modality_the_comparison_is_not_applicable(tmp_path):
    texts = tmp_path / "prompts.txt"
    texts.write_text("\n".join(f"prompt number {i}" for i in range(4)))
    entries, summary = measure(tmp_path / "r", Planted(**MODEL), data=f"text:{texts}")
    assert summary.failed == 0
    found = [f for f in view(entries, {}).findings if f.id.startswith("levels")]
    assert {finding.verdict for finding in found} == {Verdict.NOT_APPLICABLE}
    assert all("no pictures" in finding.detail for finding in found)


def test_prompts_with_too_few_rows_are_left_out_and_counted(tmp_path):
    texts = tmp_path / "prompts.txt"
    texts.write_text("\n".join(["a", *(f"prompt number {i}" for i in range(4))]))
    model = Planted(**MODEL, row_count=lambda text: 5 if text == "a" else 32)
    entries, summary = measure(tmp_path / "r", model, data=f"text:{texts}", limit=None)
    assert summary.failed == 0
    section = view(entries, {})
    assert any("2 prompts and templates left out" in c and "fewer than 32 rows" in c for c in section.caveats)
    controlled = {table.id: table for table in section.tables}["kinds-controlled"]
    assert [(row[4], row[5]) for row in controlled.rows] == [(4, 1), (4, 1)]


def test_a_variant_that_reverses_the_sign_leaves_the_question_open(entries):
    """The same records, but with the curves at twice the bandwidth of text and pictures exchanged."""
    low, high = ([bits] * 3 for bits in (0.5, 4.5))
    changed = [
        replace(e, record=replace(e.record, payload={**e.record.payload, "double": high if is_text(e) else low}))
        for e in trajectories(entries, "controlled")
    ]
    before = {f.id: f for f in view(trajectories(entries, "controlled"), {}).findings}["levels-controlled-planted"]
    after = {f.id: f for f in view(changed, {}).findings}["levels-controlled-planted"]
    assert before.verdict is Verdict.SUPPORTED
    assert after.verdict is Verdict.CANNOT_TELL
    assert "surely the opposite at twice the width" in after.detail


def is_text(entry):
    return entry.unit.inputs["modality"] == "text"


@pytest.mark.slow
def test_batches_and_repetition_change_no_record(entries, tmp_path):
    model = Planted(**MODEL)
    with RunStore.create(tmp_path / "r") as store:
        execute(plan(model.card, Options(limit=3)), study.run, store, model, batch_size=1)
        again = {entry.unit.id: json.dumps(entry.record.payload) for entry in store.entries()}
    assert again == {entry.unit.id: json.dumps(entry.record.payload) for entry in entries}


def test_what_a_model_cannot_do_is_skipped_by_name():
    blind = replace(CARD, capabilities=frozenset({"write", "probe"}))
    planned = plan(blind, Options(limit=1))
    assert {skip.reason for skip in planned.skips} == {"planted cannot draw", "planted cannot see"}
    assert {unit.inputs["modality"] for unit in planned.units if unit.kind == "trajectory"} == {"text"}
    with pytest.raises(UsageError, match="does not show its states"):
        plan(replace(CARD, capabilities=frozenset({"write"})), Options())
