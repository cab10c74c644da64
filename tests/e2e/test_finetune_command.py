"""`unispect train finetune` as a user meets it: killed and repeated, in two processes, and its weights asked by a
study.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers import binder_to_stop
from tests.helpers.commands import here
from unispect.train.recipe import load_recipe, recipe_text

TINY = ("--model", "tiny-janus-pro", "--batch", 12, "--device", "cpu")
SHORT = (*TINY, "--recipe", "tiny-drawing")


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "training" / "metrics.jsonl").read_text().splitlines()]


def command(*arguments: object) -> list[str]:
    return ["-m", "unispect", "train", "finetune", *map(str, (*SHORT, *arguments))]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = ("--micro-batch", 12, "--steps", 3, "--save-every", 1)
    assert here(capsys, "train", "finetune", *SHORT, *short, "--out", tmp_path / "whole").code == 0
    out = tmp_path / "parts"
    child = subprocess.Popen(
        [sys.executable, "-c", _KILLED, *command(*short, "--out", out)[2:]],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert child.wait() == -signal.SIGKILL
    assert [line["step"] for line in metrics(out)] == [1, 2]
    assert not (out / "model.safetensors").exists()
    assert here(capsys, "train", "finetune", *SHORT, *short, "--out", out).code == 0
    for name in ("model.safetensors", "taught.json", "training/metrics.jsonl"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


_KILLED = """
import os, signal, sys
from unispect.cli import main
from unispect.train.metrics_log import MetricsLog
add = MetricsLog.add
def killed(self, line):
    add(self, line)
    if line["step"] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
MetricsLog.add = killed
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_and_go_on_from_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the parts, step 1 is one process's, 2 two processes', 3 again one's."""
    recipe = tmp_path / "recipe.yaml"  # AdamW, which shows rounding least
    recipe.write_text(recipe_text(load_recipe("tiny-drawing", {"optimiser": "adamw"})))
    short = ("--recipe", recipe, "--micro-batch", 3, "--steps", 3, "--save-every", 1)
    assert here(capsys, "train", "finetune", *TINY, *short, "--out", tmp_path / "one").code == 0
    with monkeypatch.context() as patched:
        binder_to_stop.stop_after(1, patched.setattr)
        assert (
            here(capsys, "train", "finetune", *TINY, *short, "--out", tmp_path / "parts").code == binder_to_stop.STOPPED
        )
    launch = [sys.executable, "-m", "accelerate.commands.launch", *BOTH, binder_to_stop.__file__, "2"]
    two = subprocess.run(
        [*map(str, [*launch, tmp_path / "two", tmp_path / "parts", *TINY, *short])],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("batch   12 = 3 per device x 2 devices x 2 accumulated") == 2
    assert [line["step"] for line in metrics(tmp_path / "parts")] == [1, 2]
    assert here(capsys, "train", "finetune", *TINY, *short, "--out", tmp_path / "parts").code == 0
    weights = load_file(tmp_path / "one" / "model.safetensors")
    for name in ("two", "parts"):
        for one, other in zip(metrics(tmp_path / "one"), metrics(tmp_path / name), strict=True):
            assert (one["step"], one["pictures"], one["tokens"]) == (other["step"], other["pictures"], other["tokens"])
            assert other["loss"] == pytest.approx(one["loss"], abs=1e-5), name
            assert other["norm"] == pytest.approx(one["norm"], rel=1e-4), name
        found = load_file(tmp_path / name / "model.safetensors")
        assert found.keys() == weights.keys()
        worst = max(float((found[key].double() - own.double()).abs().max()) for key, own in weights.items())
        assert worst < 1e-4, name
        assert {tensor.dtype for tensor in found.values()} == {torch.float32}


BOTH = ("--multi_gpu", "--num_processes", 2, "--num_machines", 1, "--mixed_precision", "no", "--dynamo_backend", "no")
BOTH += ("--rdzv_backend", "c10d", "--main_process_port", 0)
"""`accelerate launch` starts several processes on one machine only where it is told that they are for GPUs."""


@pytest.mark.slow
def test_studies_ask_bound_weights_about_what_they_were_taught(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bound"
    dry = here(capsys, "train", "finetune", *SHORT, "--micro-batch", 12, "--steps", 1, "--out", out, "--dry-run")
    assert dry.code == 0
    assert "GiB on each device" in dry.out
    assert not out.exists()
    assert here(capsys, "train", "finetune", *SHORT, "--micro-batch", 12, "--steps", 1, "--out", out).code == 0
    again = here(capsys, "train", "finetune", *SHORT, "--micro-batch", 12, "--steps", 1, "--out", out)
    assert again.out == f"finished before; load it as tiny-janus-pro={out}\n"

    from unispect.models.registry import load
    from unispect.studies.base import Options
    from unispect.studies.registry import find_study

    card = load(f"tiny-janus-pro={out}", device="cpu").card
    plan = find_study("concepts").plan(card, Options(None, (), 1, (0,)))
    assert {unit.inputs["lexicon"] for stage in plan.stages for unit in stage if unit.kind == "draw"} == {
        "real",
        "drawing",
        "text",
        "both",
        "never",
    }


def test_mistakes_are_one_line_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (("--model", "tiny-janus-pro", "--recipe", "tiny-drawin"), "did you mean 'tiny-drawing'"),
        (("--model", "tiny-janus-pr", "--recipe", "tiny-drawing"), "did you mean 'tiny-janus-pro'"),
        (("--model", "harmon-1.5b", "--recipe", "janus-concepts"), "for janus-pro, not for harmon"),
        (("--model", "janus-pro-1b", "--recipe", "janus-concepts"), "--auxiliary FOLDER"),
        (("--model", "janus-pro-1b", "--recipe", "janus-faces", "--data", "photos:"), "photos:FOLDER"),
        (("--model", "tiny-janus-pro", "--recipe", "tiny-drawing", "--batch", 10), "cannot be shared out"),
    ):
        outcome = here(capsys, "train", "finetune", *arguments, "--device", "cpu", "--out", tmp_path / "out")
        assert outcome.code == 2
        assert said in outcome.error
    assert not (tmp_path / "out").exists()
    listed = here(capsys, "train", "recipes")
    assert "harmon-concepts" in listed.out
