"""A user's mistakes and a machine's faults: one clear line, the right exit code, nothing recorded is lost."""

import json
import resource
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.helpers.commands import Outcome, apart, here
from tests.helpers.tiny_janus import write_checkpoint
from unispect.runs import RunStore
from unispect.runs.check import check

WEIGHTS = "model.safetensors"
SOME_KEY = "language_model.model.layers.1.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("good") / "weights")


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("a red cat on a blue mat\tanimals\na small house by the sea under a yellow sun\thouses\n")
    return path


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return shutil.copytree(checkpoint, tmp_path / "weights")


def encoding(weights: Path, prompts: Path | str, out: Path, *more: object) -> tuple[object, ...]:
    data = prompts if isinstance(prompts, str) else f"text:{prompts}"
    return ("run", "encoding", "--model", f"janus-pro-1b={weights}", "--data", data, "--out", out, *more)


def refused(outcome: Outcome, code: int, *parts: str) -> None:
    assert outcome.code == code, outcome
    for part in parts:
        assert part in outcome.error


def changed(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


# --- names and options ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("run", "concept", "--model", "janus-pro-1b"), ("unknown study 'concept'", "did you mean 'concepts'?")),
        (("run", "encoding", "--model", "janus-pro1b"), ("unknown model 'janus-pro1b'", "'janus-pro-1b'")),
        (("run", "encoding", "--model", "=weights"), ("cannot read the model",)),
        (("run", "encoding", "--model", "janus-pro-1b", "--sede", "1"), ("--sede", "Did you mean --seeds?")),
        (("run", "encoding", "--model", "janus-pro-1b", "--preset", "papre"), ("papre", "paper")),
        (("run", "encoding", "--model", "janus-pro-1b", "--dtype", "float16"), ("float16", "bfloat16")),
        (("run", "encoding", "--model", "janus-pro-1b", "--limit", "many"), ("--limit", "many")),
        (("run", "encoding", "--model", "janus-pro-1b", "--limit", "0"), ("limit", "at least 1")),
        (("run", "encoding", "--model", "janus-pro-1b", "--batch-size", "0"), ("--batch-size", "at least 1")),
        (("run", "encoding", "--model", "janus-pro-1b", "--seeds", "1", "1"), ("--seeds", "twice")),
        (("run", "concepts", "--model", "janus-pro-1b", "--preset", "paper"), ("--preset", "concepts")),
        (("run", "concepts", "--model", "janus-pro-1b", "--data", "images:x"), ("images:x", "world")),
        (("run", "encoding", "--model", "janus-pro-1b", "--data", "wrld"), ("unknown data", "did you mean 'world'?")),
    ],
)
def test_a_word_that_means_nothing(arguments, parts, tmp_path, capsys):
    refused(here(capsys, *arguments, "--out", tmp_path / "run"), 2, *parts)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("device", "part"), [("cuda:97", "no device 'cuda:97'"), ("gpu", "unknown device 'gpu'")])
def test_a_device_that_is_not_there(device, part, checkpoint, prompts, tmp_path, capsys):
    refused(here(capsys, *encoding(checkpoint, prompts, tmp_path / "run", "--device", device)), 2, part)


