"""What works with few packages, and how the absence of others is told."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import unispect
from tests.helpers.loopback_judge import KEY, VARIABLE, loopback
from tests.helpers.loopback_pictures import artist
from unispect.core.errors import UsageError
from unispect.core.extras import EXTRAS, MissingExtra, missing, told
from unispect.models import registry

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BASE = ("numpy", "scipy")
METRIC = (*BASE, "torch")
BLOCK = """
import sys
from importlib.abc import MetaPathFinder

HIDDEN = set(sys.argv.pop(1).split(","))

class Hide(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide())
"""
COMMAND = "from unispect.cli import main\nsys.exit(main(sys.argv[1:]))"
METRICS = """
import pkgutil
from importlib import import_module
import unispect.metrics

for module in pkgutil.walk_packages(unispect.metrics.__path__, "unispect.metrics."):
    import_module(module.name)
import torch
from unispect.metrics.dependence import overlap_divergence
from unispect.metrics.entropy import renyi_entropy
from unispect.metrics.crossed import crossed_mean

rows = 100 * torch.eye(8)
assert abs(renyi_entropy(rows, sigma=1.0).value - 3) < 1e-6
print(sorted({name.partition(".")[0] for name in sys.modules} & HIDDEN))
"""


def names(asked: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(one).name) for one in asked} - {"unispect"}


def reached(name: str, seen: set[str]) -> Iterator[str]:
    """A package and what it asks for, without its extras."""
    if name not in seen:
        seen.add(name)
        yield name
        try:
            asked = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            return
        for one in asked:
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                yield from reached(canonicalize_name(one.name), seen)


def beside(kept: Iterable[str]) -> str:
    """Every top-level module that is installed here and that none of these packages leads to."""
    there = {one for name in kept for one in reached(name, set())}
    found = packages_distributions().items()
    return ",".join(name for name, by in found if not {canonicalize_name(one) for one in by} & {*there, "unispect"})


def hidden(extra: str) -> str:
    return ",".join(EXTRAS[extra])


def run(
    code: str, hide: str, *arguments: object, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCK + code, hide, *map(str, arguments)]
    whole = os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {})
    return subprocess.run(command, capture_output=True, text=True, check=False, env=whole)


def test_the_table_is_that_of_the_project():
    assert names(PROJECT["dependencies"]) == set(BASE)
    asked = PROJECT["optional-dependencies"]
    assert {extra: set(packages.values()) for extra, packages in EXTRAS.items()} == {
        extra: names(asked[extra]) for extra in EXTRAS
    }
    (everything,) = map(Requirement, asked["all"])
    assert everything.extras == EXTRAS.keys() - {"inspect", "judges", "notebook", "quantised", "ray"}


@pytest.mark.slow
def test_the_metrics_need_torch_numpy_and_scipy_alone():
    done = run(METRICS, beside(METRIC))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_every_public_name_is_there_or_says_what_it_needs():
    code = """
import unispect
from unispect.core.extras import MissingExtra
lacking = []
for name in unispect.__all__:
    try:
        getattr(unispect, name)
    except MissingExtra as error:
        lacking.append(name)
print(*lacking)
"""
    done = run(code, beside(BASE))
    assert done.returncode == 0, done.stderr
    assert {"run", "grade", "write_report"} <= set(done.stdout.split()) < set(unispect.__all__)


def test_the_command_line_says_what_it_needs():
    done = run(COMMAND, beside(BASE), "models")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"unispect: this needs \w+, which is not installed: pip install 'unispect\[run\]' .*\n", done.stderr
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "command"),
    [
        ("models", "run concepts --model tiny-janus-pro-bound --limit 1 --seeds 0 --out {}/run --device cpu"),
        ("report", "demo --out {}/demo"),
        ("train", "train finetune --model tiny-janus-pro --recipe tiny-bound --out {}/bound --device cpu"),
    ],
)
def test_what_a_command_lacks_is_one_line(extra: str, command: str, tmp_path: Path):
    done = run(COMMAND, hidden(extra), *command.format(tmp_path, tmp_path).split())
    assert done.returncode == 2, done.stderr
    assert f"pip install 'unispect[{extra}]'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr


def test_loading_a_model_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch):
    def lacking(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'transformers'", name="transformers.models")

    monkeypatch.setattr(registry, "_load", lacking)
    with pytest.raises(MissingExtra, match=r"needs transformers, .* pip install 'unispect\[models\]'"):
        unispect.load("tiny-harmon")


WITHOUT_MODELS = "torch,transformers,diffusers,accelerate,tokenizers,safetensors,huggingface_hub"


@pytest.mark.slow
def test_what_computes_with_no_model_needs_no_torch(tmp_path: Path) -> None:
    """Every command on a folder that one has written, and a run of a model behind an API."""
    written = tmp_path / "run"
    unispect.run("concepts", "tiny-janus-pro-bound", written, limit=1, seeds=(0,), parts=("draw", "recall"))
    (tmp_path / "prompts.txt").write_text("a red star")
    with loopback() as server:
        server.otherwise = artist
        commands = [
            "models",
            "models tiny-janus-pro-bound",
            "studies",
            f"status {written}",
            f"grade {written} --judge rules",
            f"report {written} --out {tmp_path / 'page.html'}",
            f"export {written} --out {tmp_path / 'records.parquet'}",
            f"merge {written} --out {tmp_path / 'merged'}",
            f"run drawing --model openai:+image@{server.url}/v1 --key-from {VARIABLE} --seeds 0"
            f" --data text:{tmp_path / 'prompts.txt'} --out {tmp_path / 'api'}",
        ]
        code = f"""
from unispect.cli import main
for command in {commands!r}:
    code = main(command.split())
    assert code in (0, None), (command, code)
import unispect
run = unispect.open({str(written)!r})
assert run.findings and len(run.frame()) and len(run.pictures())
"""
        done = run(code, WITHOUT_MODELS, environment={VARIABLE: KEY, "NO_PROXY": "127.0.0.1"})
    assert done.returncode == 0, done.stderr
    assert len(unispect.open(tmp_path / "api").pictures()) == 1


def test_only_packages_of_extras_are_told():
    with pytest.raises(MissingExtra, match=r"needs resvg-py, .*unispect\[faces\]") as caught, told():
        raise ModuleNotFoundError("no", name="resvg_py.inner")
    assert isinstance(caught.value, UsageError | ImportError)
    assert missing(caught.value) is caught.value
    with pytest.raises(ModuleNotFoundError, match="a name of ours"), told():
        raise ModuleNotFoundError("a name of ours", name="unispect.nowhere")
    assert missing(ValueError("x")) is None
    with pytest.raises(MissingExtra, match="Windows Subsystem for Linux"), told():
        raise ModuleNotFoundError("No module named 'fcntl'", name="fcntl")
