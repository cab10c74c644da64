"""Odd inputs at random, for tests/fuzz: values that parsers accept and programs do not, files with a few bytes
changed.
"""

import json
import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

_MORE = int(os.environ.get("UNISPECT_FUZZ", "0"))
FUZZ = settings(
    max_examples=_MORE or 40,
    derandomize=not _MORE,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.differing_executors],
)
"""The same examples on every machine; `UNISPECT_FUZZ=2000 pytest tests/fuzz` tries more, other ones each time."""

ODD = [
    "NaN",
    "-Infinity",
    "1e999",
    "9" * 500,
    "9" * 5000,
    '"\\ud800"',
    '"\\u0000"',
    "[" * 150 + "]" * 150,
    "[" * 5000,
    "-0",
    "",
]
"""Pieces of JSON that a reader must refuse or stand."""

_PLAIN = st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats() | st.text(max_size=20)


def _several(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(inner, max_size=4).map(lambda parts: f"[{','.join(parts)}]")
    keys = st.text(max_size=6).map(json.dumps)
    objects = st.lists(st.tuples(keys, inner), max_size=4)
    return lists | objects.map(lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}")


VALUES = st.recursive(_PLAIN.map(json.dumps) | st.sampled_from(ODD), _several, max_leaves=8)
"""JSON texts, some of them odd."""

PAYLOADS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
"""Values that records can hold."""


@st.composite
def filled(draw: st.DrawFn, template: str) -> bytes:
    """A JSON text with something odd at one of its `@`, and a text at the others."""
    parts = template.split("@")
    at = draw(st.integers(0, len(parts) - 2))
    text = parts[0]
    for number, part in enumerate(parts[1:]):
        text += (draw(VALUES) if number == at else '"a"') + part
    return text.encode("utf-8", "surrogatepass")


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes of a file with some cut out, put in or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        data = data[:start] + draw(st.binary(max_size=20)) + data[end:]
    return data


@st.composite
def altered(draw: st.DrawFn, value: Any) -> Any:
    """The value with one part replaced or, in a mapping, left out."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 4)) == 0:
        return draw(PAYLOADS)
    if isinstance(value, list):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], draw(altered(value[at])), *value[at + 1 :]]
    key = draw(st.sampled_from(sorted(value)))
    if draw(st.booleans()):
        return {name: inner for name, inner in value.items() if name != key}
    return {**value, key: draw(altered(value[key]))}
