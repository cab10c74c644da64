"""Nested rows to columns of one type each, lists and mappings included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from unispect.core.shown import valid
from unispect.runs.rows import printable, to_json

if TYPE_CHECKING:
    import pyarrow

Scalar = Literal["null", "bool", "int", "wide", "float", "text", "json"]
"""What a value is. `wide` integers have no exact float; `json` is text for what no other kind holds."""


@dataclass(frozen=True)
class Listed:
    """A list, all of whose values are of one kind."""

    of: Kind


@dataclass(frozen=True)
class Fields:
    """A mapping, by name the kind of what stands there in any row."""

    of: tuple[tuple[str, Kind], ...]


Kind = Scalar | Listed | Fields
"""What a column holds."""

MOST_FIELDS = 64
"""A mapping of more names is a table of its own rather than a column: it stands as JSON."""
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
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return _fields({name: kind_of(inner) for name, inner in value.items()})
    if isinstance(value, Sequence):
        of: Kind = "null"
        for inner in value:
            of = merged(of, kind_of(inner))
        return _listed(of)
    return "json"


def merged(one: Kind, other: Kind) -> Kind:
    """The narrowest kind that holds what both hold."""
    if one == other or other == "null":
        return one
    if one == "null":
        return other
    if isinstance(one, Listed) and isinstance(other, Listed):
        return _listed(merged(one.of, other.of))
    if isinstance(one, Fields) and isinstance(other, Fields):
        fields = dict(one.of)
        for name, kind in other.of:
            fields[name] = merged(fields.get(name, "null"), kind)
        return _fields(fields)
    if {one, other} == {"int", "wide"}:
        return "wide"
    return "float" if {one, other} == {"int", "float"} else "json"


def _listed(of: Kind) -> Kind:
    """A list of values that no kind holds together is JSON as a whole, not a list of JSON."""
    return "json" if of == "json" else Listed(of)


def _fields(of: Mapping[str, Kind]) -> Kind:
    """A mapping of very many names, or of names that no column can have, is JSON as a whole."""
    plain = all(isinstance(name, str) and name and printable(name) == name for name in of)
    return Fields(tuple(sorted(of.items()))) if plain and len(of) <= MOST_FIELDS else "json"


def widen(kinds: dict[str, Kind], columns: Mapping[str, object]) -> None:
    """Makes `kinds` wide enough for one more flat row."""
    for name, value in columns.items():
        kinds[name] = merged(kinds.get(name, "null"), kind_of(value))


def ordered(kinds: Iterable[str], first: Iterable[str]) -> list[str]:
    """`first`, then the other columns by name."""
    leading = list(first)
    return leading + sorted(set(kinds) - set(leading))


def settled(kind: Kind) -> Kind:
    """The same, with mappings in which nobody ever stood as JSON: no file holds a column of no fields."""
    if isinstance(kind, Listed):
        return Listed(settled(kind.of))
    if isinstance(kind, Fields):
        return Fields(tuple((name, settled(of)) for name, of in kind.of)) if kind.of else "json"
    return kind


def plain(kind: Kind) -> Scalar:
    """The same where a column can hold neither lists nor mappings: both stand as JSON."""
    return "json" if isinstance(kind, Listed | Fields) else kind


def arrow_type(kind: Kind) -> pyarrow.DataType:
    """The type of a column of that kind (a `settled` one)."""
    import pyarrow

    if isinstance(kind, Listed):
        return pyarrow.list_(arrow_type(kind.of))
    if isinstance(kind, Fields):
        return pyarrow.struct([(name, arrow_type(of)) for name, of in kind.of])
    scalars = {"bool": pyarrow.bool_(), "int": pyarrow.int64(), "wide": pyarrow.int64(), "float": pyarrow.float64()}
    return scalars.get(kind, pyarrow.string())


def cell(kind: Kind, value: Any) -> object:
    """The value as a column of that kind holds it."""
    if value is None:
        return None
    if isinstance(kind, Listed):
        return [cell(kind.of, inner) for inner in value]
    if isinstance(kind, Fields):
        return {name: cell(of, value.get(name)) for name, of in kind.of}
    if kind == "json":
        return to_json(value)
    if kind == "float" and isinstance(value, int):
        return float(value)
    return valid(value) if isinstance(value, str) else value
