"""What comes from outside: values of bounded depth, size and numbers, or words that name it."""

import json
import os
import socket
from pathlib import Path

import pytest

from unispect.core import bounded_yaml, outside
from unispect.core.cards import ModelCard
from unispect.core.errors import DataError, OutsideError
from unispect.core.outside import DEEPEST, MAX_DIGITS, open_regular, parse_json, parse_yaml, regular_bytes


def nested(levels: int, inner: str = "1") -> str:
    return "[" * levels + inner + "]" * levels


def deep_objects(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


JSON_REFUSED = {
    "no JSON": ("{", "is no JSON: Expecting"),
    "nothing": ("", "is no JSON"),
    "a mark of its own": ("\ufeff{}", "is no JSON"),
    "deep by one": (nested(DEEPEST + 1), "nested more than 100 levels"),
    "deep objects": (deep_objects(DEEPEST + 1), "nested more than 100 levels"),
    "deep in a wide one": (f"[{'[],' * 200}{nested(DEEPEST)}]", "nested more than 100 levels"),
    "deeper than the interpreter": (nested(100_000), "nested more than 100 levels"),
    "never closed": ("[" * 100_000, "nested more than 100 levels"),
    "NaN": ('{"a": {"b": [1, NaN]}}', r"a\.b\.1 is nan, which is no finite number"),
    "infinity": ('{"a": -Infinity}', "a is -inf, which"),
    "more than a float holds": ('{"a": 1e999}', "a is inf, which"),
    "by itself": ("NaN", "is nan, which"),
    "a large integer": ("[" + "9" * (MAX_DIGITS + 1) + "]", "an integer of more than 400 digits"),
    "a larger one": ("9" * 5000, "an integer of more than 400 digits"),
    "half a character": ('{"a": ["\\ud83d"]}', r"a\.0 holds half a character, the lone surrogate U\+D83D"),
    "half a character in a name": ('{"\\udc00": 1}', "half a character"),
    "half a character unescaped": ('["\ud83d"]', "half a character"),
    "no UTF-8": (b'{"a":\n"\xff"}', "line 2 is not UTF-8 text"),
}


@pytest.mark.parametrize(("text", "said"), JSON_REFUSED.values(), ids=JSON_REFUSED.keys())
def test_json_that_is_refused_is_named_with_its_place(text: str | bytes, said: str):
    with pytest.raises(OutsideError, match=said) as caught:
        parse_json(text, "a.json, line 7")
    assert str(caught.value).startswith("a.json, line 7: ")


JSON_READ = {
    "as deep as may be": nested(DEEPEST),
    "brackets in a text": json.dumps(["[" * 500, "{" * 500]),
    "wide": json.dumps([[n] for n in range(500)]),
    "the largest number": "1.7976931348623157e308",
    "an integer of many digits": "9" * MAX_DIGITS,
    "a negative one": "-" + "9" * (MAX_DIGITS - 1),
    "both halves of a character": '"\\ud83e\\udd8a"',
    "what looks like a number": '"NaN 1e999"',
}


@pytest.mark.parametrize("text", JSON_READ.values(), ids=JSON_READ.keys())
def test_other_json_is_read_as_it_is(text: str):
    assert parse_json(text, "here") == json.loads(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_bytes_of_every_usual_encoding_are_read(encoding: str):
    assert parse_json('{"a": "ü"}'.encode(encoding), "here") == {"a": "ü"}
    assert parse_yaml("a: ü".encode("utf-8-sig" if encoding == "utf-16-le" else encoding), "here") == {"a": "ü"}


def test_a_key_twice_is_refused_where_each_may_come_once():
    text = '{"b": [{"a": 1, "a": 2}]}'
    assert parse_json(text, "here") == {"b": [{"a": 2}]}
    with pytest.raises(OutsideError, match="here: gives key 'a' twice"):
        parse_json(text, "here", once=True)
    assert parse_json('{"a": {"a": 1}}', "here", once=True) == {"a": {"a": 1}}


def test_half_characters_are_read_where_records_hold_them():
    assert parse_json('["\\ud83d"]', "here", surrogates=True) == ["\ud83d"]


def test_more_values_than_memory_holds_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outside, "_SMALL", 10)
    monkeypatch.setattr(outside, "MAX_MEMORY", 10_000)
    assert parse_json("[" + "1," * 50 + "1]", "here")[0] == 1
    for text in ("[" + "1," * 500 + "1]", "[" + "[]," * 50 + "1]", json.dumps({str(n): 1 for n in range(100)})):
        with pytest.raises(OutsideError, match="here: holds too many values"):
            parse_json(text, "here")


YAML_REFUSED = {
    "no YAML": ("a: [", "is no YAML: while parsing"),
    "a control character": ("a: \x80", "is no YAML: unacceptable character"),
    "two documents": ("a\n---\nb", "is no YAML: expected a single document"),
    "deep lists": (nested(DEEPEST + 1), "nested more than 100 levels"),
    "deep blocks": ("- " * 3000 + "a", "nested more than 100 levels"),
    "deep mappings": ("{a: " * 3000, "nested more than 100 levels"),
    "deep by references": ("\n".join([f"- &a0 {nested(60)}", f"- {nested(50, '*a0')}"]), "nested more than 100"),
    "a large integer": ("a: " + "9" * 5000, "an integer of more than 400 digits"),
    "a large one in base 60": ("a: 1" + ":10" * 3000, "an integer of more than 400 digits"),
    "infinity": ("a: .inf", r"\.inf is no finite number"),
    "no number": ("a: .nan", r"\.nan is no finite number"),
    "more than a float holds": ("a: 1.0e+999", "is no finite number"),
    "refers to itself": ("&a [1, *a]", "refers to itself"),
    "refers to itself further down": ("&a {b: {c: *a}}", "refers to itself"),
    "a key twice": ("{a: 1, b: 2, a: 1}", "gives key 'a' twice"),
    "a tag that makes objects": ("!!python/object:builtins.list []", "is no YAML: could not determine a constructor"),
    "a truth value that is none": ("!!bool perhaps", "is no YAML"),
    "an integer of nothing": ("!!int ''", "is no YAML"),
    "a date that is none": ("a: 2001-13-45", "is no YAML"),
    "a time that is none": ("!!timestamp soon", "is no YAML"),
    "a list as a key": ("{[1]: 2}", "is no YAML"),
    "half a character": ('"\\ud83d"', "half a character"),
    "no UTF-8": (b"a: \xff", "line 1 is not UTF-8 text"),
}


@pytest.mark.parametrize(("text", "said"), YAML_REFUSED.values(), ids=YAML_REFUSED.keys())
def test_yaml_that_is_refused_is_named_with_its_place(text: str | bytes, said: str):
    with pytest.raises(OutsideError, match=said) as caught:
        parse_yaml(text, "a.yaml")
    assert str(caught.value).startswith("a.yaml: ")


YAML_READ = {
    "nothing": ("", None),
    "as deep as may be": (nested(3, "a"), [[["a"]]]),
    "what is referred to": ("a: &x [1, 2]\nb: *x\nc: [*x, *x]", {"a": [1, 2], "b": [1, 2], "c": [[1, 2], [1, 2]]}),
    "merged": ("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}", {"a": {"k": 1, "l": 2}, "b": {"k": 3, "l": 2}}),
    "numbers": ("[0x1F, 1_000, 12e+3, 1.5, true, ~]", [31, 1000, "12e+3", 1.5, True, None]),
    "the same key further in": ("a: {a: 1}", {"a": {"a": 1}}),
}


@pytest.mark.parametrize(("text", "value"), YAML_READ.values(), ids=YAML_READ.keys())
def test_other_yaml_is_read(text: str, value: object):
    assert parse_yaml(text, "here") == value


def test_values_are_counted_as_often_as_they_are_referred_to(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounded_yaml, "MAX_NODES", 200)
    few = "- &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n- &b [*a, *a, *a, *a]"
    assert len(parse_yaml(few, "here")[1]) == 4
    for text in (f"{few}\n- [*b, *b, *b, *b, *b]", "[" + "1," * 300 + "1]"):
        with pytest.raises(OutsideError, match="here: holds more than"):
            parse_yaml(text, "here")


def test_long_yaml_is_not_parsed():
    with pytest.raises(OutsideError, match="here: holds more than 1,048,576 characters of YAML"):
        parse_yaml("#" * (outside.MAX_YAML + 1), "here")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # addresses are short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    ("make", "kind"),
    [(Path.mkdir, "a folder"), (pipe, "a named pipe"), (listening, "a socket")],
    ids=["a folder", "a named pipe", "a socket"],
)
def test_only_files_are_read_and_nobody_is_waited_for(make, kind: str, tmp_path: Path):
    make(tmp_path / "odd")
    (tmp_path / "link").symlink_to(tmp_path / "odd")
    for name in ("odd", "link"):
        with pytest.raises(OutsideError, match=f"cannot read the table .*{name}: it is {kind}, not a file"):
            regular_bytes(tmp_path / name, what="the table")


