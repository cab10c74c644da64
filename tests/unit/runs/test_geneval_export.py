"""Pictures of GenEval prompts leave in the layout that the official scorer reads."""

import json

import pytest

from tests.helpers.samples import png, record, unit
from unispect.core.errors import UsageError
from unispect.runs import RunStore
from unispect.runs.geneval import KEY, export_geneval


def drawing(index, seed, model="tiny@1"):
    metadata = {"prompt": f"prompt {index}", "tag": "counting", "include": [{"class": "é", "count": index}]}
    prompt = {"text": f"prompt {index}", KEY: {"index": index, "metadata": metadata}}
    return unit(seed, model=model, inputs={"id": str(index), "prompt": prompt})


def run_of(tmp_path, units, left_out=0):
    store = RunStore.create(tmp_path / "run")
    store.plan(units)
    store.record([record(one, picture=index) for index, one in enumerate(units[: len(units) - left_out])])
    return store


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_per_prompt_with_its_object_and_its_pictures_by_seed(tmp_path):
    units = [drawing(12, 5), drawing(12, 3), drawing(0, 3), unit(9)]
    with run_of(tmp_path, units) as store:
        done = export_geneval(store, tmp_path / "out")
    assert (done.prompts, done.pictures, done.pending) == (2, 3, 0)
    assert files(tmp_path / "out") == [
        "00000/metadata.jsonl", "00000/samples/0000.png",
        "00012/metadata.jsonl", "00012/samples/0000.png", "00012/samples/0001.png",
    ]  # fmt: skip
    (line,) = (tmp_path / "out" / "00012" / "metadata.jsonl").read_text().splitlines()
    assert json.loads(line) == units[0].inputs["prompt"][KEY]["metadata"]
    assert (tmp_path / "out" / "00012" / "samples" / "0000.png").read_bytes() == png(1)  # the smaller seed


def test_several_models_have_a_folder_each(tmp_path):
    with run_of(tmp_path, [drawing(0, 1), drawing(0, 1, "owner/other@2")]) as store:
        done = export_geneval(store, tmp_path / "out")
    assert done.models == ("tiny@1", "owner/other@2")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["owner-other@2", "tiny@1"]


def test_what_has_no_record_yet_is_counted(tmp_path):
    with run_of(tmp_path, [drawing(0, 1), drawing(0, 2)], left_out=1) as store:
        assert export_geneval(store, tmp_path / "out").pending == 1


def test_a_folder_that_is_there_is_not_touched(tmp_path):
    (tmp_path / "out").mkdir()
    with run_of(tmp_path, [drawing(0, 1)]) as store, pytest.raises(UsageError, match="there already"):
        export_geneval(store, tmp_path / "out")
    assert files(tmp_path / "out") == []


def test_a_run_without_such_pictures_is_told_how_to_get_them(tmp_path):
    with run_of(tmp_path, [unit(1)]) as store, pytest.raises(UsageError, match="geneval:FILE"):
        export_geneval(store, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
