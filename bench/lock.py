"""Writes constraints.txt and the files beside it anew: `make lock`.

Every package of every extra that pyproject.toml names, in one release each, for every platform and Python, with the
SHA-256 of every file of it. constraints.txt holds what `unispect[all]` runs on, constraints-dev.txt what is needed
besides to test it and to use every extra. Releases stay as they are where pyproject.toml still allows them;
`--upgrade` takes the newest. What torch asks for on Linux where it is built for CUDA stands in a file of its own: not
every machine needs it. So do packages that own quantised formats: peft imports two of them wherever they are, and every
process pays for it.

torch is also built for the CPU alone, and indexes give both builds one number. The digest of the build that pip finds
here is added to those that the index told of.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK, BESIDES = ROOT / "constraints.txt", ROOT / "constraints-dev.txt"
APART = {
    ROOT / "constraints-cuda.txt": re.compile(r"(nvidia|cuda)-|triton=="),
    ROOT / "constraints-quantised.txt": re.compile(
        r"(bitsandbytes|compressed-tensors|loguru|torchao|win32-setctime)=="
    ),
}
"""Files of their own -> packages that stand there."""
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
NAME = re.compile(r"^[\w.-]+", re.MULTILINE)
BUILDS = "builds.txt"
TORCH = re.compile(r"torch==(\S+)")


def main(upgrade: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "lock.txt"
        known = "".join(path.read_text() for path in (LOCK, BESIDES, *APART) if path.exists())
        whole.write_text(known)
        options = ["--all-extras", "--universal", "--python-version=3.11", "--generate-hashes"]
        options += ["--no-annotate", "--no-header", "--quiet", "--no-config", *["--upgrade"] * upgrade]
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "pip", "compile", "pyproject.toml", *options, "-o", whole], cwd=ROOT, check=True)
        entries = re.split(r"\n(?=\S)", whole.read_text().strip())
        entries = [with_builds(one, known, Path(place)) if TORCH.match(one) else one for one in entries]
        runs = names_of("pyproject.toml", "--extra=all", known=whole) | names_of(Path(place) / BUILDS, known=whole)
    for path, of in APART.items():
        path.write_text("".join(f"{one}\n" for one in entries if of.match(one)))
    left = [one for one in entries if not any(of.match(one) for of in APART.values())]
    LOCK.write_text("".join(f"{one}\n" for one in left if NAME.match(one)[0] in runs))  # pyright: ignore
    BESIDES.write_text("".join(f"{one}\n" for one in left if NAME.match(one)[0] not in runs))  # pyright: ignore


def names_of(asked: str | Path, *options: str, known: Path) -> set[str]:
    """Names of the packages that something asks for, in the releases that are known."""
    if isinstance(asked, Path):
        asked.write_text("hatchling\neditables\n")  # what makes the folder itself a package
    uv = Path(sys.executable).with_name("uv")
    said = ("--universal", "--python-version=3.11", "--no-annotate", "--no-header", "--quiet", "--no-config")
    command = [uv, "pip", "compile", asked, *options, *said, "--constraint", known]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return set(NAME.findall(found))


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
