"""JSON of checkpoints: whatever bytes it begins with, an object, each key once, each number finite."""

import json
from pathlib import Path

import pytest

from unispect.core.errors import CheckpointError
from unispect.models.json_file import read_json


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_usual_encoding_is_read(tmp_path: Path, encoding: str):
    (tmp_path / "config.json").write_bytes(json.dumps({"a": "ü"}, ensure_ascii=False).encode(encoding))
    assert read_json(tmp_path / "config.json") == {"a": "ü"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1]", "holds a JSON list, not an object"),
        (b"3", "holds a JSON int, not an object"),
        (b'{"a": 1, "a": 2}', "gives key 'a' twice"),
        (b'{"a": {"b": [NaN]}}', r"a\.b\.0 is nan"),
        (b'{"a": 1e999}', "a is inf"),
        (b'{"a": -Infinity}', "a is -inf"),
        (b"{", "is no JSON"),
        (b'{"a": "\xff"}', "is not UTF-8 text"),
        (b"", "is empty"),
        (b"<html></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path: Path, content: bytes, said: str):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=said) as caught:
        read_json(tmp_path / "config.json")
    assert str(tmp_path / "config.json") in str(caught.value)
