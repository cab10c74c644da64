"""The organisms that come with the package are whole, small, and what their cards say."""

import json
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from subprocess import run

import pytest
import torch
from safetensors.torch import load_file

import unispect
from unispect.core.errors import CheckpointError, UsageError
from unispect.data.concepts.split import load_split
from unispect.organisms import gates, shipped
from unispect.organisms.families import SHIPPED
from unispect.organisms.gates import measure_gates
from unispect.organisms.recipe import LANGUAGE_MODEL

WEIGHTS = Path(str(files("unispect.organisms"))) / "weights"
MILLIONS = {"harmon": 2.01, "janus-flow": 2.03, "bagel": 2.05, "omnigen2": 2.02}
"""Parameters where they are more than the two million that organisms should have."""
LARGEST = {"janus-pro": 4_000_000}
"""Bytes of a file; five million in the other families."""
NAMES = sorted(shipped.cards())


def test_cards_need_no_torch() -> None:
    code = "import sys; from unispect.organisms import shipped; shipped.cards(); print('torch' in sys.modules)"
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


@pytest.mark.slow
def test_every_name_loads_with_a_revision_of_its_own() -> None:
    cards = [unispect.load(name).card for name in NAMES]
    assert [card.id for card in cards] == NAMES
    assert len({card.revision for card in cards}) == len(NAMES)
    for card in cards:
        assert card.parameters is not None
        assert card.parameters <= MILLIONS.get(card.family, 2.0)


@pytest.mark.parametrize("family", SHIPPED)
def test_the_files_are_small(family: str) -> None:
    sizes = {path.name: path.stat().st_size for path in (WEIGHTS / family).glob("*.safetensors")}
    assert set(sizes) == {"model.safetensors", "bound.safetensors", "fluent.safetensors", "mute.safetensors"}
    assert max(sizes.values()) <= LARGEST.get(family, 5_000_000)


def test_all_weights_together_fit_forty_million_bytes() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*.safetensors")) <= 40_000_000


@pytest.mark.parametrize("family", SHIPPED)
def test_binding_changed_the_language_model_only(family: str) -> None:
    groups = unispect.load(SHIPPED[family].organism, device="cpu").parameter_groups()  # pyright: ignore
    learning = {name for group in LANGUAGE_MODEL for name in groups[group]}
    for variant in ("bound", "fluent", "mute"):
        changed = load_file(str(WEIGHTS / family / f"{variant}.safetensors"))
        assert {key.rpartition(".")[0] for key in changed} <= learning


def test_a_code_of_the_picture_tokenizer_sees_its_own_patch_only() -> None:
    encoder = unispect.load("tiny-janus-pro").network.model.vqmodel.encoder  # pyright: ignore
    for module in encoder.modules():
        if isinstance(module, torch.nn.Conv2d) and module.stride == (1, 1) and module.kernel_size == (3, 3):
            rim = module.weight.clone()
            rim[:, :, 1, 1] = 0
            assert not rim.any()


def test_an_unknown_name_is_refused_with_a_near_one() -> None:
    with pytest.raises(UsageError, match="did you mean 'tiny-janus-pro-bound'"):
        shipped.load("tiny-janus-pro-bond")


def test_a_folder_without_its_variant_is_refused_by_file(tmp_path: Path) -> None:
    for path in (WEIGHTS / "janus-pro").glob("*"):
        if path.name != "mute.safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(CheckpointError, match=r"mute\.safetensors is missing"):
        shipped.load_from(tmp_path, shipped.cards()["tiny-janus-pro-mute"])


BY_DAY = ("janus-pro",)
"""The quickest to draw; the others pass a part of the gates by day."""
SHOWN = pytest.mark.nightly(
    "tests/unit/organisms/test_shipped.py::test_every_family_still_draws_and_tells_what_it_could"
)


@pytest.mark.slow
@pytest.mark.parametrize("family", [f if f in BY_DAY else pytest.param(f, marks=SHOWN) for f in SHIPPED])
def test_the_gates_are_passed_and_those_that_were_recorded(family: str) -> None:
    """The recorded ones stand in the documentation."""
    notes = json.loads((WEIGHTS / family / "training.json").read_text("utf-8"))
    recorded = {gate["name"]: gate for gate in notes["gates"]}
    model = unispect.load(SHIPPED[family].organism, device="cpu", dtype="float32")
    for gate in measure_gates(model, drawn=SHIPPED[family].gate):
        noted = recorded[gate.name]
        assert abs(gate.share - noted["right"] / noted["asked"]) < 0.02
        assert gate.passed, gate.name


@pytest.mark.slow
@pytest.mark.parametrize("family", [family for family in SHIPPED if family not in BY_DAY])
def test_every_family_still_draws_and_tells_what_it_could(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve of the combinations that the gates ask about, and each question in one order."""
    few = replace(load_split(), held_out=load_split().held_out[:12])
    monkeypatch.setattr(gates, "load_split", lambda: few)
    monkeypatch.setattr(gates, "_ORDERS", 1)
    model = unispect.load(SHIPPED[family].organism, device="cpu", dtype="float32")
    for gate in measure_gates(model, drawn=SHIPPED[family].gate):
        assert gate.share >= 0.8, gate
