"""Nested rows to flat columns of one type each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from unispect.runs.rows import printable, to_json

Kind = Literal["null", "bool", "int", "wide", "float", "text", "json"]
"""What a column holds. `wide` integers have no exact float; `json` is text for what no other kind holds."""

NESTED = ("inputs", "settings", "payload", "pictures")
EXACT_FLOAT = 2**53
INT64 = 2**63


def flat(row: Mapping[str, object]) -> dict[str, object]:
    """Column name -> value: `payload.text`, `pictures.drawn`, `grades.<judge>.<key>`."""
    columns: dict[str, object] = {}
    for name, value in row.items():
        if name in NESTED and isinstance(value, Mapping):
            columns |= {_column(name, key): inner for key, inner in value.items()}
        elif name == "grades" and isinstance(value, Mapping):
            for judge, payload in value.items():
                columns |= {_column(name, judge, key): inner for key, inner in payload.items()}
        else:
            columns[name] = value
    return columns


def _column(*parts: str) -> str:
    return ".".join(to_json(part) if "." in part or '"' in part else printable(part) for part in parts)


def kind_of(value: object) -> Kind:
    """The narrowest kind that holds one value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if abs(value) <= EXACT_FLOAT else "wide" if -INT64 <= value < INT64 else "json"
    if isinstance(value, float):
        return "float"
    return "text" if isinstance(value, str) else "json"


def merged(one: Kind, other: Kind) -> Kind:
    """The narrowest kind that holds what both hold."""
    pair: set[Kind] = {kind for kind in (one, other) if kind != "null"}
    if len(pair) <= 1:
        return pair.pop() if pair else "null"
    if pair == {"int", "wide"}:
        return "wide"
    return "float" if pair == {"int", "float"} else "json"


def widen(kinds: dict[str, Kind], columns: Mapping[str, object]) -> None:
    """Makes `kinds` wide enough for one more flat row."""
    for name, value in columns.items():
        kinds[name] = merged(kinds.get(name, "null"), kind_of(value))


def ordered(kinds: Iterable[str], first: Iterable[str]) -> list[str]:
    """`first`, then the other columns by name."""
    leading = list(first)
    return leading + sorted(set(kinds) - set(leading))


def cell(kind: Kind, value: object) -> object:
    """The value as a column of that kind holds it."""
    if value is None:
        return None
    if kind == "json":
        return to_json(value)
    if kind == "float" and isinstance(value, int):
        return float(value)
    return _valid(value) if isinstance(value, str) else value


def _valid(text: str) -> str:
    """Lone surrogates, which no UTF-8 column can hold, as U+FFFD."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
