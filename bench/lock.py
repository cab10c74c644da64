"""Writes constraints.txt, constraints-cuda.txt, constraints-quantised.txt and constraints-docs.txt anew: `make lock`.

Every package of every extra that pyproject.toml names, in one release each, for every platform and Python, with the
SHA-256 of every file of it. Releases stay as they are where pyproject.toml still allows them; `--upgrade` takes the
newest. What torch asks for on Linux where it is built for CUDA stands in a file of its own: not every machine needs it.
So do packages that own quantised formats: peft imports two of them wherever they are, and every process pays for it.
And so does what only [docs] leads to: nothing but the site and its notebook needs it.

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
LOCK = ROOT / "constraints.txt"
APART = {
    ROOT / "constraints-cuda.txt": re.compile(r"(nvidia|cuda)-|triton=="),
    ROOT / "constraints-quantised.txt": re.compile(
        r"(bitsandbytes|compressed-tensors|loguru|torchao|win32-setctime)=="
    ),
}
"""Files of their own -> packages that stand there."""
DOCS = ROOT / "constraints-docs.txt"
NAME = re.compile(r"[\w.-]+(?===)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
TORCH = re.compile(r"torch==(\S+)")


def main(upgrade: bool) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys()
    with tempfile.TemporaryDirectory() as place:
        whole, without = Path(place) / "lock.txt", Path(place) / "without.txt"
        known = "".join(path.read_text() for path in (LOCK, DOCS, *APART) if path.exists())
        whole.write_text(known)
        compiled(whole, ["--generate-hashes", *(f"--extra={one}" for one in extras), *["--upgrade"] * upgrade])
        compiled(without, ["-c", str(whole), *(f"--extra={one}" for one in extras - {"docs"})])
        needed = set(NAME.findall(without.read_text()))
        entries = re.split(r"\n(?=\S)", whole.read_text().strip())
        docs = [one for one in entries if NAME.match(one)[0] not in needed]  # pyright: ignore
        entries = [one for one in entries if one not in docs]
        entries = [with_builds(one, known, Path(place)) if TORCH.match(one) else one for one in entries]
    DOCS.write_text("".join(f"{one}\n" for one in docs))
    for path, of in APART.items():
        path.write_text("".join(f"{one}\n" for one in entries if of.match(one)))
    LOCK.write_text("".join(f"{one}\n" for one in entries if not any(of.match(one) for of in APART.values())))


def compiled(out: Path, options: list[str]) -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "compile", "pyproject.toml", "--universal", "--python-version=3.11", "--no-annotate"]
    subprocess.run([*command, "--no-header", "--quiet", "--no-config", *options, "-o", out], cwd=ROOT, check=True)


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
