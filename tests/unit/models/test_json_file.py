"""JSON of checkpoints: whatever bytes it begins with, an object, each key once, each number finite."""

import json
import os
from pathlib import Path

import pytest

from unispect.core.errors import CheckpointError
from unispect.models.json_file import read_json, write_json


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
        (b"[" * 500 + b"]" * 500, "nested more than 100 levels deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", "more than 400 digits"),
        (b'{"a": "\\ud800"}', "half a character"),
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


def test_only_files_of_a_sensible_size_are_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "device.json").symlink_to("/dev/zero")
    (tmp_path / "giant.json").touch()
    os.truncate(tmp_path / "giant.json", 2**36)
    for name, said in (
        ("pipe", "named pipe"),
        ("folder", "folder"),
        ("device", "device"),
        ("giant", "at most"),
        ("none", "No such file"),
    ):
        with pytest.raises(CheckpointError, match=said) as caught:
            read_json(tmp_path / f"{name}.json")
        assert str(tmp_path / f"{name}.json") in str(caught.value)


def test_nothing_is_written_through_a_link(tmp_path: Path):
    (tmp_path / "thesis").write_text("mine")
    (tmp_path / "taught.json").symlink_to("thesis")
    write_json(tmp_path / "taught.json", {"a": 1})
    assert (tmp_path / "thesis").read_text() == "mine"
    assert read_json(tmp_path / "taught.json") == {"a": 1}
