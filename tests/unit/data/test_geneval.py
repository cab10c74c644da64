"""GenEval's prompts: read in order, kept whole, refused with file and line."""

import json

import pytest

from tests.helpers.reference import need_reference
from unispect.core.errors import DataError
from unispect.data import geneval
from unispect.data.prompts import load_prompts, prompt_of
from unispect.runs import geneval as export

LINES = [
    {"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"},
    {"tag": "counting", "include": [{"class": "cow", "count": 2}], "exclude": [], "prompt": "a photo of two cows"},
    {"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"},
]


def written(tmp_path, text):
    file = tmp_path / "prompts.jsonl"
    file.write_text(text, "utf-8")
    return file


def test_prompts_keep_their_place_their_task_and_their_object(tmp_path):
    file = written(tmp_path, "\n\n".join(json.dumps(line) for line in LINES) + "\n")
    items = load_prompts(f"geneval:{file}").items
    assert [(item.id, item.kind) for item in items] == [
        ("geneval 00000", "single_object"),
        ("geneval 00001", "counting"),
        ("geneval 00002", "single_object"),  # said twice, asked twice: the scorer counts folders
    ]
    assert prompt_of(items[1].inputs).text == "a photo of two cows"
    assert items[1].inputs[geneval.KEY] == {"index": 1, "metadata": LINES[1]}
    assert [item.id for item in load_prompts(f"geneval:{file}", limit=1).items] == ["geneval 00000", "geneval 00001"]


def test_where_it_is_kept_is_where_the_export_looks():
    assert geneval.KEY == export.KEY


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"prompt": "x", "tag": "y"}', '{"prompt": " ", "tag": "y", "include": []}', '{"tag": "y"}'],
)
def test_a_line_of_another_form_is_named(tmp_path, line):
    file = written(tmp_path, json.dumps(LINES[0]) + "\n" + line)
    with pytest.raises(DataError, match=r"prompts\.jsonl, line 2"):
        load_prompts(f"geneval:{file}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl"):
        load_prompts(f"geneval:{tmp_path / 'none.jsonl'}")


def test_the_published_prompts_can_be_read():
    file = need_reference("modal_aphasia") / "geneval_evaluation_metadata.jsonl"
    items = load_prompts(f"geneval:{file}").items
    assert len(items) == 553
    assert len({item.kind for item in items}) == 6
