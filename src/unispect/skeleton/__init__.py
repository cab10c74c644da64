"""A package with a family of models to begin with, which works before anything of it was replaced.

What is written lies in `files`, a folder for what several kinds of family share and one for each kind; in it
`skeletal_model` stands for the package's name. Nothing here imports torch.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from unispect.core.errors import UsageError, unknown

FILES = Path(__file__).parent / "files"
_NAME = re.compile(r"[a-z][a-z0-9]*([-_.][a-z0-9]+)*")
_TAKEN = frozenset({"tests", "unispect"})
"""Names of packages that could not be told from something else."""


@dataclass(frozen=True)
class Kind:
    """A kind of family.

    Attributes:
        words: how it draws.
        folders: of `FILES`, each of which goes before those in front of it.
    """

    words: str
    folders: tuple[str, ...]


_CODES = Kind("image tokens, one after the other, by one backbone", ("shared", "vq", "codes"))
_MASKED = Kind("image tokens, all open positions guessed at every step, by one backbone", ("shared", "vq", "masked"))
_FLOW = Kind("latents, by a flow through one backbone", ("shared", "latents", "flow"))
_SECOND = Kind("latents, by a flow in a second network that hears the backbone", ("shared", "latents", "second"))
KINDS: Mapping[str, Kind] = {
    "janus-pro": _CODES,
    "emu3": _CODES,
    "show-o": _MASKED,
    "harmon": _MASKED,
    "janus-flow": _FLOW,
    "show-o2": _FLOW,
    "bagel": _FLOW,
    "cosmos3": _FLOW,
    "omnigen2": _SECOND,
}
"""Family of ours -> the kind that it is of."""


def write(name: str, like: str, folder: Path) -> Kind:
    """Writes a package for a family of models into a folder that is not there yet, or empty.

    Args:
        name: of the model, and of the project; its package has underscores where this has other signs.
        like: the family of ours that it is most like (`KINDS`).
        folder: to write into.

    Raises:
        UsageError: this cannot be a package's name, or is taken; there is no such family; the folder holds something.
    """
    if like not in KINDS:
        raise unknown("family", like, KINDS)
    _check(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is there already and is not empty; nothing was written, name another (--out FOLDER)"
        )
    words = {"skeletal-model": name, "skeletal_model": package_of(name), "SkeletalModel": _class_of(name)}
    for place, source in files_of(KINDS[like]).items():
        target = folder / _replaced(place, words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_replaced(source.read_text("utf-8"), words), "utf-8")
    return KINDS[like]


def package_of(name: str) -> str:
    """The Python package of a model of that name."""
    return re.sub(r"[-.]", "_", name)


def files_of(kind: Kind) -> dict[str, Path]:
    """Place in the written folder -> the file it is made of."""
    return dict(own for folder in kind.folders for own in _files_in(FILES / folder))


def _check(name: str) -> None:
    """Raises `UsageError` where a name cannot be a package's, or Python has one of that name."""
    if not _NAME.fullmatch(name):
        fitting = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-").lstrip("-0123456789")
        raise UsageError(
            f"{name!r} cannot be a model's name: a small letter, then small letters and digits, with single - _ . "
            "between them" + (f", as in {fitting!r}" if fitting else "")
        )
    package = package_of(name)
    if keyword.iskeyword(package) or package in sys.stdlib_module_names or package in _TAKEN or find_spec(package):
        raise UsageError(f"{name!r} cannot be a model's name: Python has a package or a word {package!r} already")


def _files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            yield path.relative_to(folder).as_posix(), path


def _class_of(name: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"[-_.]", name))


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text
