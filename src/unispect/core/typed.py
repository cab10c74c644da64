"""The JSON of units, records and grades as frozen dataclasses, which stand beside the procedures that write it.

`to_json` writes such a value: its fields by name, without those that have their default. `read_inputs`,
`read_settings`, `read_payload` and `read_grade` read it again and check it on the way: entries that the dataclass does
not name are passed over, or gathered by the field that is made by `rest()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, field, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from unispect.core.errors import StoreError
from unispect.core.units import JSON, Grade, Record, Unit

T = TypeVar("T")
Check = Callable[[Any], Any]
"""From a JSON value to what the field holds.

Raises:
    _Odd: it is none.
"""
_REST: Final = "rest"


class Misread(StoreError):
    """What a unit, a record or a grade holds is not what its study writes; names it, and the field."""


class _Odd(Exception):
    """A value is of another type than its field; `path` is what leads to it."""

    def __init__(self, expected: str, value: Any, path: str = "") -> None:
        super().__init__(expected, value, path)
        self.expected, self.value, self.path = expected, value, path

    def within(self, outer: str) -> _Odd:
        """The same, as seen from one level further out."""
        return _Odd(self.expected, self.value, f"{outer}{self.path}")


def rest() -> Any:
    """A field, a mapping, for the other entries of a payload: every sequence, or mapping, that no other field names."""
    return field(default_factory=dict, metadata={_REST: True})


def read_inputs(kind: type[T], unit: Unit) -> T:
    """What goes into a unit.

    Raises:
        Misread: a field is missing or has another type; so do the other readers.
    """
    return _read(kind, unit.inputs, "input", unit)


def read_settings(kind: type[T], unit: Unit) -> T:
    """What else decides a unit's outcome."""
    return _read(kind, unit.settings, "setting", unit)


def read_payload(kind: type[T], record: Record) -> T:
    """What a unit left."""
    return _read(kind, record.payload, "field", record)


def read_grade(kind: type[T], grade: Grade) -> T:
    """What a judge said."""
    return _read(kind, grade.payload, "field", grade)


def to_json(value: Any) -> dict[str, JSON]:
    """The fields of a dataclass by name, without those that have their default."""
    found = dict(vars(value))
    defaults, deeper, gathering = _written(type(value))
    for name, default in defaults:
        if found[name] == default:
            del found[name]
    for name in deeper:
        if name in found:
            found[name] = _plain(found[name])
    if gathering:
        found |= {name: _plain(one) for name, one in found.pop(gathering).items()}
    return found


def _plain(value: Any) -> JSON:
    if is_dataclass(value):
        return to_json(value)
    if isinstance(value, tuple | list) and value and is_dataclass(value[0]):
        return [to_json(one) for one in value]
    return value


def _read(kind: type[T], values: Mapping[str, JSON], what: str, of: Unit | Record | Grade) -> T:
    try:
        return _made(kind, values)
    except _Odd as odd:
        raise Misread(f"{_named(of)}: {what} {odd.path.lstrip('.')!r} {_said(odd)}") from None


def _named(of: Unit | Record | Grade) -> str:
    if isinstance(of, Unit):
        return f"unit {of.id} ({of.kind} of {of.model})"
    return f"record of unit {of.unit}" if isinstance(of, Record) else f"grade by {of.judge} of unit {of.unit}"


def _said(odd: _Odd) -> str:
    if odd.value is MISSING:
        return "is missing"
    shown = repr(odd.value)
    return f"is {shown[:60]}{'...' * (len(shown) > 60)}, not {odd.expected}"


def _made(kind: type[T], values: Any) -> T:
    if not isinstance(values, Mapping):
        raise _Odd("a mapping", values)
    found: dict[str, Any] = {}
    for name, check, required in _shape(kind):
        if name not in values:
            if required:
                raise _Odd("", MISSING, f".{name}")
            continue
        try:
            found[name] = check(values[name])
        except _Odd as odd:
            raise odd.within(f".{name}") from None
    if gathering := _gathering(kind):
        name, named, container, check = gathering
        others = {key: one for key, one in values.items() if key not in named and isinstance(one, container)}
        found[name] = check(others)
    return kind(**found)


