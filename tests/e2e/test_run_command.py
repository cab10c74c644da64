"""`unispect run` from prompts to a page: on real prompts, any pictures, any checkpoint; stopped and continued."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.commands import here
from tests.helpers.reference import need_reference
from tests.helpers.tiny_janus import write_checkpoint
from unispect.core.units import Entry
from unispect.runs import RunStore
from unispect.runs.export import export


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("good") / "weights")


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(f"{'very ' * (n % 5)}small prompt number {n}\tkind {n % 2}" for n in range(12)))
    return path


def encoding(weights: Path, data: str, out: Path, *more: object) -> tuple[str, ...]:
    command = ("run", "encoding", "--model", f"janus-pro-1b={weights}", "--data", data, "--out", out, *more)
    return tuple(map(str, command))


def lines(run: Path, folder: Path) -> bytes:
    with RunStore.open(run) as store:
        return export(store, folder / f"{run.name}.jsonl", timings=False).path.read_bytes()


@pytest.mark.slow
def test_the_first_lines_say_what_runs_on_what(checkpoint, prompts, tmp_path, capsys):
    outcome = here(capsys, *encoding(checkpoint, f"text:{prompts}", tmp_path / "run"))
    assert outcome.code == 0, outcome.err
    model, data, study = outcome.out.splitlines()[:3]
    assert model.startswith("model   janus-pro-1b@sha256:")
    assert model.endswith(" on cpu in float32")
    assert "12 prompts (text kind 0 6, text kind 1 6), digest " in data
    assert study.startswith("study   encoding version ")
    assert f"next: unispect report {tmp_path / 'run'}" in outcome.out


@pytest.mark.slow
def test_the_same_command_again_does_nothing_again(checkpoint, prompts, tmp_path, capsys):
    command = encoding(checkpoint, f"text:{prompts}", tmp_path / "run")
    here(capsys, *command)
    before = lines(tmp_path / "run", tmp_path)
    outcome = here(capsys, *command)
    assert outcome.code == 0
    assert "0 units done" in outcome.out
    assert lines(tmp_path / "run", tmp_path) == before
    with RunStore.open(tmp_path / "run") as store:
        assert len(store.manifest().invocations) == 2


@pytest.mark.slow
def test_a_run_that_exists_is_refused_when_asked_to(checkpoint, prompts, tmp_path, capsys):
    command = encoding(checkpoint, f"text:{prompts}", tmp_path / "run", "--fresh")
    assert here(capsys, *command).code == 0
    outcome = here(capsys, *command)
    assert outcome.code == 2
    assert "already holds" in outcome.error


@pytest.mark.slow
def test_equal_commands_leave_equal_bytes_and_other_batches_equal_numbers(checkpoint, prompts, tmp_path, capsys):
    for name, size in (("one", 1), ("five", 5), ("again", 5)):
        command = encoding(checkpoint, f"text:{prompts}", tmp_path / name, "--batch-size", size)
        assert here(capsys, *command).code == 0
    assert lines(tmp_path / "five", tmp_path) == lines(tmp_path / "again", tmp_path)
    with RunStore.open(tmp_path / "one") as one, RunStore.open(tmp_path / "five") as five:
        for left, right in zip(one.entries(), five.entries(), strict=True):
            assert left.unit == right.unit
            assert {k: pytest.approx(v, abs=1e-5) for k, v in curves(left).items()} == curves(right)


def curves(entry: Entry) -> dict[str, list[float]]:
    """What was measured layer by layer."""
    payload = entry.record.payload
    assert "rows" in payload or entry.unit.kind == "calibrate"
    return {k: v for k, v in payload.items() if isinstance(v, list) and all(isinstance(x, float) for x in v)}


def test_pictures_of_any_size(checkpoint, tmp_path, capsys):
    for name, size in (("cats/a.png", (40, 30)), ("cats/b.jpg", (7, 90)), ("dogs/c.webp", (64, 64))):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise(size, 80).convert("RGB").save(path)
    outcome = here(capsys, *encoding(checkpoint, f"images:{tmp_path / 'pictures'}", tmp_path / "run"))
    assert outcome.code == 0, outcome.err
    assert "3 prompts (image cats 2, image dogs 1)" in outcome.out


@pytest.mark.slow
def test_the_authors_own_files_go_through_the_command_line(prompts, tmp_path, capsys):
    outcome = here(capsys, *encoding(need_reference("janus_pro"), f"text:{prompts}", tmp_path / "run"))
    assert outcome.code == 0, outcome.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reference", "folder"),
    [("show-o2-1.5b", "show_o2", "show-o2"), ("show-o2-7b", "show_o2", "show-o2")],
)
def test_a_folder_with_its_companions_beside_it_goes_through_the_command_line(
    name, reference, folder, prompts, tmp_path, capsys
):
    """Sizes, tokenizer and pixel autoencoder come from what lies beside the named folder."""
    weights, out = need_reference(reference) / folder, tmp_path / "run"
    outcome = here(capsys, "run", "encoding", "--model", f"{name}={weights}", "--data", f"text:{prompts}", "--out", out)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith(f"model   {name}@sha256:")


@pytest.mark.slow
def test_a_prompt_beyond_the_positions_of_a_model_fails_alone_with_its_reason(tmp_path, capsys):
    weights, text = need_reference("janus_pro"), tmp_path / "prompts.txt"
    text.write_text("\n".join([*(f"a small prompt number {n}" for n in range(4)), "long " * 2000]))
    outcome = here(capsys, *encoding(weights, f"text:{text}", tmp_path / "run"))
    assert outcome.code == 1
    assert "positions, janus-pro-1b has 512; shorten it" in outcome.error
    with RunStore.open(tmp_path / "run") as store:
        assert sum(entry.record.status == "done" for entry in store.entries()) >= 4


@pytest.mark.slow
def test_published_prompts_on_an_organism(tmp_path, capsys):
    folder = need_reference("t2i_corebench")
    command = ["run", "encoding", "--model", "tiny-janus-pro", "--data", f"t2i-corebench:{folder}", "--limit", "2"]
    outcome = here(capsys, *command, "--out", str(tmp_path / "run"))
    assert outcome.code == 0, outcome.err
    assert "8 prompts (text composition 2, text deductive 2, text inductive 2, text abductive 2)" in outcome.out
    page = here(capsys, "report", tmp_path / "run", "--out", tmp_path / "report.html")
    assert page.code == 0, page.err
    assert (tmp_path / "report.html").stat().st_size > 10_000


INTERRUPTED = """
import io, os, signal, sys

