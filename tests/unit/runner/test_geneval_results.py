"""What GenEval's scorer says of exported pictures comes back to the records of these pictures, or is refused whole."""

import json
import math
import os
import re
from pathlib import Path

import pytest

from tests.helpers.commands import here
from tests.helpers.fake_concepts import card
from tests.helpers.samples import png, record, unit
from unispect.core.errors import DataError, UsageError
from unispect.runner.scores import grade_by_results
from unispect.runs import RunStore
from unispect.runs.geneval import KEY, export_geneval
from unispect.studies.drawing import study
from unispect.studies.drawing.view import view
from unispect.studies.outcomes import outcome

TAGS = ("counting", "colors")


def drawing(index: int, seed: int, model: str = "tiny@1"):
    tag = TAGS[index % 2]
    metadata = {"prompt": f"prompt {index}", "tag": tag, "include": [{"class": "é", "count": index + 1}]}
    prompt = {"text": f"prompt {index}", KEY: {"index": index, "metadata": metadata}}
    inputs = {"id": f"geneval {index:05}", "group": tag, "prompt": prompt}
    return unit(seed, study="drawing", model=model, inputs=inputs)


def made(one, number: int):
    return record(one, pictures={"picture": png(number)}, payload={})


def scored(folder: Path, right=lambda index, picture: True, **changes) -> list[dict]:
    """Lines as the official scorer writes them: it lists folders, and passes the object on as text."""
    lines = []
    for index in sorted(filter(str.isdigit, os.listdir(folder))):
        metadata = json.loads((folder / index / "metadata.jsonl").read_text())
        for name in sorted(os.listdir(folder / index / "samples")):
            if re.match(r"\d+\.png", name):
                file = folder / index / "samples" / name
                correct = right(int(index), file.read_bytes())
                line = {"filename": str(file), "tag": metadata["tag"], "prompt": metadata["prompt"], "correct": correct}
                line["reason"] = "" if correct else "expected é>=2, found 1"
                lines.append({**line, "metadata": json.dumps(metadata), "details": "{}", **changes})
    return lines


def file_of(folder: Path, lines: list[dict]) -> Path:
    path = folder / "results.jsonl"
    path.write_text("".join(json.dumps(line).replace("/", "\\/") + "\n" for line in lines), "utf-8")  # as pandas does
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with RunStore.create(tmp_path / "run") as store:
        units = [drawing(index, seed) for index in range(4) for seed in (0, 1)]
        store.plan(units)
        store.record([made(one, number) for number, one in enumerate(units)])
        export_geneval(store, tmp_path / "pictures")
    return tmp_path / "run"


def grades(run: Path) -> dict[tuple[int, int], dict]:
    with RunStore.open(run) as store:
        return {
            (entry.unit.inputs["prompt"][KEY]["index"], entry.unit.seed): dict(entry.grades["geneval"].payload)
            for entry in store.entries()
            if "geneval" in entry.grades
        }


def test_every_result_stands_on_the_record_of_its_picture(run: Path, tmp_path: Path):
    lines = scored(tmp_path / "pictures", lambda index, picture: index != 2)
    done = grade_by_results(run, file_of(tmp_path, lines[::-1]))
    ((_, summary),) = done.summaries
    assert (summary.done, summary.already, summary.skipped) == (8, 0, 0)
    wrong = {"correct": False, "reason": "expected é>=2, found 1"}
    assert grades(run) == {
        (index, seed): wrong if index == 2 else {"correct": True} for index in range(4) for seed in (0, 1)
    }
    ((_, again),) = grade_by_results(run, file_of(tmp_path, lines)).summaries
    assert (again.done, again.already) == (0, 8)
    with RunStore.open(run) as store:
        assert "results.jsonl " in store.manifest().invocations[-1].settings["results (SHA-256)"]


def test_a_picture_is_known_by_its_content_when_the_run_went_on_after_the_export(tmp_path: Path):
    units = [drawing(0, seed) for seed in range(3)]
    with RunStore.create(tmp_path / "run") as store:
        store.plan(units)
        store.record([made(units[0], 0), made(units[2], 2)])
        export_geneval(store, tmp_path / "pictures")  # seed 2 is 0001.png
        store.record([made(units[1], 1)])
        second = store.open_blob(next(iter(list(store.entries())[2].record.blobs.values())))
    lines = scored(tmp_path / "pictures", lambda index, picture: picture == second)
    ((_, summary),) = grade_by_results(tmp_path / "run", file_of(tmp_path, lines)).summaries
    assert (summary.done, summary.skipped) == (2, 1)
    assert {seed: one["correct"] for (_, seed), one in grades(tmp_path / "run").items()} == {0: False, 2: True}


