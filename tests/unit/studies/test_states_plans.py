"""Plans of the studies of states: what is asked of whom, in which order, and that planning needs no torch."""

import subprocess
import sys
from dataclasses import replace

import pytest

from tests.helpers.mmbench_table import encoded, row, table
from tests.helpers.planted_states import CARD
from unispect.core.findings import Preset
from unispect.core.units import canonical_json
from unispect.studies.base import Options
from unispect.studies.encoding import plan as encoding
from unispect.studies.response import plan as response


@pytest.mark.parametrize("study", [encoding, response])
def test_plans_are_stable_and_their_stages_depend_backwards_only(study):
    planned, again = (study.plan(CARD, Options(limit=2)) for _ in range(2))
    assert [unit.id for unit in planned.units] == [unit.id for unit in again.units]
    assert len({unit.id for unit in planned.units}) == len(planned.units)
    seen: set[str] = set()
    known = {unit.id for unit in planned.units}
    for stage in planned.stages:
        for unit in stage:
            mentioned = {name for name in known if name in canonical_json([unit.inputs, unit.settings])}
            assert mentioned <= seen
        seen |= {unit.id for unit in stage}


@pytest.mark.parametrize("study", [encoding, response])
@pytest.mark.parametrize("preset", list(Preset))
def test_one_preset_asks_for_nothing_of_the_other(study, preset):
    units = study.plan(CARD, Options(limit=2, presets=(preset,))).units
    assert {unit.settings["preset"] for unit in units if "preset" in unit.settings} == {preset}
    assert any(unit.kind == "calibrate" for unit in units) == (preset is Preset.CONTROLLED)


def test_encoding_measures_text_in_both_templates_and_pictures_in_one():
    units = encoding.plan(CARD, Options(limit=2, presets=(Preset.PAPER,))).units
    pairs = {(unit.inputs["modality"], unit.settings["goal"]) for unit in units}
    assert pairs == {("text", "text"), ("text", "image"), ("image", "text")}


def test_a_picture_is_measured_alone_and_beside_its_question(tmp_path):
    rows = [row(1, encoded("green")), row(2, encoded("red"), question="")]
    data = f"mmbench:{table(tmp_path / 'dev.tsv', rows)}"
    units = encoding.plan(CARD, Options(data=data, presets=(Preset.PAPER,))).units
    assert [unit.inputs.get("question") for unit in units] == [None, "What is it?\nA. this", None, "A. this"]
    replies = response.plan(CARD, Options(data=data, presets=(Preset.PAPER,))).stages[0]
    assert [unit.inputs["question"] for unit in replies] == ["What is it?\nA. this", "A. this"]


def test_calibration_takes_kinds_in_turns():
    units = encoding.plan(CARD, Options(limit=40, presets=(Preset.CONTROLLED,))).stages[0]
    (calibration,) = units
    for modality in ("text", "image"):
        chosen = calibration.inputs[modality]
        assert len(chosen) == encoding.CALIBRATION_PROMPTS
        counts = [sum(one["group"] == kind for one in chosen) for kind in {one["group"] for one in chosen}]
        assert max(counts) - min(counts) <= 1


def test_response_replies_once_in_text_and_once_per_seed_in_pictures():
    planned = response.plan(CARD, Options(limit=3, seeds=(4, 5)))
    tasks = [(unit.settings["task"], unit.seed) for unit in planned.stages[0]]
    assert {(task, tasks.count(task)) for task in set(tasks)} == {
        (("write", 4), 3),
        (("draw", 4), 3),
        (("draw", 5), 3),
        (("describe", 4), 3),
    }
    same = {unit.settings["task"]: [] for unit in planned.stages[0]}
    for unit in planned.stages[0]:
        same[unit.settings["task"]].append(unit.inputs["id"])
    assert same["write"] == same["draw"][:3]


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 16, 17, 31])
def test_groups_are_nearly_equal_and_lose_nothing(count):
    units = list(range(count))
    found = response.groups(units)  # type: ignore[arg-type]
    assert [unit for group in found for unit in group] == units
    assert max(map(len, found)) <= response.GROUP
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_a_model_that_cannot_draw_is_skipped_where_it_matters():
    planned = response.plan(replace(CARD, capabilities=frozenset({"write", "probe"})), Options(limit=2))
    assert {(skip.what, skip.reason) for skip in planned.skips} == {
        ("pictures drawn from text", "planted cannot draw"),
        ("text replies to pictures", "planted cannot see"),
    }
    assert {unit.settings["task"] for unit in planned.stages[0]} == {"write"}


@pytest.mark.slow
def test_planning_and_viewing_need_no_torch():
    code = (
        "import sys; import unispect.studies.encoding.plan, unispect.studies.encoding.view; "
        "import unispect.studies.response.plan, unispect.studies.response.view; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
