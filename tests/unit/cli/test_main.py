import errno
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest

from unispect import cli
from unispect.cli import finetune, sweep
from unispect.cli.failures import explain
from unispect.cli.words import VERBS
from unispect.core.errors import DataError, UsageError

TORCH_FREE = (
    "import sys; from unispect.cli import main; code = main({!r}); assert 'torch' not in sys.modules; sys.exit(code)"
)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["studies"], *([verb, "--help"] for verb in VERBS)])
def test_help_answers_without_torch(arguments: list[str]):
    result = run_python(TORCH_FREE.format(arguments))
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout


def test_help_imports_no_verb():
    result = run_python(
        "import sys; from unispect.cli import main; main(['--help']);"
        "print(*(n for n in sys.modules if n.startswith('unispect.')), sep='\\n')"
    )
    loaded = set(result.stdout.splitlines())
    assert not {verb.path.partition(":")[0] for verb in VERBS.values()} & loaded
    assert "Commands" in result.stdout


@pytest.mark.parametrize("verb", VERBS.values())
def test_every_verb_resolves(verb: tuple[str, str]):
    module, _, name = verb[0].partition(":")
    assert callable(getattr(import_module(module), name))


def test_every_file_of_the_package_is_a_verb_or_a_helper():
    helpers = {"__init__", "app", "words", "failures", "console", "progress", "running"}
    helpers |= {"finetune", "sweep", "posters", "remote", "replicas"}  # of the verbs train, check and run
    helpers |= {"completeness", "helping", "config"}  # of all that read runs
    helpers |= {"speaking"}  # of the verbs grade and run
    helpers |= {"status_words"}  # of the verbs status, check and merge
    there = {Path(str(file)).stem for file in files(cli).iterdir() if str(file).endswith(".py")}
    assert there - helpers == {verb.path.partition(":")[0].rpartition(".")[2] for verb in VERBS.values()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demmo"], "unknown command 'demmo'; did you mean 'demo'?"),
        (["xyzzy"], "unknown command 'xyzzy'; known: check, demo"),
        (["studies", "--verbos"], "Unknown option: --verbos"),
        (["run"], "requires an argument"),
    ],
)
def test_wrong_commands_leave_one_line_and_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("unispect: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def raising(error: BaseException) -> Callable[[], Callable[..., None]]:
    def call(*_: object, **__: object) -> None:
        raise error

    return lambda: call


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("no such thing"), 2, "unispect: no such thing"),
        (DataError("a.png is\ndamaged"), 1, "unispect: a.png is damaged"),
        (DataError("a\x1b[31m.png"), 1, "unispect: a"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x/y"), 1, "unispect: the disk is full: /x/y; free some"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "unispect: Permission denied: /x"),
        (MemoryError(), 1, "unispect: out of memory; lower --batch-size"),
        (KeyError("x"), 1, "unispect: internal error: KeyError: 'x'; repeat with --debug"),
        (KeyboardInterrupt(), 130, "unispect: interrupted; what was recorded is kept, the same command continues"),
    ],
)
def test_every_failure_is_one_line(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr("unispect.cli.app.build_app", raising(error))
    assert cli.main(["run", "x"]) == code
    err = capsys.readouterr().err
    assert err.startswith(line)
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert "\x1b" not in err


def test_debug_adds_the_traceback_and_keeps_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("unispect.cli.app.build_app", raising(DataError("bad")))
    assert cli.main(["run", "--debug", "x"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("unispect: bad\n")


def test_an_interrupted_listing_promises_nothing():
    assert explain(KeyboardInterrupt(), ["models"]) == ("interrupted", 130)


def test_a_closed_pipe_is_quiet():
    code = "import sys; from unispect.cli import main; sys.exit(main(['studies']))"
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert result.stderr == ""


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "unispect", "studies"]
    assert "concepts" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("embedded null byte"), "a name holds a NUL, and no file can be called so"),
        (UnicodeEncodeError("utf-8", "a\ud800", 1, 2, "surrogates not allowed"), "half a character ('\\ud800')"),
    ],
)
def test_names_that_no_file_can_have_are_no_internal_errors(error: Exception, said: str):
    assert said in explain(error, ["report"])[0]
    assert explain(ValueError("something else"), ["report"])[0].startswith("internal error: ValueError")


@pytest.mark.parametrize("verb", ["report", "export", "status", "grade"])
def test_a_link_that_leads_to_itself_is_no_run(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "loop").symlink_to("loop")
    assert cli.main([verb, str(tmp_path / "loop")]) == 2
    assert "is not a run folder" in capsys.readouterr().err


def test_what_train_lists_says_what_the_commands_say(capsys: pytest.CaptureFixture[str]):
    cli.main(["train", "--help"])
    listed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for command in (finetune.finetune, finetune.recipes, finetune.layouts, sweep.sweep):
        first = (command.__doc__ or "").splitlines()[0]
        assert " ".join(first.replace("`", "").removesuffix(".").split()) in listed.replace("`", "")


def test_the_shell_can_complete(tmp_path: Path):
    command = ["--install-completion", "--shell", "bash", "--output", str(tmp_path / "done")]
    child = subprocess.run(
        [sys.executable, "-m", "unispect", *command],
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert "findings" in (tmp_path / "done").read_text()
