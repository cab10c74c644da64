"""The one reader of files, JSON and YAML from outside: a value of bounded depth, size and numbers, or words.

Parsers say too little by themselves: deep nesting ends in `RecursionError`, NaN and 1e999 become numbers that no
measure is defined on, an integer of 5,000 digits is a `ValueError`, one of 1,000 overflows where it is first divided,
and a named pipe is waited for without end. Whoever reads what somebody else may have written calls these functions.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

from unispect.core.errors import OutsideError

MAX_BYTES: Final = 2**26
"""What one file from outside may hold where its reader says nothing else; one odd character makes 4 bytes of each."""
MAX_YAML: Final = 2**20
"""Characters of a YAML text: its parser takes microseconds for each."""
MAX_MEMORY: Final = 2**29
"""Bytes that the values of a JSON text may take, by `_memory`."""
DEEPEST: Final = 100
"""Levels of lists and mappings in each other."""
DEEP: Final = f"is nested more than {DEEPEST} levels deep"
MAX_DIGITS: Final = 400
"""Of an integer: more than any float holds."""
SHOWN: Final = 60
"""Characters of a name in a message."""
_SMALL: Final = 2**20
"""Characters of JSON whose values take little memory whatever they are."""


def parse_json(text: str | bytes, where: str, *, once: bool = False, surrogates: bool = False) -> Any:
    """The value of a JSON text (RFC 8259).

    Args:
        text: or its bytes in UTF-8, UTF-16 or UTF-32, with or without a byte-order mark.
        where: it stands, for errors: a file, perhaps with a line.
        once: an object that gives a key twice is refused; otherwise its last value counts.
        surrogates: halves of characters may stand in its strings, as they do in records of what models wrote.

    Raises:
        OutsideError: it is no JSON, nested more than `DEEPEST` levels deep, holds a number that is not finite, an
            integer of more than `MAX_DIGITS` digits, half a character, or more values than `MAX_MEMORY` holds.
    """
    source = _decoded(text, where) if isinstance(text, bytes) else text
    if len(source) > _SMALL and _memory(source) > MAX_MEMORY:
        raise OutsideError(f"{where}: holds too many values to be read at once; divide it")
    try:
        value = (_ONCE if once else _PLAIN).decode(source)
    except RecursionError:
        raise OutsideError(f"{where}: {DEEP}") from None
    except Odd as odd:
        raise OutsideError(f"{where}: {_first_wild(source) or odd}") from None
    except ValueError as error:
        raise OutsideError(f"{where}: is no JSON: {error}") from None
    if source.count("[") + source.count("{") > DEEPEST and _is_deep(value):
        raise OutsideError(f"{where}: {DEEP}")
    if not surrogates and ("\\u" in source or not source.isascii()):
        _require_characters(value, where)
    return value


def parse_yaml(text: str | bytes, where: str) -> Any:
    """The value of a YAML text of one document; tags make no objects.

    Args:
        text: or its bytes in UTF-8, UTF-16 or UTF-32, with or without a byte-order mark.
        where: it stands, for errors.

    Raises:
        OutsideError: it is no YAML, longer than `MAX_YAML`, nested more than `DEEPEST` levels deep, refers to itself,
            holds more values than `bounded_yaml` takes, a key twice, a number that is not finite or an integer of more
            than `MAX_DIGITS` digits.
    """
    source = _decoded(text, where) if isinstance(text, bytes) else text
    if len(source) > MAX_YAML:
        raise OutsideError(f"{where}: holds more than {MAX_YAML:,} characters of YAML; divide it")
    from unispect.core.bounded_yaml import load  # PyYAML takes time to import

    try:
        value = load(source)
    except Odd as odd:
        raise OutsideError(f"{where}: {odd}") from None
    except RecursionError:
        raise OutsideError(f"{where}: {DEEP}") from None
    except ValueError as error:
        raise OutsideError(f"{where}: is no YAML: {error}") from None
    _require_characters(value, where)
    return value


def regular_bytes(path: Path, *, limit: int = MAX_BYTES, what: str = "file") -> bytes:
    """What a file holds.

    Args:
        path: of the file; links are followed.
        limit: in bytes.
        what: it is called in errors ("the subjects file").

    Raises:
        OutsideError: as `open_regular`, or it holds more than `limit` bytes.
    """
    with open_regular(path, what=what) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            parts = [file.read(min(size, limit) + 1)]
            while parts[-1] and sum(map(len, parts)) <= limit:  # files of /proc name no size, others may grow
                parts.append(file.read(_SMALL))
        except OSError as error:
            raise _unreadable(path, what, error) from error
    held = max(size, sum(map(len, parts)))
    if held > limit:
        raise OutsideError(f"{what} {path} holds {held:,} bytes; at most {limit:,} are read")
    return parts[0] if len(parts) <= 2 else b"".join(parts)


def open_regular(path: Path, *, what: str = "file") -> BinaryIO:
    """A file, opened for reading without waiting for anybody.

    Args:
        path: of the file; links are followed.
        what: it is called in errors.

    Raises:
        OutsideError: it cannot be opened, or is a folder, a pipe, a socket or a device.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        _require_regular(os.stat(path).st_mode, path, what)  # opening a device may do something already
        descriptor = os.open(path, flags)
    except OutsideError:
        raise
    except (OSError, ValueError) as error:  # ValueError: NUL or half a character in the name
        raise _unreadable(path, what, error) from error
    try:
        _require_regular(os.fstat(descriptor).st_mode, path, what)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


