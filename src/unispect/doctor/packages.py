"""The packages unispect stands on: which releases its tests have been run with, and which one an error came from."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from unispect.core.errors import UnispectError
from unispect.core.extras import EXTRAS, missing
from unispect.doctor.checks import Check


@dataclass(frozen=True)
class Releases:
    """The oldest and the newest release that tests have been run with (docs/compatibility.md)."""

    oldest: str
    newest: str

    def holds(self, release: str) -> bool:
        """Whether a release lies between the two; builds such as `+cpu` count as their release."""
        return Version(self.oldest) <= Version(Version(release).public) <= Version(self.newest)

    def __str__(self) -> str:
        return self.oldest if self.oldest == self.newest else f"{self.oldest} to {self.newest}"


TESTED: Mapping[str, Releases] = {
    "torch": Releases("2.13.0", "2.13.0"),
    "transformers": Releases("5.20.0", "5.24.0"),
    "diffusers": Releases("0.40.0", "0.42.1"),
    "tokenizers": Releases("0.23.1", "0.23.3"),
    "safetensors": Releases("0.8.0", "0.8.0"),
    "huggingface-hub": Releases("1.31.0", "2.4.0"),
    "accelerate": Releases("1.10.0", "1.15.0"),
    "peft": Releases("0.20.0", "0.21.2"),
    "psutil": Releases("6.0.0", "7.2.2"),
    "scikit-learn": Releases("1.6.0", "1.9.1"),
    "packaging": Releases("24.0", "26.4"),
    "numpy": Releases("2.0.0", "2.4.6"),
    "scipy": Releases("1.15.0", "1.17.1"),
    "pillow": Releases("13.0.0", "13.0.0"),
    "httpx2": Releases("2.0.0", "2.16.2"),
    "cyclopts": Releases("5.0.0", "5.5.2"),
    "pydantic": Releases("2.10.0", "2.14.4"),
    "rich": Releases("14.0.0", "15.0.0"),
    "pyyaml": Releases("6.0", "6.0.4"),
    "pyarrow": Releases("20.0.0", "26.0.1"),
    "vl-convert-python": Releases("1.9.0", "1.9.0.post1"),
    "jinja2": Releases("3.1.0", "3.1.6"),
    "dicebear-core": Releases("10.7.0", "10.7.0"),
    "resvg-py": Releases("0.5.0", "0.5.0"),
}
OPTIONAL: Mapping[str, str] = {
    package: extra
    for extra, packages in reversed([*EXTRAS.items()])  # of several extras that bring a package, the first one
    for package in packages.values()
    if package in TESTED
}
"""Package -> the extra it belongs to; all others are always there."""
PYTHONS = Releases("3.11", "3.13")


def check_packages() -> Iterator[Check]:
    """Every package with its release: missing and forbidden ones fail, those that no test was run with are noted."""
    found = {name: _release(name) for name in TESTED}
    here = {name: release for name, release in found.items() if release is not None}
    yield Check("ok", "packages", ", ".join(f"{name} {release}" for name, release in here.items()))
    absent = [name for name in TESTED if name not in here]
    lost = [name for name in absent if name not in OPTIONAL]
    if lost:
        yield Check("FAIL", "packages", f"not installed: {', '.join(lost)}; install unispect again")
    for extra in dict.fromkeys(OPTIONAL[name] for name in absent if name in OPTIONAL):
        names = ", ".join(name for name in absent if OPTIONAL.get(name) == extra)
        yield Check("note", extra, f"not installed: {names}; pip install 'unispect[{extra}]'")
    allowed = {canonicalize_name(one.name): one.specifier for one in map(Requirement, requires("unispect") or ())}
    for name, release in here.items():
        wanted = allowed.get(canonicalize_name(name))
        if wanted is not None and not wanted.contains(release, prereleases=True):
            yield Check("FAIL", name, f"{release} is installed, unispect needs {wanted}; {_cure(name)}")
        elif not TESTED[name].holds(release):
            yield Check("note", name, f"{release} has not been tried; tests were run with {TESTED[name]}")
    python = platform.python_version()
    if not PYTHONS.holds(".".join(python.split(".")[:2])):
        yield Check("note", "python", f"{python} has not been tried; unispect is made for {PYTHONS}")


def failed(what: str, error: Exception) -> Check:
    """What failed, and in which package; where a package of an extra is not there, that is nobody's failure."""
    return Check("note" if missing(error) else "FAIL", what, told(error))


def told(error: Exception) -> str:
    """What went wrong, in which package of which release, and what to do."""
    if absent := missing(error):
        return str(absent)
    words = str(error) if isinstance(error, UnispectError) else f"{type(error).__name__}: {error}"
    return f"{' '.join(words.split())[:_LONGEST]} ({_blamed(error)})"


_LONGEST = 300
"""Characters of an error; some list everything that they know."""


def _blamed(error: BaseException) -> str:
    through = _packages_of(error)
    untested = [name for name in through if not TESTED[name].holds(version(name))]
    # Every network runs through torch, so it is suspected last.
    suspects = sorted(untested or through, key=lambda name: name == "torch")
    if untested:
        named = ", ".join(f"{name} {version(name)}, tests were run with {TESTED[name]}" for name in suspects)
        return f"in {named}; {_cure(*suspects)}"
    named = f"in {suspects[0]} {version(suspects[0])}, which tests were run with; " if suspects else ""
    return f"{named}install unispect again; if that does not help, please report this line"


def _packages_of(error: BaseException) -> list[str]:
    """The packages an error came through, the place where it began first."""
    modules: list[str] = []
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    for link in reversed(chain):
        frames, step = [], link.__traceback__
        while step is not None:
            frames.append(str(step.tb_frame.f_globals.get("__name__", "")).split(".")[0])
            step = step.tb_next
        modules += reversed(frames)
    packages = packages_distributions()
    names = (canonicalize_name(name) for module in modules for name in packages.get(module, ()))
    return [name for name in dict.fromkeys(names) if name in TESTED]


def _cure(*names: str) -> str:
    ranges = (f'"{name}>={TESTED[name].oldest},<={TESTED[name].newest}"' for name in names)
    return f"pip install {' '.join(ranges)}"


def _release(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
