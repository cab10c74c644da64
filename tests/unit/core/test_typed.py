"""What dataclasses say of the JSON of units and records is held to it when it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from unispect.core.prompts import Goal
from unispect.core.typed import Misread, read_grade, read_inputs, read_payload, read_settings, rest, to_json
from unispect.core.units import Grade, Record, Unit


@dataclass(frozen=True)
class Part:
    name: str
    share: float | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    id: str
    number: int
    sure: bool
    goal: Goal = Goal.TEXT
    way: Literal["one", "other"] = "one"
    part: Part | None = None
    parts: Sequence[Part] = ()
    words: Mapping[str, Sequence[str]] | None = None
    anything: Any = None


@dataclass(frozen=True, kw_only=True)
class Curves:
    k: int
    lines: Mapping[str, Sequence[float]] = rest()


GIVEN = {"id": "a", "number": 1, "sure": True}


def unit(**inputs: Any) -> Unit:
    return Unit("study", 1, "draw", "m@1", {**GIVEN, **inputs}, {"id": "s", "number": 2, "sure": False})


def test_what_is_written_is_read_again():
    whole = Asked(
        id="a",
        number=1,
        sure=True,
        goal=Goal.IMAGE,
        way="other",
        part=Part("p", 0.5),
        parts=(Part("q"), Part("r", 1)),
        words={"a": ["b", "c"]},
        anything=[1, {"x": None}],
    )
    written = to_json(whole)
    assert written["parts"] == [{"name": "q"}, {"name": "r", "share": 1}]
    assert read_inputs(Asked, Unit("study", 1, "draw", "m", written)) == whole


def test_what_has_its_default_is_not_written_and_other_entries_are_passed_over():
    assert to_json(Asked(id="a", number=1, sure=True)) == GIVEN
    assert read_inputs(Asked, unit(unknown=3)) == Asked(id="a", number=1, sure=True)
    assert read_settings(Asked, unit()).id == "s"


def test_curves_of_any_name_are_gathered():
    payload = {"k": 2, "value": [1.0, 2], "null": [0.5], "left_out": "no"}
    found = read_payload(Curves, Record("u", payload))
    assert found == Curves(k=2, lines={"value": [1.0, 2], "null": [0.5]})
    assert to_json(found) == {"k": 2, "value": [1.0, 2], "null": [0.5]}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"number": "1"}, "input 'number' is '1', not a whole number"),
        ({"number": True}, "input 'number' is True, not a whole number"),
        ({"sure": 1}, "input 'sure' is 1, not true or false"),
        ({"id": None}, "input 'id' is None, not text"),
        ({"goal": "song"}, "input 'goal' is 'song', not one of 'text', 'image'"),
        ({"way": "third"}, "input 'way' is 'third', not one of 'one', 'other'"),
        ({"part": {"share": 1.0}}, "input 'part.name' is missing"),
        ({"part": {"name": "p", "share": "x"}}, "input 'part.share' is 'x', not a number or nothing"),
        ({"part": [1]}, r"input 'part' is \[1\], not a mapping"),
        ({"parts": [{"name": "p"}, {"name": 2}]}, r"input 'parts\[1\].name' is 2, not text"),
        ({"parts": "p"}, "input 'parts' is 'p', not a list"),
        ({"words": {"a": ["b", 3]}}, r"input 'words.a\[1\]' is 3, not text"),
    ],
)
def test_what_is_of_another_type_is_named_with_its_unit(wrong: dict[str, Any], said: str):
    given = unit(**wrong)
    with pytest.raises(Misread, match=rf"^unit {given.id} \(draw of m@1\): {said}$"):
        read_inputs(Asked, given)


def test_what_is_missing_is_named_with_its_record_or_grade():
    with pytest.raises(Misread, match=r"^record of unit u: field 'k' is missing$"):
        read_payload(Curves, Record("u", {}))
    with pytest.raises(Misread, match=r"^record of unit u: field 'value\[1\]' is None, not a number$"):
        read_payload(Curves, Record("u", {"k": 1, "value": [1.0, None]}))
    with pytest.raises(Misread, match=r"^grade by rules of unit u: field 'name' is missing$"):
        read_grade(Part, Grade("u", "rules", {}))
