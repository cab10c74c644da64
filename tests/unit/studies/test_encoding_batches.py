"""What is asked of a prompt under both presets takes one pass through the model, and changes no record."""

from pathlib import Path

import pytest

from tests.helpers.planted_states import CARD, Planted
from unispect.core.errors import UpstreamMissing
from unispect.core.findings import Preset
from unispect.core.typed import read_inputs
from unispect.core.units import Plan, Record, Unit
from unispect.engine.attempt import attempt
from unispect.engine.batches import batches, stages
from unispect.engine.local import execute
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.encoding import plan as encoding
from unispect.studies.encoding import run, study
from unispect.studies.encoding.records import Prompted

BOTH = tuple(Preset)


def planned(*presets: Preset) -> Plan:
    return encoding.plan(CARD, Options(limit=2, presets=presets))


def model() -> Planted:
    """One prompt's states are spoiled from layer 1 on, and one has too few rows to be compared."""
    asked = [read_inputs(Prompted, unit) for unit in planned(Preset.PAPER).units]
    texts = [one.prompt["text"] for one in asked if one.modality == "text"]
    spoiled, short = texts[0], texts[3]
    return Planted(
        rows={"text": 24, "image": 24},
        distinct={"text": (4, 8, 8), "image": (24, 12, 12)},
        spoil=spoiled,
        row_count=lambda text: 3 if text == short else None,
    )


def records(folder: Path, *plans: Plan, size: int = 16) -> dict[str, tuple[object, ...]]:
    """Unit -> what is recorded of it, by several commands on one folder."""
    with RunStore.create(folder) as store:
        for plan in plans:
            execute(plan, study.run, store, model(), batch_size=size)
        found = {entry.unit.id: entry.record for entry in store.entries()}
    return {id: (one.status, one.error, dict(one.payload)) for id, one in found.items()}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[object, ...]]:
    return records(tmp_path_factory.mktemp("both") / "run", planned(*BOTH))


@pytest.mark.slow
def test_a_prompt_takes_one_pass_in_each_template(tmp_path: Path):
    plan, counted = planned(*BOTH), model()
    with RunStore.create(tmp_path / "run") as store:
        execute(plan, study.run, store, counted, batch_size=4)
    calibration, measured = stages(plan)
    assert [unit.kind for unit in calibration] == ["calibrate"]
    prompts = {(str(unit.inputs), str(unit.settings["goal"])) for unit in measured}
    assert len(measured) == 2 * len(prompts)
    assert sum(counted.batches) == len(prompts) + sum(map(len, calibration[0].inputs.values()))  # type: ignore[arg-type]
    assert max(counted.batches[1:]) <= 8
    for batch in batches(measured, 4, plan.alike):
        assert len({str(unit.inputs) for unit in batch}) == len(batch) / 2 <= 4
        assert len({unit.settings["goal"] for unit in batch}) == 1


@pytest.mark.slow
def test_both_presets_leave_the_records_of_each_alone(both: dict[str, object], tmp_path: Path):
    alone = records(tmp_path / "run", planned(Preset.PAPER), planned(Preset.CONTROLLED), size=1)
    assert alone == both
    assert {status for status, *_ in alone.values()} == {"done", "failed"}
    assert any(payload.get("left_out") for *_, payload in alone.values())  # type: ignore[union-attr]


@pytest.mark.slow
def test_what_was_measured_under_one_preset_is_gone_on_with(both: dict[str, object], tmp_path: Path):
    assert records(tmp_path / "run", planned(Preset.PAPER), planned(*BOTH)) == both


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [1, 2, 9])
def test_a_model_that_is_ahead_of_what_is_measured_changes_nothing(
    both: dict[str, object], ahead: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run, "_ahead", lambda model: ahead)
    assert records(tmp_path / "run", planned(*BOTH)) == both


def test_without_a_calibration_the_paper_preset_is_measured_all_the_same():
    def upstream(unit: str) -> Record:
        raise UpstreamMissing(f"needs unit {unit}, which failed")

    plan = planned(*BOTH)
    batch: list[Unit] = next(iter(batches(stages(plan)[1], 16, plan.alike)))
    found = attempt(study.run, model(), batch, upstream)
    told = {(str(unit.settings["preset"]), one.status) for unit, one in zip(batch, found, strict=True)}
    assert (Preset.PAPER, "done") in told
    assert {status for preset, status in told if preset == Preset.CONTROLLED} == {"skipped"}


def test_only_a_device_beside_the_processor_is_ahead():
    class OnDevice(Planted):
        device = type("Device", (), {"type": "cuda"})()

    assert run._ahead(model()) == 0  # pyright: ignore[reportPrivateUsage]
    assert run._ahead(OnDevice({}, {})) == run.AHEAD > 0  # pyright: ignore[reportPrivateUsage]
