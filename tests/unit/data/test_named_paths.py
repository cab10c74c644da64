"""Places as people write them, and what a place that lacks its word was meant to be."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.mmbench_table import encoded, row, table
from unispect.chat.budget import load_prices
from unispect.core.errors import DataError, UsageError
from unispect.core.paths import path_named
from unispect.data.captions import load_captions
from unispect.data.posters.subjects import load_subjects
from unispect.data.prompts import load_prompts
from unispect.data.safety.sources import load_scenario
from unispect.data.t2i_corebench import TYPES
from unispect.train.recipe import load_recipe, recipe_text

MARK = "\ufeff"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home, in which lie pictures, prompts, captions and subjects."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "pictures").mkdir()
    for name in ("1", "2"):
        Image.new("RGB", (8, 8), (int(name) * 90, 0, 0)).save(tmp_path / "pictures" / f"{name}.png")
    (tmp_path / "prompts.txt").write_text("a red star\n")
    return tmp_path


def test_a_tilde_is_the_home_wherever_a_place_stands(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")
    assert len(load_prompts("images:~/pictures").items) == 2
    assert len(load_prompts(("text:~/prompts.txt", "images:~/pictures")).items) == 3
    (home / "captions.jsonl").write_text('{"file_name": "~/pictures/1.png", "text": "one"}\n')
    assert load_captions("~/captions.jsonl")[0].path == home / "pictures" / "1.png"
    (home / "s.yaml").write_text("- {title: A, year: 1990, image: ~/pictures/1.png}\n")
    assert load_subjects(path_named("~/s.yaml"))[0].image == home / "pictures" / "1.png"
    (home / "prices.yaml").write_text("m: {input: 2, output: 10}\n")
    assert load_prices("~/prices.yaml")["m"].output == 10
    cell = "cells: [{name: a, forbidden: true, file: ~/prompts.txt}]"
    (home / "own.yaml").write_text(f"forbidden: stars\n{cell}\n")
    assert load_scenario("~/own.yaml", {}).cells[0].cases[0].prompt == "a red star"


def test_a_tilde_that_is_no_home_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert path_named("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")


def test_names_written_on_windows_are_understood(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert len(load_prompts(r"images:.\pictures").items) == 2
    (home / "captions.jsonl").write_text(json.dumps({"file_name": r"pictures\2.png", "text": "two"}))
    assert load_captions(home / "captions.jsonl")[0].path == home / "pictures" / "2.png"
    (home / "s.yaml").write_text("- {title: A, year: 1990, image: 'pictures\\1.png'}\n")
    assert load_subjects(home / "s.yaml")[0].image == home / "pictures" / "1.png"
    Path(r"pictures\own").mkdir()  # where a file is really called so, it is meant
    assert path_named(r"pictures\own") == Path(r"pictures\own")


@pytest.mark.parametrize("spec", [r"images:C:\pictures", r"images:\\server\share\pictures", "images:C:/pictures"])
def test_the_colon_of_a_drive_belongs_to_the_place(spec: str) -> None:
    with pytest.raises(DataError) as caught:
        load_prompts(spec)
    assert f"no such folder of pictures: {Path(spec.removeprefix('images:'))}" in str(caught.value)


def hint(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load_prompts(str(path))
    return str(caught.value)


def corebench(folder: Path, layout: str = "{}.json") -> Path:
    for kind in TYPES.values():
        for name in kind:
            file = folder / layout.format(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("{}")
    return folder


def test_a_folder_is_called_what_lies_in_it_or_just_below(home: Path) -> None:
    assert f"did you mean 'images:{home / 'pictures'}'" in hint(home / "pictures")
    for layout in ("{}.json", "data/{}.json", "splits/{}.jsonl"):
        folder = corebench(home / layout[:4].strip("{}./") / "t2i", layout)
        assert f"did you mean 't2i-corebench:{folder}'" in hint(folder)
        assert f"did you mean 't2i-corebench:{folder}'" in hint(folder.parent)
        assert f"did you mean 't2i-corebench:{folder}'" in hint(next(folder.rglob("C-MI.*")))
    faces = home / "faces"
    faces.mkdir()
    (faces / "face_metadata.json").write_text("{}")
    assert f"did you mean 'photos:{faces}'" in hint(faces)
    nested = home / "nested"
    (nested / "cats").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(nested / "cats" / "nameless", "PNG")
    assert f"did you mean 'images:{nested}'" in hint(nested)
    other = home / "other"
    other.mkdir()
    (other / "a.json").write_text("[1]")
    assert "did you mean" not in hint(other)
    (other / "b.txt").write_text("a red star")
    assert f"did you mean 'text:{other / 'b.txt'}'" in hint(other)


def test_the_parent_of_a_folder_of_prompts_says_where_they_are(home: Path) -> None:
    folder = corebench(home / "benchmarks" / "t2i")
    with pytest.raises(DataError, match=f"did you mean 't2i-corebench:{folder}'"):
        load_prompts(f"t2i-corebench:{folder.parent}")


def test_a_file_is_called_what_stands_in_it(home: Path) -> None:
    geneval = '{"prompt": "a red star", "tag": "x", "include": []}\n'
    for name, content, meant in (
        ("g.jsonl", geneval, "geneval"),
        ("marked.jsonl", MARK + geneval, "geneval"),
        ("g.txt", geneval, "geneval"),
        ("p.txt", "a red star\n", "text"),
        ("p", "a red star\n", "text"),
        ("kinds.tsv", "a red star\tshapes\n", "text"),
    ):
        (home / name).write_text(content, "utf-8")
        assert f"did you mean '{meant}:{home / name}'" in hint(home / name)
    file = table(home / "dev.tsv", [row(1, encoded("green"))])
    assert f"did you mean 'mmbench:{file}'" in hint(file)
    assert f"did you mean 'images:{home / 'pictures'}'" in hint(home / "pictures" / "1.png")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "{}", "a JSON file alone is no source"),
        ("a.jsonl", '{"text": "a red star"}\n', "each is an object with prompt, tag and include"),
        ("a.yaml", "a: 1", "read by the studies posters and safety only"),
        ("a.csv", "a,b\n", "put one prompt on each line of a text file"),
        ("a.npz", "PK\0", "are no source"),
        ("run.sqlite", "SQLite format 3\0", "are no source"),
        ("a.txt", "[1]\n", "are no source"),
    ],
)
def test_a_file_that_is_no_source_is_not_offered_as_one(home: Path, name: str, content: str, said: str) -> None:
    (home / name).write_text(content)
    assert said in hint(home / name)
    assert "did you mean" not in hint(home / name)


def test_every_reader_of_text_accepts_a_mark(home: Path) -> None:
    def marked(name: str, text: str) -> Path:
        (home / name).write_text(MARK + text, "utf-8")
        return home / name

    pictures = home / "pictures"
    assert load_prices(marked("prices.yaml", "m: {input: 2, output: 10}\n"))["m"].input == 2
    assert load_subjects(marked("s.yaml", "- {title: A, year: 1990, image: pictures/1.png}\n"))[0].title == "A"
    own = "forbidden: stars\ncells: [{name: a, forbidden: true, file: prompts.txt}]\n"
    assert load_scenario(str(marked("own.yaml", own)), {}).name == "own"
    line = '{"file_name": "pictures/1.png", "text": "one\u2028two\x85three"}\n'
    assert load_captions(marked("c.jsonl", line))[0].caption == "one\u2028two\x85three"
    for name in ("1", "2"):
        marked(f"pictures/{name}.txt", "a caption\r\n")
    assert [one.caption for one in load_captions(pictures)] == ["a caption", "a caption"]
    shipped = recipe_text(load_recipe("tiny-drawing"))
    assert recipe_text(load_recipe(marked("recipe.yaml", shipped))) == shipped
    prompts = marked("m.txt", "one\u2028two\n")
    assert [item.inputs["text"] for item in load_prompts(f"text:{prompts}").items] == ["one\u2028two"]
    folder = corebench(home / "t2i")
    for file in folder.iterdir():
        file.write_text(MARK + json.dumps({"1": {"Prompt": f"{file.name} a\u2028b"}}), "utf-8")
    assert len(load_prompts(f"t2i-corebench:{folder}").items) == 12


@pytest.mark.parametrize("name", ["a\0b", "half \ud800"])
def test_a_name_that_no_file_can_have_is_refused_wherever_it_stands(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file can be called"):
        path_named(name, tmp_path)
    with pytest.raises(DataError, match="no file can be called"):
        load_prompts(f"text:{name}")
    with pytest.raises(UsageError, match="no file can be called"):
        load_prices(name)
