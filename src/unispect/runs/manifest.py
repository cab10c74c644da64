"""`run.json`: who made this run, when, with what. For people and reports; units and records never depend on it."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from unispect.core.cards import ModelCard
from unispect.core.errors import StoreError
from unispect.core.outside import parse_json
from unispect.core.units import Skip
from unispect.runs import durable, inside, schema
from unispect.runs.rows import printable

NAME = "run.json"
LIBRARIES = ("unispect", "torch", "transformers", "tokenizers", "safetensors", "numpy", "scipy", "pillow")


@dataclass(frozen=True)
class Invocation:
    """One command that wrote to a run.

    Attributes:
        command: as typed, program first.
        study: empty for commands that ran no study (grading).
        models: `id@revision` of each.
        seeds: of the user.
        settings: everything else that was set (device, dtype, batch size, ...), as text.
        skips: what the planner left out.
        started: UTC, ISO 8601; filled in by the store.
        versions: python, platform and libraries; filled in by the store.
    """

    command: tuple[str, ...]
    study: str = ""
    models: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    skips: tuple[Skip, ...] = ()
    started: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The content of `run.json`.

    Attributes:
        format: of the run folder.
        created: UTC, ISO 8601.
        invocations: oldest first; a record's `invocation` column counts from 1.
        cards: `id@revision` -> card of every model that was run.
    """

    format: int
    created: str
    invocations: tuple[Invocation, ...] = ()
    cards: Mapping[str, ModelCard] = field(default_factory=dict)

    @classmethod
    def new(cls) -> Manifest:
        return cls(schema.FORMAT, _now())

    def with_invocation(self, invocation: Invocation, cards: Iterable[ModelCard]) -> Manifest:
        """The manifest after another command, stamped with the time and the versions at hand."""
        stamped = replace(
            invocation,
            command=tuple(printable(word) for word in invocation.command),
            settings={name: printable(value) for name, value in invocation.settings.items()},
            skips=tuple(Skip(printable(skip.what), printable(skip.reason)) for skip in invocation.skips),
            started=_now(),
            versions=versions(),
        )
        known = dict(self.cards) | {card.reference: card for card in cards}
        return replace(self, invocations=(*self.invocations, stamped), cards=known)

    def with_settings(self, number: int, settings: Mapping[str, str]) -> Manifest:
        """The manifest with more settings of the command of that number, counted from 1."""
        commands = list(self.invocations)
        more = {name: printable(value) for name, value in settings.items()}
        commands[number - 1] = replace(commands[number - 1], settings={**commands[number - 1].settings, **more})
        return replace(self, invocations=tuple(commands))


def running() -> tuple[str, ...]:
    """The program that is running, as a command: what a run folder notes where nobody says another."""
    return ("python", *sys.argv)


def versions() -> dict[str, str]:
    """Name -> version of Python, the platform and the libraries that decide numbers, without importing them."""
    found = {"python": sys.version.split()[0], "platform": platform.platform()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def read(run: Path) -> Manifest:
    """The manifest of a run folder.

    Raises:
        StoreError: it is missing, damaged or of a newer format; names the file and the place in it.
    """
    path = run / NAME
    try:
        content = parse_json(inside.read(path), path.name)
    except FileNotFoundError:
        raise StoreError(f"{path} is missing: restore it from a copy") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise StoreError(f"{path} is damaged ({error}): restore it from a copy") from None
    written = content.get("format") if isinstance(content, dict) else None
    if isinstance(written, int) and written > schema.FORMAT:
        raise StoreError(f"{path} has format {written}, this release reads up to {schema.FORMAT}: use a newer unispect")
    try:
        return _adapter().validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{path} is damaged at {field or 'its top'}: {first['msg']}") from None


def write(run: Path, manifest: Manifest) -> None:
    """Replaces the manifest in one step.

    Raises:
        StoreError: it cannot be written; the old one stays.
    """
    content = _adapter().dump_python(manifest, mode="json")
    for card in content["cards"].values():
        card["capabilities"].sort()
    try:
        durable.write(run / NAME, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
        durable.sync_folder(run)
    except OSError as error:
        raise StoreError(f"{run / NAME} cannot be written: {error.strerror or error}") from error


@cache
def _adapter() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
