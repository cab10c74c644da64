"""What must not matter under the controlled preset does not: planted states, moved about, through the studies' runs."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.planted_states import Shape, Shaped
from unispect.core.findings import Preset, Verdict
from unispect.core.prompts import Goal
from unispect.engine.local import execute
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.encoding import plan as encoding
from unispect.studies.encoding import study as encoding_study
from unispect.studies.encoding.traces import compatible as levels
from unispect.studies.encoding.view import view as view_encoding
from unispect.studies.response import plan as response
from unispect.studies.response import study as response_study
from unispect.studies.response.traces import compatible as replies
from unispect.studies.response.view import view as view_response

SAME = Shaped(
    rows={"text": 32, "image": 32},
    distinct={"text": (1,), "image": (1,)},
    reply_rows={Goal.TEXT: 32, Goal.IMAGE: 32},
)
"""Text and pictures of one law: no difference."""
LOWER = replace(SAME, shapes={"image": Shape(rank=2)})
"""Pictures of lower rank: their entropy is surely lower."""
NAMES = {"planted": "planted"}


def shaped(model, **changes):
    """The model with every modality's shape changed: text_scale, image_shift, ..."""
    shapes = {modality: model.shapes.get(modality, Shape()) for modality in ("text", "image")}
    own = {name: value for name, value in changes.items() if "_" not in name}
    for name, value in changes.items():
        modality, _, what = name.partition("_")
        if what:
            shapes[modality] = replace(shapes[modality], **{what: value})
    return replace(model, shapes=shapes, **own)


def measured(folder, model, study=encoding, run=encoding_study.run, **options):
    options = {"limit": 3, "presets": (Preset.CONTROLLED,), **options}
    with RunStore.create(folder) as store:
        summary = execute(study.plan(model.card, Options(**options)), run, store, model)
        assert summary.failed == 0, summary.causes
        return list(store.entries())


def curves(entries):
    return {(t.prompt, t.goal): {"value": t.curve, **t.more} for t in levels(entries, NAMES).traces if t.curve}


def verdicts(section):
    return {one.id.rpartition("-")[0]: one for one in section.findings}


@pytest.fixture(scope="module", params=["same", "lower"])
def plain(request, tmp_path_factory):
    model = {"same": SAME, "lower": LOWER}[request.param]
    entries = measured(tmp_path_factory.mktemp("plain") / "r", model)
    return model, curves(entries), verdicts(view_encoding(entries, {}))


@pytest.mark.slow
def test_what_was_planted_is_found(plain):
    model, _, found = plain
    level = found["levels-controlled"]
    if model is SAME:
        assert level.verdict is Verdict.NOT_SUPPORTED  # surely level
    else:
        assert level.verdict is Verdict.SUPPORTED
        assert level.interval.estimate > 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"turn": 1},
        {"image_shift": 1.0},
        {"image_shift": 30.0},
        {"text_shift": -3.0, "image_shift": 3.0, "turn": 2},
        {"filler": 40},
        {"template": (-500.0, 9)},
        {"template": (0.0, 0)},
    ],
    ids=str,
)
def test_turning_moving_filling_and_templates_change_nothing(plain, changes, tmp_path):
    model, before, was = plain
    entries = measured(tmp_path / "r", shaped(model, **changes))
    after = curves(entries)
    assert before.keys() == after.keys()
    exact = ["value", "shared", "half", "double"] + ([] if "turn" in changes else ["null", "standardised"])
    for key, own in before.items():
        for name in exact:
            assert after[key][name] == pytest.approx(own[name], abs=2e-3), (key, name)
    is_now = verdicts(view_encoding(entries, {}))
    assert {name: one.verdict for name, one in is_now.items()} == {name: one.verdict for name, one in was.items()}


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.5, 0.1, 20.0])
def test_stretching_one_modality_changes_no_number_that_decides_and_makes_no_difference(plain, scale, tmp_path):
    model, before, was = plain
    entries = measured(tmp_path / "r", shaped(model, image_scale=scale))
    for key, own in curves(entries).items():
        for name in ("value", "null", "half", "double", "standardised"):
            assert own[name] == pytest.approx(before[key][name], abs=2e-3), (key, name)
    found = verdicts(view_encoding(entries, {}))
    level = found["levels-controlled"]
    assert level.interval.estimate == pytest.approx(was["levels-controlled"].interval.estimate, abs=2e-3)
    assert level.verdict in (was["levels-controlled"].verdict, Verdict.CANNOT_TELL)
    if model is SAME:
        assert level.verdict is Verdict.CANNOT_TELL
        assert "depends on the width" in level.detail