def test_folders_that_are_not_what_they_should_be(checkpoint, prompts, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    refused(here(capsys, *encoding(checkpoint, prompts, tmp_path / "other")), 2, "thesis.tex", "choose another")
    refused(here(capsys, *encoding(checkpoint, prompts, prompts)), 2, "a file is in its place")
    refused(here(capsys, *encoding(tmp_path / "gone", prompts, tmp_path / "run")), 2, str(tmp_path / "gone"))
    for verb in ("report", "grade", "export"):
        refused(here(capsys, verb, tmp_path / "other"), 2, "is not a run folder")
    refused(here(capsys, "report"), 2, "name at least one run folder")


def test_an_unknown_judge(checkpoint, prompts, tmp_path, capsys):
    here(capsys, *encoding(checkpoint, prompts, tmp_path / "run"))
    refused(here(capsys, "grade", tmp_path / "run", "--judge", "rule"), 2, "unknown judge 'rule'", "'rules'")


# --- checkpoints ---------------------------------------------------------------------------------------------------


def test_a_missing_key_is_named(copy, prompts, tmp_path, capsys):
    changed(copy, lambda tensors: tensors.__delitem__(SOME_KEY))
    refused(here(capsys, *encoding(copy, prompts, tmp_path / "run")), 1, SOME_KEY, str(copy))


def test_an_extra_key_is_named(copy, prompts, tmp_path, capsys):
    changed(copy, lambda tensors: tensors.update({"language_model.surprise.weight": torch.zeros(2)}))
    refused(here(capsys, *encoding(copy, prompts, tmp_path / "run")), 1, "language_model.surprise.weight", WEIGHTS)


def test_a_key_of_another_shape_is_named(copy, prompts, tmp_path, capsys):
    changed(copy, lambda tensors: tensors.update({SOME_KEY: torch.zeros(3, 5)}))
    refused(here(capsys, *encoding(copy, prompts, tmp_path / "run")), 1, SOME_KEY, "3", "5")


def test_truncated_weights_are_named(copy, prompts, tmp_path, capsys):
    whole = (copy / WEIGHTS).read_bytes()
    (copy / WEIGHTS).write_bytes(whole[: len(whole) // 2])
    refused(here(capsys, *encoding(copy, prompts, tmp_path / "run")), 1, str(copy / WEIGHTS))


class Payload:
    """Unpickling it would leave a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_a_pickle_with_code_is_refused_and_not_run(copy, prompts, tmp_path, capsys):
    (copy / WEIGHTS).unlink()
    torch.save({SOME_KEY: Payload(tmp_path / "ran")}, copy / "pytorch_model.bin")
    refused(here(capsys, *encoding(copy, prompts, tmp_path / "run")), 1, "pytorch_model.bin")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_damaged_file_of_a_checkpoint_is_named(name, copy, prompts, tmp_path, capsys):
    (copy / name).write_text("{")
    refused(here(capsys, *encoding(copy, prompts, tmp_path / "run")), 1, name)
    (copy / name).unlink()
    refused(here(capsys, *encoding(copy, prompts, tmp_path / "run")), 1, name)


def test_weights_of_another_model(copy, prompts, tmp_path, capsys):
    (copy / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 8}))
    refused(here(capsys, *encoding(copy, prompts, tmp_path / "run")), 1, "config.json")


# --- inputs --------------------------------------------------------------------------------------------------------


def bomb() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "part"),
    [(b"hello", "is not a picture"), (bomb(), "refused"), (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "3.png")],
    ids=["unreadable", "bomb", "damaged"],
)
def test_a_picture_that_cannot_be_used(content, part, checkpoint, tmp_path, capsys):
    folder = tmp_path / "pictures" / "cats"
    folder.mkdir(parents=True)
    Image.new("RGB", (20, 20), "red").save(folder / "1.png")
    (folder / "3.png").write_bytes(content)
    outcome = here(capsys, *encoding(checkpoint, f"images:{tmp_path / 'pictures'}", tmp_path / "run"))
    refused(outcome, 1, str(folder / "3.png"), part)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("scheme", ["text", "images", "t2i-corebench"])
def test_an_input_that_is_not_there(scheme, checkpoint, tmp_path, capsys):
    outcome = here(capsys, *encoding(checkpoint, f"{scheme}:{tmp_path / 'gone'}", tmp_path / "run"))
    refused(outcome, 1, str(tmp_path / "gone"))


def test_an_empty_list(checkpoint, tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "pictures").mkdir()
    for spec in (f"text:{tmp_path / 'empty.txt'}", f"images:{tmp_path / 'pictures'}"):
        refused(here(capsys, *encoding(checkpoint, spec, tmp_path / "run")), 2, "holds no prompts")


# --- faults while running ------------------------------------------------------------------------------------------


def statuses(run: Path) -> dict[str, int]:
    with RunStore.open(run) as store:
        counts = store.counts()
    return {word: sum(getattr(count, word) for count in counts) for word in ("planned", "done", "failed")}


@pytest.mark.slow
def test_states_that_are_no_numbers(checkpoint, copy, prompts, tmp_path, capsys):
    run = tmp_path / "run"
    assert here(capsys, *encoding(checkpoint, prompts, run)).code == 0
    before = statuses(run)
    changed(copy, lambda tensors: tensors[SOME_KEY].fill_(float("nan")))
    refused(here(capsys, *encoding(copy, prompts, run)), 1, "model.safetensors", SOME_KEY, "not finite")
    assert statuses(run) == before
    # Weights may be finite and what they compute not.
    changed(copy, lambda tensors: tensors[SOME_KEY].fill_(3e38))
    outcome = here(capsys, *encoding(copy, prompts, run))
    refused(outcome, 1, "failed", "layer 2", "the same command tries them again")
    after = statuses(run)
    assert after["done"] == before["done"] == before["planned"]
    assert after["failed"] > 0
    assert check(run) == ()


@pytest.mark.slow
def test_a_full_disk_and_room_again(checkpoint, tmp_path, capsys):
    run, prompts = tmp_path / "run", tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"{number} birds on a wire" for number in range(40)))
    command = encoding(checkpoint, prompts, run, "--preset", "paper", "--batch-size", 4)

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))

    refused(apart(*command, before=little_room), 1, "run.sqlite", "nothing recorded so far is lost")
    kept = statuses(run)
    assert 0 < kept["done"] < kept["planned"]
    assert check(run) == ()
    assert here(capsys, *command).code == 0
    assert statuses(run)["done"] == kept["planned"]


@pytest.mark.slow
def test_a_damaged_run_is_refused_by_name(checkpoint, prompts, tmp_path, capsys):
    run = tmp_path / "run"
    here(capsys, *encoding(checkpoint, prompts, run))
    whole = (run / "run.sqlite").read_bytes()
    (run / "run.sqlite").write_bytes(whole[:5000])
    for verb in ("report", "export", "grade"):
        refused(here(capsys, verb, run), 1, "run.sqlite")
    refused(here(capsys, *encoding(checkpoint, prompts, run)), 1, "run.sqlite")


@pytest.mark.slow
def test_a_report_that_cannot_be_written(checkpoint, prompts, tmp_path, capsys):
    here(capsys, *encoding(checkpoint, prompts, tmp_path / "run"))
    refused(here(capsys, "report", tmp_path / "run", "--out", tmp_path), 2, "is a folder")
    refused(here(capsys, "report", tmp_path / "run", tmp_path / "run"), 2, "named twice")