def test_results_made_elsewhere_are_held_to_the_exported_folder(run: Path, tmp_path: Path):
    lines = scored(tmp_path / "pictures")
    for line in lines:
        line["filename"] = line["filename"].replace(str(tmp_path), "C:\\scores").replace("/", "\\")
    results = file_of(tmp_path, lines)
    with pytest.raises(DataError, match=r"results\.jsonl, line 1: no picture C:.*name the exported folder with --pict"):
        grade_by_results(run, results)
    with pytest.raises(DataError, match=r"line 1: no picture .*is it the folder that was scored\?"):
        grade_by_results(run, results, pictures=run)
    assert grades(run) == {}
    grade_by_results(run, results, pictures=tmp_path / "pictures")
    assert len(grades(run)) == 8


def test_models_are_told_apart_by_their_pictures(tmp_path: Path):
    units = [drawing(0, 0), drawing(0, 0, "owner/other@2")]
    with RunStore.create(tmp_path / "run") as store:
        store.plan(units)
        store.record([made(one, number) for number, one in enumerate(units)])
        export_geneval(store, tmp_path / "pictures")
    lines = scored(tmp_path / "pictures" / "owner-other@2", lambda *_: False)
    grade_by_results(tmp_path / "run", file_of(tmp_path, lines), pictures=tmp_path / "pictures")
    with RunStore.open(tmp_path / "run") as store:
        assert [entry.unit.model for entry in store.entries() if entry.grades] == ["owner/other@2"]


def test_equal_pictures_of_a_prompt_are_taken_by_seed_and_model(tmp_path: Path):
    units = [drawing(0, seed, model) for model in ("tiny@1", "other@2") for seed in (1, 0)]
    with RunStore.create(tmp_path / "run") as store:
        store.plan(units)
        store.record([made(one, 7) for one in units])
        export_geneval(store, tmp_path / "pictures")
    folder = tmp_path / "pictures" / "other@2"
    lines = scored(folder)
    lines[1] |= {"correct": False}  # a detector on a GPU need not say the same twice
    grade_by_results(tmp_path / "run", file_of(tmp_path, lines[::-1]))
    with RunStore.open(tmp_path / "run") as store:
        said = {
            entry.unit.seed: entry.grades["geneval"].payload["correct"] for entry in store.entries() if entry.grades
        }
        assert {entry.unit.model for entry in store.entries() if entry.grades} == {"other@2"}
    assert said == {0: True, 1: False}
    (folder / "00000" / "samples" / "0002.png").write_bytes((folder / "00000" / "samples" / "0001.png").read_bytes())
    with pytest.raises(DataError, match=r"line 3: .* is one more copy of a picture than this run drew"):
        grade_by_results(tmp_path / "run", file_of(tmp_path, scored(folder)))
    folder.rename(tmp_path / "scored")
    with pytest.raises(DataError, match=r"line 1: several models drew the very picture"):
        grade_by_results(tmp_path / "run", file_of(tmp_path, scored(tmp_path / "scored")))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"correct": "yes"}, "'correct' must be true or false, not 'yes'"),
        ({"correct": None}, "'correct' must be true or false, not None"),
        ({"reason": 3}, "'reason' must be a text, not 3"),
        ({"filename": "a.png"}, "'filename' 'a.png' does not end in 00000/samples/0000.png"),
        ({"metadata": "{"}, "'metadata': is no JSON"),
        ({"metadata": {}}, "'metadata' must be a text"),
        ({"prompt": "another"}, "'prompt' is 'another', and 'metadata' says otherwise"),
        ({"tag": "another"}, "'tag' is 'another', and 'metadata' says otherwise"),
    ],
)
def test_a_line_of_another_form_is_named_and_nothing_is_kept(run: Path, tmp_path: Path, changes: dict, said: str):
    lines = scored(tmp_path / "pictures")
    lines[3] |= changes
    with pytest.raises(DataError, match=re.escape("results.jsonl, line 4: ") + re.escape(said)):
        grade_by_results(run, file_of(tmp_path, lines))
    assert grades(run) == {}