class Told(io.TextIOWrapper):
    lines = 0

    def write(self, text):
        before, self.lines = self.lines, self.lines + text.count(chr(10))
        if before < 2 <= self.lines:
            os.kill(os.getpid(), signal.SIGINT)
        return super().write(text)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with interrupts ignored
sys.stderr = Told(sys.stderr.buffer, encoding="utf-8", line_buffering=True)
from unispect.cli import main
sys.exit(main())
"""
"""The command line, interrupted as it says its second line: begun, and a tenth of it done."""


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_the_same_command_goes_on(checkpoint, tmp_path, capsys):
    prompts, run = tmp_path / "prompts.txt", tmp_path / "run"
    prompts.write_text("\n".join(f"prompt {number} of very many" for number in range(100)))
    command = encoding(checkpoint, f"text:{prompts}", run, "--preset", "paper", "--batch-size", 4)
    child = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *command], capture_output=True, text=True, check=False, env=os.environ
    )
    told = child.stderr.splitlines()
    assert child.returncode == 130
    assert told[-1] == "unispect: interrupted; what was recorded is kept, the same command continues"
    with RunStore.open(run) as store:
        done = sum(count.done for count in store.counts())
    assert 20 <= done < 200
    outcome = here(capsys, *command)
    assert outcome.code == 0
    assert f"{200 - done} units done" in outcome.out


@pytest.mark.slow
def test_several_studies_on_several_models_end_in_one_comparison(tmp_path, capsys):
    models = ("tiny-janus-pro-b*", "tiny-harmon-bound", "tiny-janus-pro-bound", "tiny-janus-pro-mute")
    command = ["run", "response", "encoding", "--model", *models, "--limit", "1", "--seeds", "0", "--preset", "paper"]
    outcome = here(capsys, *command, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    named = [line for line in outcome.out.splitlines() if line.startswith("model ")]
    said = [line.removeprefix("model   ").partition("@")[0] for line in named]
    assert said == ["1 of 3: tiny-janus-pro-bound", "2 of 3: tiny-harmon-bound", "3 of 3: tiny-janus-pro-mute"]
    page = here(capsys, "report", tmp_path / "run", "--out", tmp_path / "report.html")
    assert page.code == 0, page.err
    assert "Families side by side" not in page.out  # one training of each stands for no way of drawing: no headline
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "3 models, 2 studies." in text
    section = text[text.index('id="families"') :].partition("</section>")[0]
    assert "the masked encoder sees pictures" in section
    assert "Models that draw by predicting open places" in section
    assert "one training cannot stand for a family" in section
    assert "tiny-janus-pro-bound" in section
    assert "tiny-janus-pro-mute" not in section  # planted: it stands for no family


def test_what_cannot_be_run_is_refused_before_anything_runs(tmp_path, capsys):
    refused = here(capsys, "run", "--model", "tiny-janus-pro", "--out", tmp_path / "run")
    assert (refused.code, "name a study" in refused.error) == (2, True)
    refused = here(capsys, "run", "encoding", "--model", "tyni-*", "--out", tmp_path / "run")
    assert (refused.code, "no model fits 'tyni-*'" in refused.error) == (2, True)
    refused = here(capsys, "run", "encoding", "concept", "--model", "tiny-janus-pro", "--out", tmp_path / "run")
    assert (refused.code, "did you mean 'concepts'" in refused.error) == (2, True)
    assert not (tmp_path / "run").exists()
