"""What doctor says of an installation in which something does not work: it must never call that working."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image
from transformers.models.llama import modeling_llama

from tests.helpers.commands import here
from unispect.core.errors import CheckpointError
from unispect.core.replies import ImageReply
from unispect.doctor import machine, packages, trial
from unispect.doctor.packages import TESTED, Releases, check_packages, told
from unispect.organisms import shipped

ROOT = Path(__file__).parents[3]
ALL = ("run", "models", "report", "faces", "train")
"""The extras of `unispect[all]`."""


@pytest.fixture
def one_family(monkeypatch: pytest.MonkeyPatch) -> None:
    card = shipped.cards()["tiny-janus-pro"]
    monkeypatch.setattr(shipped, "cards", lambda: {card.id: card})
    monkeypatch.setattr(machine, "LOOKS", {"models": trial.try_models})


def test_a_model_that_works_is_said_to(one_family: None, capsys: pytest.CaptureFixture[str]):
    outcome = here(capsys, "doctor")
    assert outcome.code == 0
    assert "ok    tiny-janus-pro: draws, describes and can be probed" in outcome.out
    assert outcome.out.endswith("Everything that is needed works.\n")


@pytest.mark.slow
def test_a_library_that_calls_in_another_way_is_named_with_its_release(
    one_family: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def turned(query, key, cos, sin, *, told_to_blocks_of_tomorrow):
        raise AssertionError("never reached")

    monkeypatch.setattr(modeling_llama, "apply_rotary_pos_emb", turned)  # states are those of the stock blocks
    monkeypatch.setattr(packages, "version", lambda name: "5.99.0" if name == "transformers" else "2.13.0")
    outcome = here(capsys, "doctor")
    assert outcome.code == 1
    line = next(line for line in outcome.out.splitlines() if line.startswith("FAIL  tiny-janus-pro"))
    assert "told_to_blocks_of_tomorrow" in line
    assert f"(in transformers 5.99.0, tests were run with {TESTED['transformers']}; pip install " in line
    assert outcome.out.endswith("Does not work: tiny-janus-pro.\n")


def test_a_model_that_draws_something_else_does_not_work(
    one_family: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    model = shipped.load("tiny-janus-pro", device="cpu")
    drawn = [ImageReply(Image.new("RGB", (64, 64), "white"), ())]
    monkeypatch.setattr(type(model), "draw", lambda *_: drawn)
    monkeypatch.setattr(shipped, "load", lambda *_, **__: model)
    outcome = here(capsys, "doctor")
    assert outcome.code == 1
    assert "what it drew is wrong: shape unclear instead of star" in outcome.out


def test_charts_tables_and_portraits_are_made_or_named(monkeypatch: pytest.MonkeyPatch):
    assert [check.level for check in trial.try_outputs()] == ["ok", "ok", "ok"]

    def broken() -> None:
        raise CheckpointError("no portrait today")

    monkeypatch.setattr(trial, "_OUTPUTS", {"portraits": broken})
    (check,) = trial.try_outputs()
    assert (check.level, check.what) == ("FAIL", "portraits")
    assert check.detail.startswith("no portrait today (")


def _raised_in(*modules: str) -> Exception:
    """An error that came through functions of these modules, the outermost first."""
    call = None
    for module in reversed(modules):
        space = {"__name__": module, "inner": call}
        exec("def call():\n    if inner is None: raise ValueError('shapes differ')\n    inner()", space)
        call = space["call"]
    try:
        call()
    except ValueError as error:
        return error
    raise AssertionError


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Installed releases that a test may change; the newest that were tried otherwise."""
    changed = {name: tested.newest for name, tested in TESTED.items()}
    monkeypatch.setattr(packages, "version", changed.__getitem__)
    return changed


def test_an_error_is_put_down_to_the_innermost_package_but_never_to_torch_alone(releases: dict[str, str]):
    said = told(_raised_in("unispect.x", "transformers.models", "diffusers.models", "torch.nn"))
    assert said.startswith(
        f"ValueError: shapes differ (in diffusers {TESTED['diffusers'].newest}, which tests were run"
    )
    assert "torch" not in said


