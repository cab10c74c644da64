"""Packages that `unispect new-model` writes, and what makes Python find them as if they were installed."""

import atexit
import shutil
import sys
import tempfile
import tomllib
from functools import cache
from pathlib import Path

from unispect.skeleton import package_of, write

NAME, LIKE = "written-model", "janus-pro"


@cache
def importable() -> str:
    """The package that is written where nothing is said, for this process; imports find it, and no entry point."""
    folder = tempfile.mkdtemp(prefix="written-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write(NAME, LIKE, Path(folder))
    sys.path.append(folder)
    return package_of(NAME)


def distribution(folder: Path, into: Path) -> Path:
    """What `pip install -e` leaves of a written folder beside its path, for its entry points to be found in `into`."""
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    told = into / f"{package_of(project['name'])}-{project['version']}.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {place}" for name, place in entries.items()))
    ]
    (told / "entry_points.txt").write_text("\n".join(lines))
    return into
