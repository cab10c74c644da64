"""The folder of a training: who may write to it, what may stand in it, and what is said of what goes wrong."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from tests.helpers import tiny_binding
from tests.helpers.tiny_binding import Binder, order
from unispect.core.errors import CheckpointError, OutsideError, StoreError, UsageError
from unispect.runs import durable
from unispect.train import folder, states
from unispect.train.finetune import FinetuneConfig, finetune, finished, prepare, tidy
from unispect.train.metrics_log import MetricsLog
from unispect.train.output_folder import claimed, explained, held

SETTINGS = {"steps": 3, "save_every": 2, "batch": 2, "micro_batch": 2}


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    with tiny_binding.known():
        yield


@pytest.fixture(scope="module")
def binder(tmp_path_factory: pytest.TempPathFactory) -> Binder:
    with tiny_binding.known():
        return Binder(tmp_path_factory.mktemp("binder"), **SETTINGS)


class Stopped(Exception):
    pass


def when(step: int, act: Callable[[], object]) -> Callable[..., None]:
    def look(stage: str, done: int, steps: int, values: dict[str, float]) -> None:
        if done == step:
            act()

    return look


def stopped(binder: Binder, out: Path) -> FinetuneConfig:
    """A training that was stopped behind its last step, of which the last state knows nothing."""

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        binder.finetune(out, when(3, stop))
    asked = binder.order(out)
    assert (asked.run / "state.pt").exists()
    return asked


HOLDER = """
import sys, time
from pathlib import Path
from unispect.train.output_folder import held
out = Path(sys.argv[1])
with held(out, out / "training"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """Another process that writes to the folder `out`."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "out")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.communicate()


@pytest.mark.slow
def test_a_second_training_is_refused_by_name_until_the_first_one_is_dead(
    holder: subprocess.Popen, binder: Binder, tmp_path: Path
) -> None:
    asked = binder.order(tmp_path / "out")
    with pytest.raises(StoreError, match=f"is being written by process {holder.pid} on "):
        binder.finetune(asked.out)
    assert [path.name for path in asked.out.rglob("*")] == ["training", "run.lock"]
    holder.kill()
    holder.communicate()
    binder.finetune(asked.out)
    assert finished(asked)


def test_what_another_process_finished_meanwhile_is_left_as_it_is(binder: Binder, tmp_path: Path) -> None:
    asked = binder.finetune(tmp_path / "out")
    late = binder.ready(asked.out)
    other = replace(late, order=replace(asked, recipe=asked.recipe.model_copy(update={"seed": 1})))
    before = {path: path.stat().st_mtime_ns for path in asked.out.rglob("*")}
    assert finetune(late, when(0, lambda: pytest.fail("it was trained again"))) == asked.out
    with pytest.raises(UsageError, match="holds another training, of another recipe"):
        finetune(other)
    changed = {path.name for path in asked.out.rglob("*") if path.stat().st_mtime_ns != before.get(path)}
    assert changed <= {"run.lock", "training", "out"}


def links(out: Path, away: Path) -> dict[str, Callable[[], None]]:
    """Ways to lead what is written out of the folder."""

    def other(name: str) -> Callable[[], None]:
        def make() -> None:
            if (out / name).exists():
                shutil.move(out / name, away / "moved")
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).symlink_to(away, target_is_directory=True)

        return make

    def file(name: str) -> Callable[[], None]:
        def make() -> None:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).unlink(missing_ok=True)
            (out / name).symlink_to(away / "thesis.txt")

        return make

    def pipe() -> None:
        (out / "training" / "state.pt").unlink()
        os.mkfifo(out / "training" / "state.pt")

    return {
        **{name: other(name) for name in ("steps", "steps/000001", ".unfinished", "adapter", "training/state")},
        **{name: file(f"training/{name}") for name in ("metrics.jsonl", "state.pt", "run.lock", ".state.pt.1.tmp")},
        **{name: file(name) for name in ("model.safetensors", "taught.json", "config.json")},
        "pipe": pipe,
    }


@pytest.mark.parametrize("name", links(Path(), Path()))
def test_links_in_the_folder_lead_nothing_out_of_it(name: str, binder: Binder, tmp_path: Path) -> None:
    out, away = tmp_path / "out", tmp_path / "away"
    away.mkdir()
    (away / "thesis.txt").write_text("mine")
    (away / "step.json").write_text("{}")
    stopped(binder, out)
    links(out, away)[name]()
    before = sorted(path.name for path in away.iterdir())
    with pytest.raises((UsageError, StoreError), match=r"is a link|neither a file nor a folder|cannot be written"):
        finetune(binder.ready(out))
    assert sorted(path.name for path in away.iterdir()) == before
    assert (away / "thesis.txt").read_text() == "mine"


def test_a_link_as_the_folder_itself_is_followed(binder: Binder, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "large disk")
    binder.finetune(tmp_path / "out")
    assert (tmp_path / "large disk" / "model.safetensors").exists()


def test_lines_are_never_written_into_a_file_that_stands_elsewhere_too(tmp_path: Path) -> None:
    (tmp_path / "copy").write_text('{"step": 1}\n')
    os.link(tmp_path / "copy", tmp_path / "lines")
    journal = MetricsLog(tmp_path / "lines")
    journal.cut(1)
    journal.add({"step": 2})
    assert (tmp_path / "copy").read_text() == '{"step": 1}\n'
    journal.path.unlink()
    journal.path.symlink_to(tmp_path / "copy")
    with pytest.raises(OSError, match="symbolic links"):
        journal.add({"step": 3})


@pytest.mark.parametrize("again", [False, True], ids=["gone", "another in its place"])
@pytest.mark.parametrize("moment", ["start", "state", "weights", "end"])
def test_a_folder_that_is_deleted_meanwhile_is_noticed(
    moment: str, again: bool, binder: Binder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = binder.order(tmp_path / "out")

    def delete() -> None:
        shutil.rmtree(asked.out)
        if again:
            asked.run.mkdir(parents=True)
            (asked.run / "run.lock").touch()
            (asked.run / "metrics.jsonl").touch()

    def before(module: object, name: str) -> None:
        honest = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: (delete(), honest(*given))[1])

    look = None
    if moment in ("start", "end"):
        look = when(0 if moment == "start" else 3, delete)
    elif moment == "state":
        before(states, "save_state")
    else:
        before(folder, "_copy_texts")
    with pytest.raises(StoreError, match="was moved or deleted while the training wrote to it"):
        binder.finetune(asked.out, look)
    assert asked.out.exists() == again


def test_a_folder_that_is_moved_meanwhile_goes_on_where_it_is(binder: Binder, tmp_path: Path) -> None:
    asked = binder.order(tmp_path / "out")
    with pytest.raises(StoreError, match="was moved or deleted"):
        binder.finetune(asked.out, when(3, lambda: asked.out.rename(tmp_path / "moved")))
    assert not asked.out.exists()
    moved = binder.finetune(tmp_path / "moved")
    whole = binder.finetune(tmp_path / "whole")
    assert (moved.out / "model.safetensors").read_bytes() == (whole.out / "model.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077], ids=oct)
def test_written_files_have_the_permissions_of_new_files(mask: int, binder: Binder, tmp_path: Path) -> None:
    model = Path(binder.made.order.model.partition("=")[2])
    asked = order("janus-pro", model, tmp_path / "out", **SETTINGS, save_at=(1,), lora={"rank": 2, "alpha": 4})
    ready = prepare(asked)
    before = os.umask(mask)
    try:
        finetune(ready)
    finally:
        os.umask(before)
    files = [path for path in asked.out.rglob("*") if path.is_file()]
    assert {"model.safetensors", "adapter_model.safetensors", "metrics.jsonl"} <= {path.name for path in files}
    odd = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in files}
    assert set(odd.values()) == {oct(0o666 & ~mask)}, odd


@pytest.mark.parametrize("content", [None, b"", b'{"model": "tiny', b"\xff\xfe\x00", b"[" * 100_000, b"[1]", b"null"])
def test_a_claim_that_a_kill_or_a_full_disk_left_is_no_claim(
    content: bytes | None, binder: Binder, tmp_path: Path
) -> None:
    asked = binder.order(tmp_path / "out")
    asked.run.mkdir(parents=True)
    (asked.run / "run.lock").touch()
    (asked.run / ".claim.json.77.tmp").write_bytes(b"{")
    if content is not None:
        asked.claim.write_bytes(content)
    assert finished(asked) is None
    binder.finetune(asked.out)
    assert finished(asked)
    assert not list(asked.out.rglob("*.tmp"))


def test_a_damaged_claim_beside_a_state_says_what_to_do(binder: Binder, tmp_path: Path) -> None:
    asked = stopped(binder, tmp_path / "out")
    whole = asked.claim.read_bytes()
    asked.claim.write_bytes(whole[:50])
    for act in (lambda: finished(asked), lambda: binder.finetune(asked.out)):
        with pytest.raises(
            StoreError, match=r"claim\.json is damaged.*put the file back from a copy, or choose another"
        ):
            act()
    asked.claim.write_bytes(whole)
    binder.finetune(asked.out)


def test_a_claim_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "claim.json")
    with pytest.raises(OutsideError, match="a named pipe"):
        claimed(tmp_path / "claim.json", tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [*lines, lines[-1][:20]], ""),
        (lambda lines: [lines[0], lines[0], lines[1], lines[1], *lines], ""),
        (lambda lines: [b"[" * 100_000 + b"\n", b'{"step": NaN}\n', b"\xff\n", *lines], ""),
        (lambda lines: lines[1:], "no line of step 1"),
        (lambda lines: [lines[0], lines[1][:9]], "no line of step 2"),
        (lambda lines: [], "no line of step 1"),
    ],
    ids=["torn", "twice", "odd", "first lost", "second torn", "empty"],
)
def test_a_journal_goes_on_whole_or_says_what_it_lacks(change, said: str, binder: Binder, tmp_path: Path) -> None:
    whole = binder.finetune(tmp_path / "whole")
    asked = stopped(binder, tmp_path / "out")
    path = asked.run / "metrics.jsonl"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    if said:
        with pytest.raises(StoreError, match=f"{said}.*or delete the state beside it to begin again"):
            binder.finetune(asked.out)
        (asked.run / "state.pt").unlink()
    binder.finetune(asked.out)
    assert path.read_bytes() == (whole.run / "metrics.jsonl").read_bytes()
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2, 3]


def test_what_was_taught_cut_short_is_written_again(binder: Binder, tmp_path: Path) -> None:
    asked = binder.finetune(tmp_path / "out")
    whole = (asked.out / "taught.json").read_bytes()
    (asked.out / "taught.json").write_bytes(whole[:10])
    assert finished(asked) is None
    binder.finetune(asked.out)
    assert (asked.out / "taught.json").read_bytes() == whole


def test_what_a_finished_training_was_stopped_before_it_removed_is_removed(binder: Binder, tmp_path: Path) -> None:
    asked = binder.finetune(tmp_path / "out")
    (asked.run / "state.pt").touch()
    for name in ("training/state-2", "training/state", ".unfinished"):
        (asked.out / name).mkdir()
    tidy(asked)
    assert sorted(path.name for path in asked.run.iterdir()) == ["claim.json", "metrics.jsonl", "run.lock"]
    assert not (asked.out / ".unfinished").exists()


@pytest.mark.parametrize(
    ("error", "under", "said"),
    [
        (OSError(28, "No space left on device"), None, "No space left on device; make room, then run the same command"),
        (OSError(122, "Disk quota exceeded"), None, "Disk quota exceeded; make room, then run the same command again"),
        (OSError(27, "File too large"), None, "File too large; make room, then run the same command again"),
        (OSError(13, "Permission denied"), None, "Permission denied; what was saved"),
        (OSError("odd"), None, "odd; what was saved"),
        (RuntimeError("unexpected pos 704 vs 598"), OSError(28, "x"), "No space left on device; make room"),
        (
            RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos"),
            None,
            "the disk or quota may be full",
        ),
        (
            SafetensorError("I/O error: No space left on device (os error 28)"),
            None,
            "No space left on device; make room",
        ),
        (SafetensorError("something new"), None, "something new; the disk or quota may be full: make room"),
    ],
)
def test_whatever_says_that_it_cannot_be_written_is_told_alike(
    error: Exception, under: Exception | None, said: str
) -> None:
    error.__context__ = under
    with pytest.raises(StoreError, match="FILE cannot be written: ") as told, explained(Path("FILE")):
        raise error
    assert said in str(told.value)


def test_other_errors_stay_what_they_are() -> None:
    for error in (RuntimeError("size mismatch"), ValueError("x")):
        with pytest.raises(type(error)) as told, explained(Path("FILE")):
            raise error
        assert told.value is error


def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("mine")
    (tmp_path / f".file.{os.getpid()}.tmp").symlink_to(tmp_path / "thesis")
    durable.write(tmp_path / "file", b"ours")
    assert (tmp_path / "thesis").read_text() == "mine"
    assert (tmp_path / "file").read_bytes() == b"ours"
    assert not (tmp_path / "file").is_symlink()


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(UsageError, match="is a file; choose a folder"):
        claimed(tmp_path / "out" / "training" / "claim.json", tmp_path / "out")
    with pytest.raises(StoreError, match="cannot be written"), held(tmp_path / "out", tmp_path / "out" / "training"):
        pass


def test_torch_says_no_more_than_a_runtime_error(tmp_path: Path) -> None:
    """If torch says more one day, `explained` may say less."""

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device; make room"), explained(tmp_path / "state.pt"):
        torch.save({"x": torch.zeros(10)}, Full())


def test_what_a_checkpoint_links_to_elsewhere_is_not_copied_beside_the_weights(tmp_path: Path) -> None:
    source, secret = tmp_path / "model", tmp_path / "secret"
    source.mkdir()
    secret.write_text("mine")
    (source / "config.json").write_text("{}")
    (source / "again.json").symlink_to("config.json")
    assert {path.name for path in folder._texts(source)} == {"config.json", "again.json"}
    (source / "notes.txt").symlink_to(secret)
    with pytest.raises(CheckpointError, match=r"notes\.txt leads out of .*; put the file itself there"):
        list(folder._texts(source))


def test_links_of_the_hubs_cache_are_followed(tmp_path: Path) -> None:
    blob = tmp_path / "models--a--b" / "blobs" / "0123"
    revision = tmp_path / "models--a--b" / "snapshots" / "4567"
    for one in (blob.parent, revision):
        one.mkdir(parents=True)
    blob.write_text("{}")
    (revision / "config.json").symlink_to("../../blobs/0123")
    assert [path.name for path in folder._texts(revision)] == ["config.json"]
