"""Published benchmarks: prompts with what pictures are asked, counts held to published ones, files by digest."""

import csv
import hashlib
import json
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from tests.helpers.reference import need_reference
from unispect.core.errors import DataError, UsageError
from unispect.core.units import digest
from unispect.data.checklists import ChecklistItem
from unispect.data.dpg_bench import place_of, read_dpg_bench
from unispect.data.geneval import Clause, read_geneval
from unispect.data.prompts import load_prompts
from unispect.data.t2i_corebench import TYPES, read_t2i_corebench

FIRST = {
    "Main Class": "Reasoning",
    "Prompt": "a jar left of a box",
    "Checklist": [
        {"question": "Is there a jar?", "tags": ["0-hop"]},
        {"question": "Is the jar left of the box?", "tags": ["multi_hop", "layout"]},
        {"question": "Is there a box?", "tags": []},
    ],
}


def corebench(folder: Path, first: object = FIRST) -> Path:
    folder.mkdir(exist_ok=True)
    for name in chain(*TYPES.values()):
        entry = first if name == "R-LR" else {"Prompt": f"prompt of {name}", "Checklist": []}
        (folder / f"{name}.json").write_text(json.dumps({f"{name}-001": entry}), "utf-8")
    return folder


def test_a_prompt_of_t2i_corebench_comes_with_its_checklist(tmp_path: Path):
    prompts = load_prompts(f"t2i-corebench:{corebench(tmp_path / 'a')}")
    (item,) = (item for item in prompts.items if item.id == "R-LR-001")
    assert item.checklist == (
        ChecklistItem(id="R-LR-001_0", dimension="R-LR", question="Is there a jar?", hop="0-hop"),
        ChecklistItem(
            id="R-LR-001_1", dimension="R-LR", question="Is the jar left of the box?", hop="multi-hop", tags=("layout",)
        ),
        ChecklistItem(id="R-LR-001_2", dimension="R-LR", question="Is there a box?"),
    )
    assert prompts.checklists == {digest({"text": "a jar left of a box"}): item.checklist}
    assert "12 prompts" in prompts.summary
    assert "3 checklist questions" in prompts.summary


def test_a_checklist_changes_no_unit(tmp_path: Path):
    bare = corebench(tmp_path / "bare", {"Prompt": FIRST["Prompt"]})
    with_list, without = (load_prompts(f"t2i-corebench:{one}") for one in (corebench(tmp_path / "a"), bare))
    assert (with_list.digest, with_list.source) == (without.digest, without.source)
    assert with_list.files != without.files


def test_a_count_that_is_not_the_published_one_is_said_and_not_refused(tmp_path: Path):
    loaded = load_prompts(f"t2i-corebench:{corebench(tmp_path / 'a')}", limit=1)
    (caution,) = loaded.cautions
    assert "12 prompts of 1,080 published and 3 checklist questions of 13,536 published" in caution.text
    assert loaded.summary.endswith(f"; caution: {caution.text}")


def test_files_are_named_with_their_digests_whatever_the_limit(tmp_path: Path):
    folder = corebench(tmp_path / "a")
    files = load_prompts(f"t2i-corebench:{folder}", limit=1).files
    assert len(files) == 12
    assert {one.name: one.sha256 for one in files}["R-LR.json"] == hashlib.sha256(
        (folder / "R-LR.json").read_bytes()
    ).hexdigest()


@pytest.mark.parametrize(
    ("checklist", "said"),
    [
        ("x", r"'Checklist' must be a list of questions, not str"),
        ([{"question": "a?"}, {"tags": []}], r"'Checklist'\[1\] has no text under 'question'"),
        ([{"question": " "}], r"'Checklist'\[0\] has no text under 'question'"),
        ([{"question": "a?", "tags": "x"}], r"'Checklist'\[0\]: 'tags' must be a list of texts"),
        ([{"question": "a?", "tags": [1]}], r"'Checklist'\[0\]: 'tags' must be a list of texts"),
        ([3], r"'Checklist'\[0\] has no text under 'question'"),
    ],
)
def test_a_checklist_of_another_form_is_named_by_file_entry_and_key(tmp_path: Path, checklist: object, said: str):
    folder = corebench(tmp_path / "a", {"Prompt": "x", "Checklist": checklist})
    with pytest.raises(DataError, match=rf"R-LR\.json: entry 'R-LR-001': {said}"):
        load_prompts(f"t2i-corebench:{folder}")


