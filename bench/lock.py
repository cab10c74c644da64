"""Writes constraints.txt and the files beside it anew: `make lock`.

Every package of every extra that pyproject.toml names but [inspect], in one release each, for every platform and
Python, with the SHA-256 of every file of it. constraints.txt holds what `unispect[all]` runs on, constraints-dev.txt
what is needed besides to test it and to use every extra, constraints-docs.txt what nothing but the site and its
notebook needs. Releases stay as they are where pyproject.toml still allows them; `--upgrade` takes the newest. What
torch asks for on Linux where it is built for CUDA stands in a file of its own: not every machine needs it. So do
packages that own quantised formats: peft imports two of them wherever they are, and every process pays for it. What
[inspect] leads to, some forty packages that hold others back, stands nowhere.

torch is also built for the CPU alone, and indexes give both builds one number. The digest of the build that pip finds
here is added to those that the index told of.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK, BESIDES, DOCS = (ROOT / f"constraints{kind}.txt" for kind in ("", "-dev", "-docs"))
APART = {
    ROOT / "constraints-cuda.txt": re.compile(r"(nvidia|cuda)-|triton=="),
    ROOT / "constraints-quantised.txt": re.compile(
        r"(bitsandbytes|compressed-tensors|loguru|torchao|win32-setctime)=="
    ),
}
"""Files of their own -> packages that stand there."""
UNLOCKED = "inspect"
"""An extra that leads to many packages and is needed to write one kind of file."""
NAME = re.compile(r"^[\w.-]+(?===)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
TORCH = re.compile(r"torch==(\S+)")


def main(upgrade: bool) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys()
    with tempfile.TemporaryDirectory() as place:
        whole, builds = Path(place) / "lock.txt", Path(place) / "builds.txt"
        known = "".join(path.read_text() for path in (LOCK, BESIDES, DOCS, *APART) if path.exists())
        whole.write_text(known)
        builds.write_text("hatchling\neditables\n")  # what makes the folder itself a package
        every = [f"--extra={one}" for one in extras - {UNLOCKED}]
        compiled("pyproject.toml", *every, "--generate-hashes", *["--upgrade"] * upgrade, "-o", whole)
        entries = re.split(r"\n(?=\S)", whole.read_text().strip())
        entries = [with_builds(one, known, Path(place)) if TORCH.match(one) else one for one in entries]
        run = names(compiled("pyproject.toml", "--extra=all", "-c", whole)) | names(compiled(builds, "-c", whole))
        test = names(compiled("pyproject.toml", *(one for one in every if one != "--extra=docs"), "-c", whole))
    left = dict.fromkeys((*APART, LOCK, BESIDES, DOCS), "")
    for one in entries:
        (name,) = names(one)
        apart = next((path for path, of in APART.items() if of.match(one)), None)
        left[apart or (LOCK if name in run else BESIDES if name in test else DOCS)] += f"{one}\n"
    for path, text in left.items():
        path.write_text(text)


def names(listed: str) -> set[str]:
    """Names of the packages that a list names."""
    return set(NAME.findall(listed))


def compiled(asked: str | Path, *options: str | Path) -> str:
    """Every package that something asks for, in one release each."""
    uv = Path(sys.executable).with_name("uv")
    how = ("--universal", "--python-version=3.11", "--no-annotate", "--no-header", "--quiet", "--no-config")
    command = [uv, "pip", "compile", asked, *how, *options]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def with_builds(entry: str, known: str, place: Path) -> str:
    """The entry of torch, with the digests that are known of this release and that of the build that pip finds."""
    release = TORCH.match(entry)[1]  # pyright: ignore
    before = re.search(rf"^torch=={re.escape(release)}\b.*(?:\n\s.*)*", known, re.MULTILINE)
    digests = {*HASH.findall(entry), *HASH.findall(before[0] if before else "")}
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", place / "torch", f"torch=={release}"],
        check=True,
    )
    digests |= {hashlib.sha256(path.read_bytes()).hexdigest() for path in (place / "torch").iterdir()}
    head = entry.partition(" \\\n")[0]
    return " \\\n".join([head, *(f"    --hash=sha256:{one}" for one in sorted(digests))])


if __name__ == "__main__":
    main("--upgrade" in sys.argv)
