"""A tokenizer has the ids that its files give, or is refused: the library numbers added tokens by their place."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer

from reproductions.table_1.tokens import tokenizer
from tests.helpers import tiny_harmon
from unispect.core.errors import CheckpointError, DataError
from unispect.models.processing import tokenizer_file
from unispect.models.processing.tokenizer import plain, require_rows
from unispect.models.processing.tokenizer_file import read_tokenizer, require_ids_beside


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tiny_harmon.tokenizer().save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def ids(found: Tokenizer) -> dict[str, int | None]:
    return {token: found.token_to_id(token) for token in tiny_harmon.SPECIAL}


def edit(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_list_out_of_order_is_put_in_order(path: Path):
    before = ids(read_tokenizer(path))
    edit(path, lambda content: content["added_tokens"].reverse())
    assert ids(Tokenizer.from_file(str(path))) != before, "the library does what this guards against"
    assert ids(read_tokenizer(path)) == before
    assert tokenizer(path)("red") == tokenizer(path)("red")


def last_id(number: int):
    def change(content: dict) -> None:
        content["added_tokens"][-1]["id"] = number

    return change


def in_the_vocabulary(content: dict) -> None:
    content["model"]["vocab"]["<|im_end|>"] = 7


@pytest.mark.parametrize("change", [last_id(300), last_id(262), in_the_vocabulary], ids=["gap", "twice", "vocabulary"])
def test_ids_that_the_library_cannot_give_are_refused(path: Path, change):
    edit(path, change)
    with pytest.raises(
        CheckpointError, match=r"<\|(im_end|im_start|endoftext)\|>' the id \d+, but the library reads \d+"
    ):
        read_tokenizer(path)
    with pytest.raises(DataError, match="the library reads"):
        tokenizer(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("added_tokens.json", {"<|im_end|>": 3}),
        ("tokenizer_config.json", {"added_tokens_decoder": {"3": {"content": "<|im_end|>"}}}),
    ],
)
def test_what_stands_beside_must_agree(path: Path, name: str, content: dict):
    found = read_tokenizer(path)
    assert require_ids_beside(found, path) == []
    (path.parent / name).write_text(json.dumps(content))
    with pytest.raises(
        CheckpointError, match=rf"{name} beside tokenizer\.json gives the token '<\|im_end\|>' the id 3"
    ):
        require_ids_beside(found, path)
    own = found.token_to_id("<|im_end|>")
    right = json.dumps(content).replace('"3"', f'"{own}"').replace(": 3}", f": {own}}}")
    (path.parent / name).write_text(right)
    assert require_ids_beside(found, path) == [path.parent / name]


def test_a_byte_order_mark_is_no_error(path: Path):
    before = ids(read_tokenizer(path))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert ids(read_tokenizer(path)) == before


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"added_tokens": [{"content": "x"}]}'])
def test_what_is_no_tokenizer_is_said_to_be_none(path: Path, content: str):
    path.write_text(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        read_tokenizer(path)


class PanicException(BaseException):
    """As compiled code raises it: no `Exception`."""


@pytest.mark.parametrize(
    "fault", [PanicException("it went wrong"), Exception("it went wrong"), KeyError("it went wrong")]
)
def test_a_fault_of_the_library_is_put_in_words(path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException):
    class Broken:
        @staticmethod
        def from_str(text: str) -> None:
            raise fault

        def encode(self, text: str, *, add_special_tokens: bool) -> None:
            raise fault

    monkeypatch.setattr(tokenizer_file, "Tokenizer", Broken)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is no tokenizer file .*it went wrong"):
        read_tokenizer(path)
    with pytest.raises(CheckpointError, match=r"cannot read 'red star' .*it went wrong"):
        plain(Broken(), "red star")  # type: ignore[arg-type]


@pytest.mark.parametrize("wish", [KeyboardInterrupt(), SystemExit()])
def test_a_wish_to_stop_is_no_fault(path: Path, monkeypatch: pytest.MonkeyPatch, wish: BaseException):
    def stop(text: str) -> None:
        raise wish

    monkeypatch.setattr(tokenizer_file, "Tokenizer", SimpleNamespace(from_str=stop))
    with pytest.raises(type(wish)):
        read_tokenizer(path)


def test_every_token_has_a_row(path: Path):
    found = read_tokenizer(path)
    require_rows(found, found.get_vocab_size(), path)
    with pytest.raises(CheckpointError, match=f"{path} has tokens up to number {found.get_vocab_size() - 1}"):
        require_rows(found, found.get_vocab_size() - 1, path)
    edit(path, lambda content: content["model"]["vocab"].update(the=5000))
    far = read_tokenizer(path)
    assert far.get_vocab_size() < 5000
    with pytest.raises(CheckpointError, match="up to number 5000, the embeddings 4096 rows"):
        require_rows(far, 4096, path)


@pytest.mark.parametrize("id", [True, "1", -1, 2**40, None, 1.5])
def test_an_id_is_a_whole_number(path: Path, id: object):
    edit(path, lambda content: content["added_tokens"][0].update(id=id))
    with pytest.raises(CheckpointError, match="an added token has no id"):
        read_tokenizer(path)


def test_a_pipe_is_not_waited_for(path: Path):
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match="named pipe"):
        read_tokenizer(path)