def test_the_published_checklists_are_read_whole():
    prompts = read_t2i_corebench(need_reference("t2i_corebench"))
    asked = [one for prompt in prompts for one in prompt.checklist]
    assert len(prompts) == 1080
    assert len(asked) == len({one.id for one in asked}) == 13_536
    assert {one.expected for one in asked} == {"yes"}
    assert Counter(one.hop for one in asked if one.dimension == "R-LR") == {"multi-hop": 436, "0-hop": 146, "1-hop": 55}
    assert {one.hop for one in asked if one.dimension != "R-LR"} == {""}
    assert Counter(len(one.tags) for one in asked) == {1: 13_536 - 2041 - 637 - 5, 0: 2041 + 637, 2: 5}
    loaded = load_prompts(f"t2i-corebench:{need_reference('t2i_corebench')}", limit=1)
    assert loaded.cautions == ()


def test_what_geneval_demands_is_typed_and_put_as_questions(tmp_path: Path):
    lines = [
        {
            "prompt": "a photo of a red bus above two wine glasses",
            "tag": "color_attr",
            "include": [
                {"class": "wine glass", "count": 2},
                {"class": "apple", "count": 1, "color": "red", "position": ["above", 0]},
            ],
            "exclude": [{"class": "wine glass", "count": 3}],
        },
        {"prompt": "a photo of a red bus", "tag": "colors", "include": [{"class": "bus", "count": 1, "color": "red"}]},
    ]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    first, second = read_geneval(file)
    assert first.clauses == (
        Clause(object="wine glass", count=2),
        Clause(object="apple", count=1, color="red", relation="above", target=0),
        Clause(object="wine glass", count=3, excluded=True),
    )
    asked = [(one.id, one.dimension, one.question, one.expected, one.after) for one in first.checklist]
    of = "geneval 00000"
    many = "or more objects of the kind 'wine glass' in the picture?"
    assert asked == [
        (f"{of}_0", "count", f"Are there 2 {many}", "yes", ()),
        (f"{of}_1", "object", "Is there an apple in the picture?", "yes", ()),
        (f"{of}_1_color", "attribute", "Is the apple in the picture red?", "yes", (f"{of}_1",)),
        (f"{of}_1_position", "position", "Is the apple above the wine glass?", "yes", (f"{of}_1", f"{of}_0")),
        (f"{of}_2", "count", f"Are there 3 {many}", "no", ()),
    ]
    assert [one.dimension for one in second.checklist] == ["object", "color"]
    loaded = load_prompts(f"geneval:{file}")
    assert [item.checklist for item in loaded.items] == [first.checklist, second.checklist]
    assert [caution.text.partition(";")[0] for caution in loaded.cautions] == ["GenEval: 2 prompts of 553 published"]


@pytest.mark.parametrize(
    ("include", "said"),
    [
        ([{"count": 1}], r"'include'\[0\] has no text under 'class'"),
        ([{"class": "cow", "count": 0}], r"'include'\[0\]: 'count' must be a whole number from 1, not 0"),
        ([{"class": "cow", "count": True}], r"'include'\[0\]: 'count' must be a whole number from 1, not True"),
        ([{"class": "cow", "count": 1, "color": 3}], r"'include'\[0\]: 'color' must be a text"),
        (
            [{"class": "cow", "count": 1, "position": ["above", 0]}],
            r"'include'\[0\]: 'position' must be one of left of,",
        ),
        (
            [{"class": "a", "count": 1}, {"class": "cow", "count": 1, "position": ["near", 0]}],
            r"'include'\[1\]: 'position' must be one of left of, .*not \['near', 0\]",
        ),
    ],
)
def test_a_demand_of_another_form_is_named_by_file_line_and_key(tmp_path: Path, include: object, said: str):
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"prompt": "x", "tag": "y", "include": include}), "utf-8")
    with pytest.raises(DataError, match=rf"a\.jsonl, line 1: {said}|a\.jsonl, line 1.*{said}"):
        load_prompts(f"geneval:{file}")


def test_prompts_that_demand_nothing_are_not_held_to_geneval(tmp_path: Path):
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"prompt": "x", "tag": "y", "include": []}), "utf-8")
    loaded = load_prompts(f"geneval:{file}")
    assert (loaded.cautions, loaded.checklists) == ((), {})


def test_the_published_demands_are_read_whole():
    prompts = list(read_geneval(need_reference("modal_aphasia") / "geneval_evaluation_metadata.jsonl"))
    dimensions = Counter(one.dimension for prompt in prompts for one in prompt.checklist)
    assert dimensions == {"object": 772, "attribute": 200, "count": 160, "position": 100, "color": 94}


