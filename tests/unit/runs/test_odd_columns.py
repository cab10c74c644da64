"""What a stranger's run folder may hold in place of objects: named, never an internal error."""

from pathlib import Path
from typing import Any

import pytest

from unispect.core.errors import StoreError
from unispect.runs import manifest
from unispect.runs.rows import parsed, to_json

ODD: dict[str, Any] = {
    "nothing": "",
    "cut off": '{"a": ',
    "deep": "[" * 100_000,
    "a level too deep": '{"a": ' + "[" * 100 + "]" * 100 + "}",
    "NaN": '{"a": NaN}',
    "an overflow": '{"a": 1e999}',
    "too many digits": '{"a": ' + "9" * 5000 + "}",
    "a list": "[]",
    "a number": "3",
    "null": "null",
    "bytes in the column": b"{}",
    "a number in the column": 3,
    "nothing in the column": None,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_what_is_no_object_is_named_by_its_unit(text: Any):
    with pytest.raises(StoreError, match="unit abc was altered: it"):
        parsed(text, "abc")


@pytest.mark.parametrize("text", [one for one in ODD.values() if isinstance(one, str)])
def test_a_manifest_that_is_none_is_named(text: str, tmp_path: Path):
    (tmp_path / manifest.NAME).write_text(text)
    with pytest.raises(StoreError, match=r"run\.json is damaged"):
        manifest.read(tmp_path)


def test_what_models_write_comes_back():
    payload = {"text": "half \ud83d, \0 and \u2028", "numbers": [1.5, -0.0, 10**18]}
    assert parsed(to_json(payload), "abc") == payload
