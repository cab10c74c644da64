"""Rotary positions of a backbone as configurations spell them.

transformers 4 writes `rope_theta` and `rope_scaling` into the section, transformers 5 a table `rope_parameters`, which
may hold one such table per type of layer. What is given in several places must be the same there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import check_settings, number

KEYS = ("rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor")
"""Of a section, read here."""
_LAYER_TYPES = ("full_attention", "sliding_attention", "chunked_attention", "linear_attention")
_TABLE = ("rope_theta", "rope_type", "type", "partial_rotary_factor", "mrope_section")


@dataclass(frozen=True)
class Rope:
    """Unscaled rotary positions.

    Attributes:
        theta: base of their wavelengths.
        partial: share of a head's width that is turned.
        sections: pairs of numbers turned by each axis of a position; empty for one axis.
    """

    theta: float
    partial: float = 1.0
    sections: tuple[int, ...] = ()


def rope_of(section: Mapping[str, Any], where: str, *, theta: float, partial: float = 1.0, axes: bool = False) -> Rope:
    """The rotary positions that a section describes.

    Args:
        section: of a backbone.
        where: file and section, for messages.
        theta: where the section gives none.
        partial: likewise.
        axes: positions have several axes, so the section may say which pairs belong to which.

    Raises:
        CheckpointError: they are scaled, differ by layer, or one setting is given twice and differs.
    """
    tables = list(_tables(section, where))
    for name, table in tables:
        for spelling in ("rope_type", "type"):
            kind = table.get(spelling)
            # Qwen2-VL's files call positions on several axes a type of their own.
            if kind not in (None, "default", *(("mrope",) if axes else ())):
                raise CheckpointError(
                    f"{where}: {name} is of type {kind!r}: the language model scales its rotary positions, which this "
                    "port does not"
                )
        check_settings(table, f"{where}: {name}", read=_TABLE if axes else _TABLE[:-1])
    places = [("", section), *tables]
    found_theta = _one("rope_theta", places, where)
    found_partial = _one("partial_rotary_factor", places, where)
    sections = _one("mrope_section", tables, where)
    share = number({"partial_rotary_factor": found_partial}, "partial_rotary_factor", partial, where)
    return Rope(number({"rope_theta": found_theta}, "rope_theta", theta, where), share, tuple(map(int, sections or ())))


def _tables(section: Mapping[str, Any], where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and content of every table about rotary positions."""
    for key in ("rope_scaling", "rope_parameters"):
        value = section.get(key)
        if not value:
            continue
        if not isinstance(value, Mapping):
            raise CheckpointError(f"{where}: {key} is {value!r}, but must be a table")
        by_layer = [name for name in value if name in _LAYER_TYPES]
        for name in by_layer:
            if isinstance(value[name], Mapping):
                yield f"{key}.{name}", value[name]
        rest = {name: inner for name, inner in value.items() if name not in by_layer}
        if rest:
            yield key, rest


def _one(key: str, places: list[tuple[str, Mapping[str, Any]]], where: str) -> Any:
    """The value of a setting, wherever it is given."""
    given = [(name, table[key]) for name, table in places if table.get(key) is not None]
    for name, value in given[1:]:
        if value != given[0][1]:
            first, second = (f"{own}.{key}".removeprefix(".") for own in (given[0][0], name))
            raise CheckpointError(
                f"{where}: {first} is {given[0][1]!r} and {second} is {value!r}; correct one, or take it out"
            )
    return given[0][1] if given else None
