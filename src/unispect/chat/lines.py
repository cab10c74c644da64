"""Lines of a cassette: what was written has these keys and types, whatever its sum says.

A sum shows that a line is as somebody wrote it, not that this program did: a cassette may come from anybody, and a
negative cost would lift the limit on all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError

from unispect.core.errors import OutsideError
from unispect.core.outside import parse_json
from unispect.core.units import digest


def _text_of(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is no text")
    return value


_Text = Annotated[str, PlainValidator(_text_of)]
"""Any text: servers send halves of characters, too, which pydantic's own kind of text refuses."""
_Number = Annotated[int, Field(ge=1, lt=2**63)]
_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Head(_Part):
    kind: Literal["cassette"]
    version: int


class _Sent(_Part):
    kind: Literal["sent"]
    number: _Number
    key: _Text
    at_most: _Cost


class _Lost(_Part):
    kind: Literal["lost"]
    number: _Number
    cost: _Cost
    what: _Text
    body: _Text = ""


class _Usage(_Part):
    input_tokens: _Count
    output_tokens: _Count


class _Said(_Part):
    text: _Text
    model: _Text = ""
    usage: _Usage | None
    finish: _Text = ""
    refusal: _Text = ""
    id: _Text = ""
    picture: Annotated[str, Field(pattern=r"^(?:[0-9a-f]{64})?$")] = ""
    thoughts: _Text = ""
    unread: _Text = ""
    raw: _Text = ""
    log_probabilities: list[Annotated[float, Field(le=0, allow_inf_nan=False)]] = []


class _Reply(_Part):
    kind: Literal["reply"]
    number: _Number
    key: _Text
    cost: _Cost | None
    reply: _Said
    about: Any = None


_ENTRY: TypeAdapter[_Head | _Sent | _Lost | _Reply] = TypeAdapter(
    Annotated[_Head | _Sent | _Lost | _Reply, Field(discriminator="kind")]
)


def entry_in(line: bytes, before: int) -> Mapping[str, Any]:
    """What a line of the file says.

    Args:
        line: of the file.
        before: number of the last attempt; later ones have larger numbers.

    Raises:
        ValueError: this is no line of a cassette, its sum is not that of what it holds, or it takes something off the
            bill; says which.
    """
    try:
        outer = parse_json(line, "it", surrogates=True)
    except OutsideError as error:
        raise ValueError(str(error)) from None
    if not isinstance(outer, dict) or not {"entry", "sum"} <= outer.keys():
        raise ValueError("it holds no entry with its sum")
    if digest(outer["entry"]) != outer["sum"]:
        raise ValueError("its sum is not that of what it holds")
    try:
        _ENTRY.validate_python(outer["entry"])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"][1:])
        raise ValueError(f"{field or 'it'}: {first['msg']}") from None
    entry = outer["entry"]
    if entry["kind"] == "sent" and entry["number"] <= before:
        raise ValueError(f"number: attempt {entry['number']} comes behind attempt {before}")
    return entry