def test_a_package_that_was_not_tried_is_suspected_first(releases: dict[str, str]):
    releases["transformers"] = "5.99.0"
    releases["torch"] = "3.0.0"
    said = told(_raised_in("unispect.x", "transformers.models", "diffusers.models", "torch.nn"))
    low, high = TESTED["transformers"].oldest, TESTED["transformers"].newest
    assert (
        f"(in transformers 5.99.0, tests were run with {low} to {high}, torch 3.0.0, tests were run with 2.13.0;"
        in said
    )
    assert f'pip install "transformers>={low},<={high}" "torch>=2.13.0,<=2.13.0"' in said


def test_what_caused_an_error_is_suspected_before_what_passed_it_on(releases: dict[str, str]):
    error = RuntimeError("cannot be imported")
    error.__cause__ = _raised_in("diffusers.loaders", "peft.auto")
    assert f"in peft {TESTED['peft'].newest}" in told(error)
    assert "install unispect again" in told(ValueError("of nobody"))


def test_releases_are_told_apart(releases: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packages, "requires", lambda _: ["transformers<6,>=5.20", "PyYAML>=6"])
    assert [check.level for check in check_packages()] == ["ok"]
    releases |= {"transformers": "4.57.0", "pyyaml": "7.0", "torch": "2.13.0+cu130"}
    found = {check.what: check for check in check_packages()}
    assert found["transformers"].level == "FAIL"
    assert found["transformers"].detail.startswith("4.57.0 is installed, unispect needs <6,>=5.20; pip install ")
    assert found["pyyaml"].level == "note"
    assert found["pyyaml"].detail == f"7.0 has not been tried; tests were run with {TESTED['pyyaml']}"
    assert "torch" not in found


def test_a_missing_package_is_named_with_its_extra(releases: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    def release(name: str) -> str:
        if name == "peft":
            raise packages.PackageNotFoundError(name)
        return releases[name]

    monkeypatch.setattr(packages, "version", release)
    found = [(check.level, check.what, check.detail) for check in check_packages()]
    assert ("note", "train", "not installed: peft; pip install 'unispect[train]'") in found
    assert not [check for check in found if check[0] == "FAIL"]


def test_what_was_tried_is_what_is_allowed_pinned_and_documented():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(one for extra in ALL for one in extras[extra])]
    lowest = dict(re.match(r"([\w-]+)>=([\d.]+)", one).groups() for one in asked if not one.startswith("unispect["))
    locked = re.findall(r"^([\w.-]+)==([^\s\\]+)", (ROOT / "constraints.txt").read_text("utf-8"), re.M)
    pinned = {name.replace("_", "-").lower(): release for name, release in locked}
    rows = re.findall(
        r"^\| ([\w-]+) \| (\d[\w.]*) \| (\d[\w.]*) \|", (ROOT / "docs/compatibility.md").read_text("utf-8"), re.M
    )
    documented = {name: Releases(oldest, newest) for name, oldest, newest in rows}
    # These are asked for where a format is met (constraints-quantised.txt), and doctor does not look for them.
    formats = dict(re.match(r"([\w-]+)>=([\d.]+)", one).groups() for one in extras["quantised"][1:])
    tried = {name: documented.pop(name) for name in formats}
    assert all(packages.Version(tried[name].oldest) >= packages.Version(bound) for name, bound in formats.items())
    assert documented == TESTED
    assert set(lowest) == set(TESTED)
    assert all(tested.holds(pinned[name]) for name, tested in TESTED.items())
    del lowest["torch"]  # one build serves for all (docs/compatibility.md)
    assert all(packages.Version(TESTED[name].oldest) == packages.Version(bound) for name, bound in lowest.items())


@pytest.mark.parametrize(
    ("forbidden", "compiled", "said"), [(True, False, "note"), (True, True, "ok"), (False, False, "ok")]
)
def test_modules_that_every_command_compiles_anew_are_noticed(
    forbidden: bool,
    compiled: bool,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """What `PYTHONDONTWRITEBYTECODE` of a container does with an installation without byte code."""
    cached = tmp_path / "torch.pyc"
    if compiled:
        cached.touch()
    monkeypatch.setattr(sys, "dont_write_bytecode", forbidden)
    monkeypatch.setattr(machine, "cache_from_source", lambda _: str(cached))
    monkeypatch.setattr(machine, "LOOKS", {"byte code": machine.LOOKS["byte code"]})
    outcome = here(capsys, "doctor")
    assert outcome.code == 0
    line = next(line for line in outcome.out.splitlines() if "byte code: " in line)
    assert line.startswith(said)
    assert ("-m compileall -q" in line) == (said == "note")