@pytest.mark.slow
def test_a_growing_distance_shrinks_no_difference_and_is_a_number_of_its_own(tmp_path):
    gaps, offsets = [], []
    for shift in (0.0, 2.0, 32.0):
        entries = measured(tmp_path / str(shift), shaped(LOWER, image_shift=shift))
        section = view_encoding(entries, {})
        level = verdicts(section)["levels-controlled"]
        assert level.verdict is Verdict.SUPPORTED
        gaps.append(level.interval.estimate)
        (apart,) = levels(entries, NAMES).apart.values()
        offsets.append(apart.offsets[0])
        assert "spreads apart" in level.detail
        assert "offset" in {figure.id for figure in section.figures}
    assert gaps == pytest.approx([gaps[0]] * 3, abs=2e-3)
    assert offsets[0].estimate < 0.2
    assert offsets[0].low == 0
    assert [one.estimate for one in offsets] == sorted(one.estimate for one in offsets)
    assert offsets[-1].low > offsets[1].high


@pytest.mark.slow
def test_the_number_of_rows_changes_nothing_but_the_draws(tmp_path):
    few, many = (measured(tmp_path / str(rows), replace(LOWER, rows={"text": rows, "image": 32})) for rows in (32, 128))
    was, is_now = (verdicts(view_encoding(entries, {}))["levels-controlled"] for entries in (few, many))
    assert was.verdict is is_now.verdict is Verdict.SUPPORTED
    assert is_now.interval.estimate == pytest.approx(was.interval.estimate, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_rank_is_kept_whatever_the_scale(tmp_path, scale):
    values = []
    for rank in (1, 3, 12):
        model = replace(SAME, shapes={"image": Shape(rank=rank, scale=scale)})
        own = curves(measured(tmp_path / f"{rank}", model, limit=2))
        values.append(np.mean([one["value"] for (prompt, _), one in own.items() if prompt.startswith("image")]))
    assert values[0] + 0.3 < values[1]
    assert values[1] + 0.3 < values[2]


# Replies: a text prompt and a picture reply lie in two modalities, a text prompt and a text reply in one.

REPLYING = replace(SAME, relation=0.5)


def replied(folder, model):
    folder.mkdir()
    texts = folder / "prompts.txt"
    texts.write_text("\n".join(f"prompt {letter}" for letter in "abcdefgh"))
    return measured(folder / "r", model, response, response_study.run, data=f"text:{texts}", limit=None, seeds=(0,))


def means(entries, task):
    own = [t for t in replies(entries, NAMES).traces if t.task == task]
    return {name: float(np.mean([t.curves[name] for t in own])) for name in own[0].curves}


@pytest.fixture(scope="module")
def in_one_place(tmp_path_factory):
    return replied(tmp_path_factory.mktemp("replies") / "plain", REPLYING)


@pytest.mark.slow
def test_in_one_place_both_readings_agree(in_one_place):
    for task in ("write", "draw"):
        own = means(in_one_place, task)
        assert own["P_k own"] == pytest.approx(own["P_k"], abs=0.1)
        assert own["G own"] == pytest.approx(own["G"], abs=0.05)
        assert own["J own"] == pytest.approx(own["J"], abs=0.05)
    order = verdicts(view_response(in_one_place, {}))["order-controlled"]
    assert order.verdict is Verdict.NOT_SUPPORTED


@pytest.mark.slow
@pytest.mark.parametrize("shift", [3.0, 30.0])
def test_distance_between_modalities_raises_the_raw_reading_only(in_one_place, shift, tmp_path):
    """As if a picture added all that lies between modalities: raw P_k and J of pictures rise, and G fades."""
    before, entries = means(in_one_place, "draw"), replied(tmp_path / "r", shaped(REPLYING, image_shift=shift))
    after = means(entries, "draw")
    assert after["P_k"] > before["P_k"] + 0.2
    assert after["J"] > before["J"] + 0.1
    assert after["G"] < before["G"] - 0.02
    for name in ("P_k own", "G own", "J own", "half", "double"):
        assert after[name] == pytest.approx(before[name], abs=2e-3), name
    assert means(entries, "write") == pytest.approx(means(in_one_place, "write"), abs=2e-3)
    order = verdicts(view_response(entries, {}))["order-controlled"]
    assert order.verdict is not Verdict.SUPPORTED


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.3, 4.0])
def test_scale_of_one_modality_changes_the_raw_reading_only(in_one_place, scale, tmp_path):
    before, entries = means(in_one_place, "draw"), replied(tmp_path / "r", shaped(REPLYING, image_scale=scale))
    after = means(entries, "draw")
    assert abs(after["P_k"] - before["P_k"]) > 0.1
    for name in ("P_k own", "G own", "J own", "half", "double", "standardised"):
        assert after[name] == pytest.approx(before[name], abs=2e-3), name
    assert verdicts(view_response(entries, {}))["order-controlled"].verdict is not Verdict.SUPPORTED