_KINDS: Final[Sequence[tuple[Callable[[int], bool], str]]] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _require_regular(mode: int, path: Path, what: str) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for tells, name in _KINDS if tells(mode)), "something else")
        raise OutsideError(f"cannot read {what} {path}: it is {kind}, not a file")


def _unreadable(path: Path, what: str, error: OSError | ValueError) -> OutsideError:
    reason = error.strerror if isinstance(error, OSError) else None
    return OutsideError(f"cannot read {what} {path}: {reason or error}")


class Odd(Exception):
    """What no value may hold; its text says what."""


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Odd(f"{digits:.{SHOWN}} is no finite number")
    return number


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise Odd(f"holds an integer of more than {MAX_DIGITS} digits")
    return int(digits)


def _no_number(word: str) -> float:
    raise Odd(f"{word} is no finite number")


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise Odd(f"gives key {twice[:SHOWN]!r} twice; take one out")
    return found


_PLAIN: Final = json.JSONDecoder(parse_float=_float, parse_int=_integer, parse_constant=_no_number)
_ONCE: Final = json.JSONDecoder(
    parse_float=_float, parse_int=_integer, parse_constant=_no_number, object_pairs_hook=_each_once
)


def _decoded(data: bytes, where: str) -> str:
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise OutsideError(f"{where}: line {line} is not {encoding.upper()} text: {error.reason}") from None


def _memory(source: str) -> int:
    """At most so many bytes are taken by the values of a JSON text: objects and lists, values between commas, keys."""
    return 240 * (source.count("[") + source.count("{")) + 64 * source.count(",") + 130 * source.count(":")


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return False
        level = list(chain.from_iterable(map(_parts, level)))
    return any(isinstance(one, dict | list) for one in level)


def _first_wild(source: str) -> str:
    """Which number is not finite, by the keys above it; empty if there is none."""
    try:
        value = json.JSONDecoder(parse_int=str).decode(source)
    except (ValueError, RecursionError):
        return ""
    left: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while left:
        place, one = left.pop()
        if isinstance(one, float) and not math.isfinite(one):
            named = f"{'.'.join(place)} is {one}" if place else f"is {one}"
            return f"{named}, which is no finite number; correct it"
        if isinstance(one, dict | list) and len(place) < DEEPEST:
            inner = one.items() if isinstance(one, dict) else enumerate(one)
            left += reversed([((*place, str(name)[:SHOWN]), part) for name, part in inner])
    return ""


def _require_characters(value: Any, where: str) -> None:
    """Raises unless every text in a value is of whole characters, keys too."""
    level = [value]
    while level:
        texts = [one for one in level if isinstance(one, str)]
        level = [one for one in level if isinstance(one, dict | list | tuple | set)]
        texts += [key for one in level if isinstance(one, dict) for key in one if isinstance(key, str)]
        for text in texts:
            if not text.isascii():
                try:
                    text.encode()
                except UnicodeEncodeError as error:
                    half = f"U+{ord(text[error.start]):04X}"
                    raise OutsideError(f"{where}: a text holds half a character, the lone surrogate {half}") from None
        level = list(chain.from_iterable(map(_parts, level)))
