#!/usr/bin/env bash
# Library: cyclopts 5.4.0 (seen with Python 3.11).
#
# Behaviour: a command takes its options as a dataclass that inherits a field from a dataclass in another module, and both
# modules have `from __future__ import annotations`. `--help` lists every option, with the right defaults; then parsing raises
# NameError for a name that only the parent's module imports, even where no option or only one of the child's own is given.
# `typing.get_type_hints` of the same class finds every type. It fails with options flattened by `Parameter(name="*")` and
# without.
#
# Source: cyclopts/field_info.py: help reads the class (`_dataclass_field_infos`, which looks at each parent in its own module),
# but the check for missing keys reads the generated `__init__` (`_generic_class_field_infos`, `signature_parameters`), whose
# names are looked up in the child's module alone. That last step is Python's (issue 89687 of python/cpython, open when this
# was written); issue 439 of BrianPugh/cyclopts met it with 3.16.1.
#
# Output seen:
#   get_type_hints(Child): out, seed
#   --help: lists --out and --seed
#   --seed 3: NameError: name 'Path' is not defined
#   --seed 3, Path imported by the child's module too: Child(out=PosixPath('out'), seed=3)
#
# Guess: inherited fields are parsed as the child's own, or both help and parsing fail. Missed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq cyclopts==5.4.0

cd "$folder"
cat > parent.py <<'PYTHON'
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Parent:
    out: Path = Path("out")
PYTHON
cat > child.py <<'PYTHON'
from __future__ import annotations

from dataclasses import dataclass

from parent import Parent


@dataclass
class Child(Parent):
    seed: int = 0
PYTHON
cat > main.py <<'PYTHON'
import contextlib
import io
import pathlib
import sys
import typing

import child
from cyclopts import App, Parameter

EXPECTED = {
    "get_type_hints(Child)": "out, seed",
    "--help": "lists --out and --seed",
    "--seed 3": "NameError: name 'Path' is not defined",
    "--seed 3, Path imported by the child's module too": f"Child(out={pathlib.Path('out')!r}, seed=3)",
}
app = App()


@app.default
def command(options: typing.Annotated[child.Child | None, Parameter(name="*")] = None) -> str:
    return str(options)


def parse() -> str:
    try:
        return app(["--seed", "3"], exit_on_error=False, result_action="return_value")
    except NameError as error:
        return f"NameError: {error}"


seen = {"get_type_hints(Child)": ", ".join(typing.get_type_hints(child.Child))}
page = io.StringIO()
with contextlib.redirect_stdout(page):
    app(["--help"], exit_on_error=False, result_action="return_value")
listed = [name for name in ("--out", "--seed") if name in page.getvalue()]
seen["--help"] = f"lists {' and '.join(listed)}"
seen["--seed 3"] = parse()
child.Path = pathlib.Path
seen["--seed 3, Path imported by the child's module too"] = parse()
for name, result in seen.items():
    print(f"{name}: {result}")
if seen != EXPECTED:
    sys.exit("changed: cyclopts no longer does what the head of this script says")
PYTHON
"$folder/venv/bin/python" main.py
