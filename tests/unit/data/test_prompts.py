import json
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.reference import need_reference
from unispect.core.errors import DataError, UsageError
from unispect.core.units import canonical_json
from unispect.data.concepts.render import render
from unispect.data.concepts.world import Concept
from unispect.data.prompts import load_prompts, prompt_of
from unispect.data.t2i_corebench import TYPES


def test_the_world_has_texts_of_several_lengths_and_pictures_of_every_pattern():
    prompts = load_prompts(None)
    assert prompts.name == "world"
    counts = Counter((item.modality, item.kind) for item in prompts.items)
    assert set(counts.values()) == {40}
    assert {kind for modality, kind in counts if modality == "image"} == {
        "solid", "striped", "checkered", "zigzag", "circles",
    }  # fmt: skip
    lengths = {
        kind: sum(len(str(i.inputs["text"])) for i in prompts.items if i.kind == kind) / 40
        for modality, kind in counts
        if modality == "text"
    }
    assert lengths["name"] < 40 < 140 < lengths["description"] < lengths["two descriptions"] / 1.9
    assert lengths["four descriptions"] > 600


def test_world_pictures_are_rendered_at_the_size_asked_for():
    item = next(item for item in load_prompts("world", image_size=64).items if item.modality == "image")
    (picture,) = prompt_of(item.inputs, item.locations).images
    assert picture.size == (64, 64)
    values = item.inputs["concept"]
    assert isinstance(values, dict)
    assert picture.tobytes() == render(Concept(**values), 64).tobytes()


def test_a_larger_limit_only_adds_prompts():
    few, more = load_prompts("world", limit=3), load_prompts("world", limit=7)
    assert set(Counter((i.modality, i.kind) for i in few.items).values()) == {3}
    assert {i.id for i in few.items} < {i.id for i in more.items}
    assert few.digest != more.digest
    assert few.digest == load_prompts("world", limit=3).digest


def test_inputs_are_json_and_distinct():
    items = load_prompts("world").items
    assert len({canonical_json(item.inputs) for item in items}) == len(items)
    assert len({item.id for item in items}) == len(items)


def corebench(folder: Path, prompts: int = 2) -> Path:
    for name in chain(*TYPES.values()):
        entries = {f"{name}-{i:03}": {"Prompt": f"{name} prompt {i}"} for i in range(1, prompts + 1)}
        (folder / f"{name}.json").write_text(json.dumps(entries))
    return folder


def test_published_prompts_by_reasoning_type():
    folder = need_reference("t2i_corebench")
    prompts = load_prompts(f"t2i-corebench:{folder}")
    kinds = Counter(item.kind for item in prompts.items)
    assert kinds == {"composition": 360, "deductive": 360, "inductive": 180, "abductive": 180}
    lengths = [len(prompt_of(item.inputs, item.locations).text) for item in prompts.items]
    assert (min(lengths), max(lengths)) == (238, 2064)


def test_a_limit_takes_the_dimensions_of_a_type_in_turn(tmp_path: Path):
    prompts = load_prompts(f"t2i-corebench:{corebench(tmp_path)}", limit=4)
    composition = [item.id for item in prompts.items if item.kind == "composition"]
    assert composition == ["C-MI-001", "C-MA-001", "C-MR-001", "C-TR-001"]


def test_damage_to_published_files_is_named(tmp_path: Path):
    spec = f"t2i-corebench:{corebench(tmp_path)}"
    (tmp_path / "C-MI.json").write_text('{"C-MI-001": {"Prompt": 3}}')
    with pytest.raises(DataError, match=r"C-MI.json: entry 'C-MI-001' has no text"):
        load_prompts(spec)
    (tmp_path / "C-MI.json").write_text('{"C-MI-001":\n oops')
    with pytest.raises(DataError, match=r"C-MI.json: is no JSON: .* line 2"):
        load_prompts(spec)
    (tmp_path / "R-GR.json").unlink()
    with pytest.raises(DataError, match=r"lacks R-GR.json of the twelve"):
        load_prompts(spec)
    with pytest.raises(DataError, match="no such folder"):
        load_prompts(f"t2i-corebench:{tmp_path / 'gone'}")