def test_a_device_is_not_read():
    with pytest.raises(OutsideError, match="cannot read file /dev/zero: it is a device, not a file"):
        open_regular(Path("/dev/zero"))


@pytest.mark.parametrize("name", ["gone", "a\0b", "x" * 300, "\ud800", "a/b/c"])
def test_a_place_where_no_file_can_be_is_named(name: str, tmp_path: Path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(OutsideError, match="cannot read file "):
        regular_bytes(tmp_path / name)


def test_a_large_file_is_refused_by_its_size_before_it_is_read(tmp_path: Path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(OutsideError, match="sparse: it holds 1,099,511,627,776 bytes, and at most 67,108,864 are read"):
        regular_bytes(tmp_path / "sparse")


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_a_file_up_to_its_limit_is_read_whole(size: int, tmp_path: Path):
    (tmp_path / "a").write_bytes(b"x" * size)
    assert regular_bytes(tmp_path / "a", limit=1000) == b"x" * size


def test_one_byte_more_is_too_much(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"x" * 1001)
    with pytest.raises(OutsideError, match="holds 1,001 bytes, and at most 1,000 are read"):
        regular_bytes(tmp_path / "a", limit=1000)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_a_file_that_names_no_size_is_read_up_to_the_limit():
    assert b"VmPeak" in regular_bytes(Path("/proc/self/status"))
    with pytest.raises(OutsideError, match="at most 10 are read"):
        regular_bytes(Path("/proc/self/status"), limit=10)


def test_what_is_refused_is_a_fault_of_data_and_a_value_error():
    assert issubclass(OutsideError, DataError)
    assert issubclass(OutsideError, ValueError)
    assert OutsideError("a.json: is no JSON").exit_code == 1


@pytest.mark.parametrize("text", ["no JSON", "[" * 100_000, "NaN", "9" * 5000])
def test_settings_on_a_card_from_a_run_folder_may_be_any_text(text: str):
    card = ModelCard("m", "f", "drawn", None, 64, 64, settings={"guidance": text}, published={"guidance": "5.0"})
    assert card.differences[0].startswith("guidance ")