COLUMNS = (
    "item_id", "text", "keywords", "proposition_id", "dependency",
    "category_broad", "category_detailed", "tuple", "question_natural_language",
)  # fmt: skip
ROWS = [
    ("barn", "A red barn,\nold.", "", "1", "0", "entity", "whole", "entity - whole (barn)", "Is there a barn?"),
    ("barn", "A red barn,\nold.", "", "2", "1", "attribute", "color", "attribute - color (barn, red)", "Is it red?"),
    ("barn", "A red barn,\nold.", "", "3", "1, 2", "global", "", "global - (old)", "Is it old?"),
    ("cow", "A cow.", "", "1", "0", "entity", "whole", "entity - whole (cow)", "Is there a cow?"),
]


def dpg(folder: Path, rows: list[tuple[str, ...]], texts: dict[str, str]) -> Path:
    (folder / "dpg_bench" / "prompts").mkdir(parents=True)
    with (folder / "dpg_bench" / "dpg_bench.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    for name, text in texts.items():
        (folder / "dpg_bench" / "prompts" / f"{name}.txt").write_text(text, "utf-8")
    return folder


def test_dpg_bench_joins_prompts_and_questions_and_keeps_the_first_row(tmp_path: Path):
    dpg(tmp_path, ROWS, {"barn": "A red barn, old.\n", "cow": "A cow.", "star": "A star."})
    ways = (tmp_path, tmp_path / "dpg_bench", tmp_path / "dpg_bench" / "prompts", tmp_path / "dpg_bench/dpg_bench.csv")
    found = [load_prompts(f"dpg-bench:{way}") for way in ways]
    assert all(
        (one.items, one.files, one.cautions) == (found[0].items, found[0].files, found[0].cautions) for one in found
    )
    barn, cow, star = found[0].items
    assert [(one.id, one.kind, one.inputs) for one in (barn, star)] == [
        ("dpg barn", "dense", {"text": "A red barn, old."}),
        ("dpg star", "dense", {"text": "A star."}),
    ]
    assert [(one.id, one.dimension, one.question, one.tags, one.after) for one in barn.checklist] == [
        ("barn_1", "entity", "Is there a barn?", ("whole",), ()),
        ("barn_2", "attribute", "Is it red?", ("color",), ("barn_1",)),
        ("barn_3", "global", "Is it old?", (), ("barn_1", "barn_2")),
    ]
    assert (len(cow.checklist), star.checklist) == (1, ())
    assert [one.name for one in found[0].files] == ["dpg_bench.csv", "prompts (3 files)"]
    assert [one.text.partition(";")[0] for one in found[0].cautions] == ["DPG-Bench: 3 prompts of 1,065 published"]


def test_what_is_odd_in_the_table_is_counted_in_words(tmp_path: Path):
    rows = [
        *ROWS,
        ("cow", "", "", "1", "0", "entity", "part", "", "Is there one cow?"),
        ("cow", "", "", "2", "7", "entity", "part", "", "Has it horns?"),
        ("cow", "", "", "3", "", "entity", "part", "", ""),
        ("lost", "", "", "1", "0", "entity", "whole", "", "Is it lost?"),
    ]
    dpg(tmp_path, rows, {"cow": "Another cow."})
    prompts, cautions = read_dpg_bench(place_of(tmp_path))
    assert [(one.id, one.text) for one in prompts] == [("barn", "A red barn,\nold."), ("cow", "Another cow.")]
    assert [one.question for one in prompts[1].checklist] == ["Is there one cow?", "Has it horns?"]
    assert sorted(one.text for one in cautions) == [
        "DPG-Bench: 1 prompts have no text, neither in the table nor as a file, and are left out",
        "DPG-Bench: 1 prompts read otherwise in the table than as files; the files are drawn",
        "DPG-Bench: 1 questions are numbered like another of their prompt; the later one counts",
        "DPG-Bench: 1 questions depend on one that is not there, which is passed over",
        "DPG-Bench: 1 rows of the table ask nothing",
    ]


def test_prompts_of_dpg_bench_without_the_table_have_no_questions(tmp_path: Path):
    dpg(tmp_path, ROWS, {"cow": "A cow."})
    (tmp_path / "dpg_bench" / "dpg_bench.csv").unlink()
    loaded = load_prompts(f"dpg-bench:{tmp_path}")
    assert [item.checklist for item in loaded.items] == [()]
    assert "no dpg_bench.csv beside prompts/, so prompts come without questions" in loaded.summary


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("", "x", "", "1", "0", "", "", "", "a?"), "line 2 has nothing under 'item_id'"),
        (("a", "x", "", "one", "0", "", "", "", "a?"), "line 2: 'proposition_id' must hold whole numbers, not 'one'"),
        (("a", "x", "", "1", "0;1", "", "", "", "a?"), "line 2: 'dependency' must hold whole numbers, not '0;1'"),
    ],
)
def test_a_row_of_dpg_bench_of_another_form_is_named(tmp_path: Path, row: tuple[str, ...], said: str):
    with pytest.raises(DataError, match=rf"dpg_bench\.csv, {said}"):
        load_prompts(f"dpg-bench:{dpg(tmp_path, [row], {})}")


