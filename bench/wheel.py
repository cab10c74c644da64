"""Does the wheel work where there is no checkout? Builds it, installs it, and uses it in another folder.

    python bench/wheel.py                                     # beside the packages of this environment
    python bench/wheel.py --fresh --demo python3.12 python3.13   # in new environments, packages and all

The README's example in Python is run as it stands; `--demo` runs `unispect demo` as well, and `--fresh` takes what pip
resolves today (of torch, the build that constraints.txt names). Prints the wheel's size and what each took.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def built(folder: Path) -> Path:
    """The wheel of this checkout, built with the packages that are here."""
    how = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "-q", "-w", folder)
    subprocess.run([sys.executable, "-m", "pip", "wheel", *how, ROOT], check=True)
    (wheel,) = folder.glob("unispect-*.whl")
    return wheel


def installed(wheel: Path, folder: Path, python: str = sys.executable, *, fresh: bool = False) -> Path:
    """The Python of a new environment that holds the wheel, and beside it this environment's packages or its own."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    own = folder / "bin" / "python"
    install = [own, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if fresh:
        (torch,) = re.findall(r"^(torch==\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
        subprocess.run([*install, torch, f"{wheel}[all]"], check=True)
    else:
        subprocess.run([*install, "--no-deps", wheel], check=True)
        # A folder that a .pth file names is searched, but its own .pth files, and with them a checkout, are not read.
        (purelib,) = (folder / "lib").glob("python*/site-packages")
        (purelib / "beside.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return own


def example() -> str:
    """The README's first example in Python."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[0]


def use(python: Path, folder: Path, *, demo: bool = False) -> str:
    """What the example says in a folder of its own, and then the demo's last lines."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}

    def said(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    where = said(python, "-c", "import unispect; print(unispect.__file__)").strip()
    if not Path(where).is_relative_to(python.parents[1]):
        raise SystemExit(f"the wheel is not what was used: {where}")
    script = folder / "example.py"
    script.write_text(example())
    told = said(python, script)
    if demo:
        told += "".join(said(python.with_name("unispect"), "demo", "--out", "demo").splitlines(keepends=True)[-5:])
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="*", default=[sys.executable])
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--demo", action="store_true")
    how = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        wheel = built(Path(place))
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
        for number, python in enumerate(how.python):
            start, folder = time.monotonic(), Path(place) / f"work-{number}"
            own = installed(wheel, Path(place) / f"environment-{number}", python, fresh=how.fresh)
            folder.mkdir()
            there = time.monotonic()
            told = use(own, folder, demo=how.demo)
            version = subprocess.run([own, "-V"], capture_output=True, text=True, check=True).stdout.strip()
            print(f"{version}: installed in {there - start:.0f} s, used in {time.monotonic() - there:.0f} s")
            print(told)


if __name__ == "__main__":
    main()
