"""What commands and `unispect.load` import: nothing heavy that they do not use (bench/startup.py has the costs)."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WHOLE = Path(__file__).parents[2] / "fixtures" / "earlier_run" / "whole"

STEPS = {
    "import": ([], {"numpy", "PIL", "pydantic", "sqlite3", "rich", "cyclopts", "jinja2", "httpx2", "scipy"}),
    "help": (["--help"], {"numpy", "PIL", "pydantic", "sqlite3", "jinja2", "httpx2", "scipy"}),
    "studies": (["studies"], {"numpy", "PIL", "pydantic", "sqlite3", "jinja2", "httpx2", "scipy"}),
    "models": (["models"], {"numpy", "PIL", "pydantic", "sqlite3", "jinja2", "httpx2", "scipy"}),
    "status": (["status", "whole"], {"numpy", "PIL", "jinja2", "httpx2", "scipy"}),
    "export": (["export", "whole", "--format", "jsonl", "--out", "r.jsonl"], {"numpy", "PIL", "jinja2", "httpx2"}),
    "check": (["check", "run", "whole"], {"numpy", "PIL", "jinja2", "httpx2", "scipy"}),
    "merge": (["merge", "whole", "--out", "merged"], {"numpy", "PIL", "jinja2", "httpx2", "scipy"}),
    "run": (["run", "encoding", "--model", "nobody", "--out", "run"], {"jinja2", "scipy"}),
    "grade": (["grade", "whole"], {"jinja2", "vl_convert"}),
    "report": (["report", "whole", "--out", "r.html"], {"starlette", "uvicorn"}),
}
"""Command -> its arguments, and what neither it nor any one before it imports, beside what none does."""

NEVER = {"torch", "transformers", "tokenizers", "huggingface_hub", "diffusers", "peft", "accelerate", "sympy"}
NEVER |= {"scipy.stats", "scipy.optimize", "pyarrow", "pandas", "altair", "jsonschema", "matplotlib", "ray", "openai"}

COMMANDS = """
import json, sys
heavy, steps, told = *json.loads(sys.argv[1]), {}
import unispect
for name, arguments in steps.items():
    if arguments:
        from unispect.cli import main
        main(arguments)
    told[name] = [module for module in heavy if module in sys.modules]
json.dump(told, open("told.json", "w"))
"""

LOADING = """
import sys, unispect
from importlib import import_module
unispect.load("tiny-janus-pro")
import_module("unispect.models.show_o.folder")
import_module("unispect.models.emu3.folder")
assert not {of_diffusers} & set(sys.modules), {of_diffusers} & set(sys.modules)
for family in ("janus_flow", "harmon", "show_o2", "bagel", "omnigen2"):
    import_module("unispect.models." + family + ".folder")
assert not {unused} & set(sys.modules), {unused} & set(sys.modules)
"""
UNUSED = {"pyarrow", "pandas", "pydantic", "altair", "rich", "cyclopts", "sqlite3", "torchvision"}
UNUSED |= {"transformers.pipelines", "transformers.trainer", "diffusers.pipelines", "unispect.runs", "unispect.studies"}
OF_DIFFUSERS = {"diffusers", "peft", "scipy.stats", "scipy.ndimage"}
"""What a family whose network is of transformers alone needs no more than the rest."""


@pytest.mark.slow
def test_a_command_imports_what_it_uses(tmp_path: Path) -> None:
    shutil.copytree(WHOLE, tmp_path / "whole")
    heavy = sorted(NEVER.union(*(absent for _, absent in STEPS.values())))
    steps = {name: arguments for name, (arguments, _) in STEPS.items()}
    subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps([heavy, steps])], cwd=tmp_path, capture_output=True, check=True
    )
    told = json.loads((tmp_path / "told.json").read_text())
    assert (tmp_path / "r.html").stat().st_size > 10_000  # the last command did its work
    wrong = {name: set(told[name]) & (NEVER | absent) for name, (_, absent) in STEPS.items()}
    assert not any(wrong.values()), wrong


@pytest.mark.slow
def test_loading_imports_what_it_uses() -> None:
    code = LOADING.format(unused=UNUSED, of_diffusers=UNUSED | OF_DIFFUSERS)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