@pytest.mark.parametrize("layout", ["data/{}.json", "splits/{}.jsonl", "{}.jsonl"])
def test_other_layouts_of_the_published_prompts_hold_the_same(tmp_path: Path, layout: str):
    (tmp_path / "flat").mkdir()
    plain = load_prompts(f"t2i-corebench:{corebench(tmp_path / 'flat')}")
    for name in chain(*TYPES.values()):
        entries = json.loads((tmp_path / "flat" / f"{name}.json").read_text())
        file = tmp_path / "copy" / layout.format(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = "\n".join(json.dumps({"id": id, **entry}) for id, entry in entries.items())
        file.write_text(lines + "\n" if file.suffix == ".jsonl" else json.dumps(entries))
    again = load_prompts(f"t2i-corebench:{tmp_path / 'copy'}")
    assert (again.digest, [item.id for item in again.items]) == (plain.digest, [item.id for item in plain.items])


def test_a_damaged_line_of_the_hub_layout_is_named(tmp_path: Path):
    for name in chain(*TYPES.values()):
        (tmp_path / f"{name}.jsonl").write_text('{"Prompt": "fine"}\n\n{"Prompt": "line \\u2028 separator"}\n')
    assert load_prompts(f"t2i-corebench:{tmp_path}", limit=1).items[0].id == "C-MI-001"
    (tmp_path / "C-MI.jsonl").write_text('{"Prompt": "fine"}\n{"Prompt": ""}\n')
    with pytest.raises(DataError, match=r"C-MI.jsonl, line 2 has no text"):
        load_prompts(f"t2i-corebench:{tmp_path}")
    (tmp_path / "C-MI.jsonl").write_text('{"Prompt": "fine"}\noops\n')
    with pytest.raises(DataError, match=r"C-MI.jsonl, line 2: is no JSON"):
        load_prompts(f"t2i-corebench:{tmp_path}")


def test_types_and_lengths_of_the_world_are_crossed():
    texts = [item for item in load_prompts("world-types").items if item.modality == "text"]
    words = {}
    for item in texts:
        length = item.id.split()[0]
        words.setdefault((item.kind, length), []).append(len(prompt_of(item.inputs, item.locations).text.split()))
    assert len(words) == 9
    for (_, length), own in words.items():
        low, high = {"short": (20, 30), "middle": (42, 56), "long": (88, 114)}[length]
        assert low <= min(own) <= max(own) <= high
        assert len(own) >= 38
    few = load_prompts("world-types", limit=3).items
    assert {item.id.split()[0] for item in few if item.kind == "questions"} == {"short", "middle", "long"}


def test_several_sources_come_together_and_names_stay_unique(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"prompt of {name}\nshared prompt\n")
    (tmp_path / "pictures").mkdir()
    specs = (f"text:{tmp_path / 'a.txt'}", f"text:{tmp_path / 'b.txt'}", f"images:{pictures(tmp_path / 'pictures')}")
    prompts = load_prompts(specs)
    assert [(i.modality, i.id) for i in prompts.items[:4]] == [
        ("text", "line 1"),
        ("text", "line 2"),
        ("text", "line 1 (source 2)"),
        ("image", "cats/1.png"),
    ]
    alone = load_prompts(specs[0])
    assert [item.id for item in alone.items] == ["line 1", "line 2"]
    assert load_prompts((specs[0], specs[0])).digest == alone.digest == load_prompts(specs[:1]).digest
    assert load_prompts(specs, limit=1).summary.startswith(" + ".join(specs))


def test_lines_of_a_file(tmp_path: Path):
    file = tmp_path / "prompts.txt"
    file.write_bytes("\ufeffa cat\tanimal\r\n\r\nein Bär\nand <b>this</b>\tmarkup\na cat\tanimal\n".encode())
    prompts = load_prompts(f"text:{file}")
    assert [(i.id, i.kind, prompt_of(i.inputs, i.locations).text) for i in prompts.items] == [
        ("line 1", "animal", "a cat"),
        ("line 3", "text", "ein Bär"),
        ("line 4", "markup", "and <b>this</b>"),
    ]


def test_bad_lines_are_named(tmp_path: Path):
    file = tmp_path / "prompts.txt"
    file.write_bytes(b"fine\n\xff\xfe bad\n")
    with pytest.raises(DataError, match=r"prompts.txt, line 2 is not UTF-8"):
        load_prompts(f"text:{file}")
    file.write_text("fine\n\tkind\n")
    with pytest.raises(DataError, match=r"prompts.txt, line 2 has a kind but no prompt"):
        load_prompts(f"text:{file}")
    file.write_text("\n \n")
    with pytest.raises(UsageError, match="holds no prompts"):
        load_prompts(f"text:{file}")


def pictures(folder: Path) -> Path:
    for name, color in (
        ("cats/1.png", "red"),
        ("cats/2.png", "green"),
        ("dogs/1.png", "blue"),
        ("dogs/copy.png", "red"),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), color).save(folder / name)
    return folder


