"""Options from a file: `--config FILE.yaml`, and `--print-config`, which prints what would be used as such a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from cyclopts import App, ArgumentCollection, Token
from cyclopts.config import Dict

from unispect.core.errors import DataError, UsageError, unknown
from unispect.core.outside import parse_yaml
from unispect.core.paths import path_named
from unispect.core.texts import read_text

CONFIG, PRINT = "--config", "--print-config"
POSITIONAL = {("run",): "study", ("grade",): "run", ("train", "finetune"): ""}
"""Commands that take a file, each with the key of what stands directly behind it on the command line."""


def configured(app: App, tokens: Sequence[str]) -> tuple[list[str], str]:
    """The command without these options, with what the file says put into `app`; what is to be printed instead of it.

    What the command line says goes before what the file says. A file holds options by their names, with or without a
    section for each command (`run:`, `train: {finetune: ...}`), beside which nothing else stands.

    Args:
        app: the parser for all verbs.
        tokens: the command.

    Raises:
        UsageError: the command takes no file, or the file is missing, no mapping, has sections but none for the
            command, or names what is no option.
    """
    left, file = _taken(tokens)
    wants = PRINT in left
    left = [token for token in left if token != PRINT]
    if not file and not wants:
        return left, ""
    command = next((known for known in POSITIONAL if tuple(left[: len(known)]) == known), None)
    if command is None:
        names = ", ".join(" ".join(known) for known in POSITIONAL)
        raise UsageError(f"{CONFIG if file else PRINT} is for these commands: {names}")
    if file:
        said = _section(_read(path_named(file)), command, file)
        own = said.pop(POSITIONAL[command], [])
        _require_known(app, command, said, file)
        options = Dict(said, use_commands_as_keys=False, source=file)
        app.config = (options, partial(_behind_the_command, own if isinstance(own, list) else [own], file))
    return left, _printed(app, left, POSITIONAL[command]) if wants else ""


def _taken(tokens: Sequence[str]) -> tuple[list[str], str]:
    """The other tokens, and the name of the file."""
    left, file = list(tokens), ""
    for at, token in enumerate(left):
        if token == CONFIG:
            if at + 1 == len(left):
                raise UsageError(f"{CONFIG} needs a file: {CONFIG} FILE.yaml")
            file = left[at + 1]
            del left[at : at + 2]
            break
        if token.startswith(f"{CONFIG}="):
            file = left.pop(at).partition("=")[2]
            break
    return left, file


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError(f"{CONFIG} {path}: there is no such file")
    try:
        found = parse_yaml(read_text(path, "the configuration"), str(path))
    except DataError as error:
        raise UsageError(str(error)) from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise UsageError(f"{path} is no mapping of options to values, such as 'limit: 8'")
    return found


def _section(found: dict[str, Any], command: Sequence[str], file: str) -> dict[str, Any]:
    """What is said of the command, by names as options have them: in its section where there are any."""
    if any(isinstance(found.get(known[0]), dict) for known in POSITIONAL):
        for depth, name in enumerate(command):
            found = _inner(
                found, name, [known[depth] for known in POSITIONAL if known[:depth] == command[:depth]], file
            )
    return {key.replace("_", "-"): value for key, value in found.items() if value is not None}


def _inner(found: dict[str, Any], name: str, known: Sequence[str], file: str) -> dict[str, Any]:
    """The section of that name; one without any lines says nothing."""
    for key, value in found.items():
        if key not in known or not isinstance(value, dict | None):
            raise UsageError(f"{file}: {key!r} stands beside sections, where only these can stand: {', '.join(known)}")
    if name not in found:
        raise UsageError(f"{file}: there is no section {name!r}, but one for {', '.join(found) or 'nothing'}")
    return found[name] or {}


def _behind_the_command(
    own: Sequence[Any], file: str, app: App, commands: tuple[str, ...], arguments: ArgumentCollection
) -> None:
    """What the file says of that which has no option of its own, if the command line, once parsed, holds none."""
    for argument in arguments:
        if argument.index == 0 and not argument.has_tokens:
            if len(own) > 1 and argument.field_info.kind is not argument.field_info.VAR_POSITIONAL:
                raise UsageError(f"{file} holds one {argument.field_info.name!r}, not several")
            for at, value in enumerate(own):
                argument.append(Token(value=str(value), source=file, index=at))


def _require_known(app: App, command: Sequence[str], said: Mapping[str, Any], file: str) -> None:
    for name in command:
        app = app[name]
    names = [name.removeprefix("--") for one in app.assemble_argument_collection() for name in one.names]
    known = [name for name in names if name[0].islower()]
    for key in said:
        if key not in known:
            raise UsageError(f"{file}: {unknown('option', key, known)}")


def _printed(app: App, tokens: Sequence[str], positional: str) -> str:
    import yaml

    _, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=False, verbose=False)
    bound.apply_defaults()
    said = dict(_flat(bound.arguments))
    first = {positional: said.pop(positional)} if positional in said else {}
    return yaml.safe_dump(first | said, sort_keys=False, allow_unicode=True).rstrip()


def _flat(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Options by their names; what is empty, and flags that are not set, are as if they were not named."""
    for name, value in arguments.items():
        if is_dataclass(value):
            yield from _flat({one.name: getattr(value, one.name) for one in fields(value)})
        elif value not in (None, "", (), []) and value is not False:
            yield name.replace("_", "-"), _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Enum):
        return str(value)
    return value if isinstance(value, bool | int | float | str) else str(value)