def test_what_this_run_does_not_hold_is_refused(run: Path, tmp_path: Path):
    lines = scored(tmp_path / "pictures")
    metadata = {**json.loads(lines[0]["metadata"]), "include": []}
    with pytest.raises(DataError, match=r"line 1: 'metadata' is not the object of prompt 00000 in this run; it says"):
        grade_by_results(run, file_of(tmp_path, [{**lines[0], "metadata": json.dumps(metadata)}]))
    moved = tmp_path / "00003" / "samples"
    moved.mkdir(parents=True)
    (moved / "0000.png").write_bytes((tmp_path / "pictures" / "00000" / "samples" / "0000.png").read_bytes())
    with pytest.raises(DataError, match=r"line 1: .*is no picture that this run drew of prompt 00003"):
        grade_by_results(run, file_of(tmp_path, [{**lines[0], "filename": str(moved / "0000.png")}]))
    with pytest.raises(DataError, match=r"line 2 says otherwise than .*line 1 of '.*0000\.png'"):
        grade_by_results(run, file_of(tmp_path, [lines[0], {**lines[0], "correct": False}]))
    with pytest.raises(DataError, match="holds no results"):
        grade_by_results(run, file_of(tmp_path, []))
    assert grades(run) == {}


def test_a_first_word_stands_and_another_is_refused(run: Path, tmp_path: Path):
    lines = scored(tmp_path / "pictures")
    grade_by_results(run, file_of(tmp_path, lines[:4]))
    lines[2] |= {"correct": False, "reason": "later"}
    with pytest.raises(UsageError, match=r"line 3: .*said True before and False now \(later\); a judge's first word"):
        grade_by_results(run, file_of(tmp_path, lines))
    assert len(grades(run)) == 4


def test_a_run_without_such_pictures_is_told_so(tmp_path: Path):
    with RunStore.create(tmp_path / "run") as store:
        store.plan([unit(1)])
        store.record([record(unit(1), picture=0)])
    said = {"prompt": "p", "tag": "t"}
    line = {**said, "filename": "00000/samples/0000.png", "correct": True, "reason": "", "metadata": json.dumps(said)}
    with pytest.raises(UsageError, match="no pictures of GenEval prompts"):
        grade_by_results(tmp_path / "run", file_of(tmp_path, [line]))


def test_scores_stand_in_the_study_by_task_over_prompts(run: Path, tmp_path: Path):
    known = {"tiny@1": card()}
    with RunStore.open(run) as store:
        assert [table.id for table in view(list(store.entries()), known).tables] == ["drawn"]
    lines = scored(tmp_path / "pictures", lambda index, picture: index == 1)
    grade_by_results(run, file_of(tmp_path, lines))
    with RunStore.open(run) as store:
        entries = list(store.entries())
    section = view(entries, known)
    table = section.tables[1]
    assert [row[:4] for row in table.rows] == [
        ("fake", "counting", 2, 4), ("fake", "colors", 2, 4), ("fake", "mean of tasks", 4, 8),
    ]  # fmt: skip
    shares = [row[4] for row in table.rows]
    assert [one.estimate for one in shares] == [0, 0.5, 0.25]
    assert {one.unit for one in shares} == {"prompts"}
    assert math.isnan(shares[1].low)  # of two prompts nothing is known
    assert [outcome(study, entry).credit for entry in entries[:4]] == [0, 0, 1, 1]


def test_the_command_says_what_it_kept_and_what_it_wants(run: Path, tmp_path: Path, capsys):
    results = file_of(tmp_path, scored(tmp_path / "pictures")[:6])
    assert "name it: --results results.jsonl" in here(capsys, "grade", run, "--judge", "geneval").error
    assert "for --judge geneval, not for rules" in here(capsys, "grade", run, "--results", results).error
    command = ["grade", run, "--judge", "geneval", "--results", results]
    assert "--gradings: not for --judge geneval" in here(capsys, *command, "--gradings", "3").error
    done = here(capsys, *command, "--pictures", tmp_path / "pictures")
    assert done.code == 0, done.err
    assert "6 pictures graded by geneval, 0 before, 2 of which results.jsonl says nothing" in done.out