def test_a_table_that_lacks_a_column_is_refused(tmp_path: Path):
    (tmp_path / "a.csv").write_text("item_id,text\n1,x\n", "utf-8")
    with pytest.raises(DataError, match=r"a\.csv lacks the columns proposition_id, dependency, "):
        load_prompts(f"dpg-bench:{tmp_path / 'a.csv'}")


def wise(number: int, category: str, prompt: str = "", **others: object) -> dict[str, object]:
    entry = {"Prompt": prompt or f"prompt {number}", "Explanation": f"answer {number}", "Subcategory": "x"}
    return {**entry, "Category": category, "prompt_id": number, **others}


def test_wise_has_answers_and_prompts_with_the_answer_spelled_out(tmp_path: Path):
    folder = tmp_path / "WISE_legacy" / "data"
    folder.mkdir(parents=True)
    (folder / "cultural_common_sense.json").write_text(json.dumps([wise(1, "Cultural knowledge"), wise(2, "time")]))
    (folder / "cultural_common_sense_rewrite.json").write_text(json.dumps([wise(2, "whatever", "spelled out")]))
    (folder / "natural_science.json").write_text(json.dumps([wise(9, "Physical Knowledge")]))
    loaded = load_prompts(f"wise:{tmp_path}")
    assert [(item.id, item.kind, item.inputs, item.answer, item.spelled) for item in loaded.items] == [
        ("wise 0001", "culture", {"text": "prompt 1"}, "answer 1", ""),
        ("wise 0002", "time", {"text": "prompt 2"}, "answer 2", "spelled out"),
        ("wise 0009", "physics", {"text": "prompt 9"}, "answer 9", ""),
    ]
    assert [one.name for one in loaded.files] == [
        "cultural_common_sense.json", "natural_science.json", "cultural_common_sense_rewrite.json",
    ]  # fmt: skip
    assert "WISE: 3 prompts of 1,000 published" in loaded.summary
    assert len(load_prompts(f"wise:{folder / 'natural_science.json'}").items) == 1


def test_two_releases_of_wise_are_not_mixed(tmp_path: Path):
    for name in ("WISE_legacy/data/natural_science.json", "data_verified/natural_science_verified.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(json.dumps([wise(1, "time")]))
    with pytest.raises(DataError, match=r"several releases of WISE.*write wise:.*legacy/data or wise:.*data_verified$"):
        load_prompts(f"wise:{tmp_path}")
    assert load_prompts(f"wise:{tmp_path / 'data_verified'}").items[0].spelled == ""


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({}, "must hold a list of objects"),
        ([3], "entry 1 is no object"),
        (
            [wise(1, "time"), {**wise(2, "time"), "prompt_id": "2"}],
            "entry 2: 'prompt_id' must be a whole number, not '2'",
        ),
        ([wise(1, "time"), wise(1, "time")], r"entry 2 \(prompt_id 1\): 'prompt_id' 1 stands for another prompt, too"),
        ([wise(1, "Ecology")], r"entry 1 \(prompt_id 1\): unknown 'Category' 'Ecology'; known are cultural"),
        ([wise(1, "time", Explanation=None)], r"entry 1 \(prompt_id 1\) has no text under 'Explanation'"),
    ],
)
def test_an_entry_of_wise_of_another_form_is_named(tmp_path: Path, entries: object, said: str):
    file = tmp_path / "a.json"
    file.write_text(json.dumps(entries), "utf-8")
    with pytest.raises(DataError, match=rf"a\.json,? {said}"):
        load_prompts(f"wise:{file}")


@pytest.mark.parametrize("source", ["dpg-bench", "wise"])
def test_a_folder_without_the_benchmark_is_told_what_is_missing(tmp_path: Path, source: str):
    with pytest.raises(DataError, match=rf"{tmp_path} holds n"):
        load_prompts(f"{source}:{tmp_path}")
    with pytest.raises(DataError, match="no such file or folder"):
        load_prompts(f"{source}:{tmp_path / 'none'}")


def test_a_bare_path_is_told_which_benchmark_it_is(tmp_path: Path):
    dpg(tmp_path / "d", ROWS, {})
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "natural_science.json").write_text(json.dumps([wise(1, "time")]))
    for path, hint in (
        (tmp_path / "d" / "dpg_bench" / "dpg_bench.csv", "dpg-bench:"),
        (tmp_path / "d", "dpg-bench:"),
        (tmp_path / "w", "wise:"),
        (tmp_path / "w" / "natural_science.json", "wise:"),
    ):
        with pytest.raises(UsageError, match=f"did you mean '{hint}"):
            load_prompts(str(path))