def test_pictures_by_folder_each_once(tmp_path: Path):
    prompts = load_prompts(f"images:{pictures(tmp_path)}")
    assert [(item.id, item.kind) for item in prompts.items] == [
        ("cats/1.png", "cats"),
        ("cats/2.png", "cats"),
        ("dogs/1.png", "dogs"),
    ]
    assert prompt_of(prompts.items[1].inputs, prompts.items[1].locations).images[0].getpixel((0, 0)) == (0, 128, 0)


def test_the_digest_does_not_depend_on_where_pictures_lie(tmp_path: Path):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        pictures(tmp_path / name)
    here, there = (load_prompts(f"images:{tmp_path / name}") for name in ("here", "there"))
    assert here.digest == there.digest
    assert [(item.id, item.inputs) for item in here.items] == [(item.id, item.inputs) for item in there.items]
    assert here.items[0].locations != there.items[0].locations


def test_a_picture_that_changed_after_planning_is_refused(tmp_path: Path):
    item = load_prompts(f"images:{pictures(tmp_path)}").items[0]
    Image.new("RGB", (8, 8), "black").save(tmp_path / "cats" / "1.png")
    with pytest.raises(DataError, match=r"1.png is not the one planned"):
        prompt_of(item.inputs, item.locations)


def test_a_damaged_picture_stops_the_plan(tmp_path: Path):
    (pictures(tmp_path) / "dogs" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nrest")
    with pytest.raises(DataError, match=r"0.png"):
        load_prompts(f"images:{tmp_path}")
    assert len(load_prompts(f"text:{__file__}", limit=1).items) == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("wrold", "did you mean 'world'"),
        ("t2i-corebench", "lacks its place; write t2i-corebench:FOLDER"),
        ("text:", "write text:FILE"),
        ("pictures:/x", "unknown data 'pictures:/x'"),
    ],
)
def test_an_unknown_source_is_refused_with_the_near_one(spec: str, message: str):
    with pytest.raises(UsageError, match=message):
        load_prompts(spec)


def test_a_bare_path_is_refused_with_what_to_write(tmp_path: Path):
    with pytest.raises(UsageError, match=f"did you mean 'images:{tmp_path}'"):
        load_prompts(str(tmp_path))


def test_an_empty_folder_and_a_zero_limit_are_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="holds no prompts"):
        load_prompts(f"images:{tmp_path}")
    with pytest.raises(UsageError, match="at least 1"):
        load_prompts("world", limit=0)


def test_reading_prompts_needs_no_torch():
    code = "import sys, unispect.data.prompts as p; p.load_prompts('world'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