@cache
def _written(kind: type) -> tuple[tuple[tuple[str, Any], ...], tuple[str, ...], str]:
    """Fields with their defaults, fields that may hold dataclasses, and the field that gathers what no other names."""
    own = [one for one in fields(kind) if _REST not in one.metadata]
    hints = get_type_hints(kind)
    defaults = tuple((one.name, one.default) for one in own if one.default is not MISSING)
    deeper = tuple(one.name for one in own if _holds_dataclasses(hints[one.name]))
    return defaults, deeper, next((one.name for one in fields(kind) if _REST in one.metadata), "")


def _holds_dataclasses(hint: Any) -> bool:
    return is_dataclass(hint) or any(map(_holds_dataclasses, get_args(hint)))


@cache
def _shape(kind: type) -> tuple[tuple[str, Check, bool], ...]:
    """Name, check and whether it must be there, of every field."""
    hints = get_type_hints(kind)
    return tuple(
        (one.name, _check(hints[one.name]), one.default is MISSING and one.default_factory is MISSING)
        for one in fields(kind)  # type: ignore[arg-type]
        if _REST not in one.metadata
    )


@cache
def _gathering(kind: type) -> tuple[str, frozenset[str], Any, Check] | None:
    """The field that gathers, if there is one: its name, those of all fields, what it gathers, and its check."""
    named = frozenset(one.name for one in fields(kind))
    for one in fields(kind):
        if _REST in one.metadata:
            hint = get_type_hints(kind)[one.name]
            of_lists = get_origin(get_args(hint)[1]) is Sequence
            return one.name, named, (list, tuple) if of_lists else Mapping, _check(hint)
    return None


_PLAIN: Mapping[Any, tuple[frozenset[type], str]] = {
    str: (frozenset({str}), "text"),
    bool: (frozenset({bool}), "true or false"),
    int: (frozenset({int}), "a whole number"),
    float: (frozenset({float, int}), "a number"),
    NoneType: (frozenset({NoneType}), "nothing"),
}


def _check(hint: Any) -> Check:
    """For a plain type, an enumeration, a literal or a dataclass; or for unions, sequences and mappings of them."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda value: value
    if hint in _PLAIN:
        return _plainly(*_PLAIN[hint])
    if origin in (Union, UnionType):
        return _either(inner)
    if origin is Literal:
        return _one_of(inner)
    if origin in (Sequence, tuple):
        return _each(inner[0])
    if origin is Mapping:
        return _mapping(inner[1])
    if is_dataclass(hint):
        return lambda value: _made(hint, value)  # type: ignore[arg-type]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(hint)
    raise TypeError(f"no field can be of type {hint}")


def _plainly(types: frozenset[type], expected: str) -> Check:
    def check(value: Any) -> Any:
        if type(value) in types or (isinstance(value, str) and str in types):
            return value
        raise _Odd(expected, value)

    return check


def _either(kinds: Sequence[Any]) -> Check:
    if all(kind in _PLAIN for kind in kinds):
        types = frozenset[type]().union(*(_PLAIN[kind][0] for kind in kinds))
        return _plainly(types, " or ".join(_PLAIN[kind][1] for kind in kinds))
    (kind,) = (kind for kind in kinds if kind is not NoneType)
    check = _check(kind)
    return lambda value: None if value is None else check(value)


def _one_of(values: Sequence[Any]) -> Check:
    def check(value: Any) -> Any:
        if value not in values:
            raise _Odd(f"one of {', '.join(map(repr, values))}", value)
        return value

    return check


def _member(kind: type[Enum]) -> Check:
    def check(value: Any) -> Enum:
        try:
            return kind(value)
        except ValueError:
            raise _Odd(f"one of {', '.join(repr(one.value) for one in kind)}", value) from None

    return check


def _each(kind: Any) -> Check:
    """A tuple of what is checked one by one; of plain values the sequence as it is, since curves are long and many."""
    plain = _PLAIN.get(kind)
    check = _check(kind)

    def checked(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise _Odd("a list", value)
        if plain and plain[0].issuperset(map(type, value)):
            return value
        found = []
        for index, one in enumerate(value):
            try:
                found.append(check(one))
            except _Odd as odd:
                raise odd.within(f"[{index}]") from None
        return tuple(found)

    return checked


def _mapping(kind: Any) -> Check:
    check = _check(kind)

    def checked(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _Odd("a mapping", value)
        if kind is Any:
            return value
        found = {}
        for name, one in value.items():
            try:
                found[name] = check(one)
            except _Odd as odd:
                raise odd.within(f".{name}") from None
        return found

    return checked
