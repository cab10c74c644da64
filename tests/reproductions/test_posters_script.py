"""`python -m reproductions.posters`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reproductions.posters.__main__ import main
from reproductions.posters.gradings import read_settings
from reproductions.posters.numbers import compare, published_numbers, stale_counts
from tests.helpers.commands import script
from tests.helpers.poster_files import two_gradings, write
from tests.helpers.reference import need_reference

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "200")
    return write(tmp_path / "posters", two_gradings())


def known(folder: Path, **changes: object) -> Path:
    """An expected.json beside the folder, made by hand for `two_gradings`."""
    aggregate = {
        "image_error": {"mean": 0.1875, "sem": 0.0625},  # (0 + 1/4)/2 and (1/4 + 1/4)/2
        "text_error": {"mean": 0.5, "sem": 0.0},  # (3/4 + 1/4)/2 twice
        "text_major_rate": {"mean": 0.5, "sem": 0.0},
        "text_over_image_error_ratio": 2.666667,
        "image_pooled": {"counts": {"pos_incorrect": 1, "pos_missing": 2}, "major_share_of_hallucination": 0.0},
    }
    path = folder.parent / "expected.json"
    path.write_text(json.dumps({"what": "by hand", "main": {"aggregate": {**aggregate, **changes}}}))
    return path


def test_scores_and_known_numbers_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]):
    known(folder)
    outcome = script(capsys, main, folder)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert "main: gradings 2, posters 2, graded by somebody/who-looks" in lines
    (error,) = (line.split() for line in lines if line.startswith("error"))
    assert error[1:4] == ["18.75", "±", "6.25"]
    assert "50.00" in error
    assert "+31.25" in error
    assert "image, pooled: of 16 items 3 wrong (2 omissions, 1 minor and 0 severe hallucinations)" in lines
    assert "all agree, as far as any are stored" in lines
    assert lines[-1] == "all 10 values came out"


def test_a_number_that_does_not_come_out_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]):
    known(folder, text_error={"mean": 0.500001, "sem": 0.0}, cats=9)
    outcome = script(capsys, main, folder)
    assert outcome.code == 0  # the check was done; what it found is its output
    assert "2 of 11 values differ" in outcome.out
    assert "main.aggregate.text_error.mean: 0.500001, here 0.5" in outcome.out
    assert "main.aggregate.cats: 9, here nothing" in outcome.out


def test_without_known_numbers_there_is_nothing_to_compare(folder: Path, capsys: pytest.CaptureFixture[str]):
    outcome = script(capsys, main, folder)
    assert outcome.code == 0
    assert "Known numbers" not in outcome.out


def test_a_stale_count_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]):
    _, second = two_gradings()
    poster = second["posters"]["2"]
    poster["summary"]["image_correct"] = poster["image_fulfillment"]["scores"]["correct"] = 2
    write(folder / "again", [second])
    outcome = script(capsys, main, folder)
    stale = [line for line in outcome.out.splitlines() if line.startswith("stale")]
    assert stale == ["stale: again/posters-1.json, poster 2, image: stored correct 2 (its items give 3); places: 2"]
    assert outcome.code == 0


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("image_fulfillment", "scores", "missing"), 0, {"missing": 0}),
        (("image_fulfillment", "scores", "correct_pct"), 75.1, {"correct_pct": 75.1}),
        (("text_fulfillment", "scores", "positive_negative_breakdown", "negative_correct"), 0, {"negative_correct": 0}),
        (("summary", "total_requirements"), 5, {"total_requirements": 5}),
        (("summary", "positive_negative_breakdown", "text", "positive_missing"), 2, {"positive_missing": 2}),
        (("summary", "positive_negative_breakdown", "rubric_counts", "negative_rubric"), 0, {"negative_rubric": 0}),
    ],
)
def test_every_kind_of_stored_count_is_held_to_its_items(tmp_path: Path, place, value, said):
    first, second = two_gradings()
    *way, last = place
    entry = second["posters"]["2"]
    for key in way:
        entry = entry[key]
    assert last in entry
    entry[last] = value
    (one,) = stale_counts(read_settings(write(tmp_path, [first, second]))["main"])
    assert (one.path.name, one.poster, one.stored) == ("posters-2.json", "2", said)


def test_a_poster_that_was_lost_is_noticed(tmp_path: Path):
    first, second = two_gradings()
    del second["posters"]["2"]
    found = read_settings(write(tmp_path, [first, second]))["main"]
    (one,) = stale_counts(found)
    assert (one.poster, one.stored, one.counted) == ("", {"total_posters": 2}, {"total_posters": 1})
    numbers = published_numbers(found)
    assert numbers["per_poster"]["2"]["text_error"] == {"mean": 0.25, "sem": None, "n_runs": 1}


def test_settings_on_one_side_only_are_named(folder: Path):
    path = known(folder)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"inputs": {"main": [], "ablation": []}}))
    write(folder / "again", two_gradings())
    found = compare(path, read_settings(folder))
    assert (found.absent, found.unknown, found.differences) == (["ablation"], ["again"], {})


def test_what_models_and_judges_wrote_cannot_act_on_a_terminal(folder: Path, capsys: pytest.CaptureFixture[str]):
    files = two_gradings()
    for data in files:
        data["metadata"]["model"] = "\x1b[2Jjudge"
        data["posters"]["1"]["poster_name"] = "[red]\u202efilm"
    write(folder, files)
    out = script(capsys, main, folder).out
    assert "\x1b" not in out
    assert "⟨U+001B⟩[2Jjudge" in out
    assert "[red]⟨U+202E⟩film" in out


@pytest.mark.slow
def test_mistakes_are_one_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    outcome = script(capsys, main, tmp_path / "gone")
    assert (outcome.code, "gone is no folder" in outcome.err) == (1, True)
    assert script(capsys, main).code == 2
    path = known(folder)
    for text, said in (("{", "is no JSON"), ("[]", "holds no numbers of main"), ('{"main": 3}', "holds no numbers")):
        path.write_text(text)
        outcome = script(capsys, main, folder)
        assert (outcome.code, said in outcome.err) == (1, True)
    (folder / "posters-2.json").write_text('{"posters": {"1": {"poster_name": "\\u001b[2J"}}}')
    outcome = script(capsys, main, folder)
    assert outcome.code == 1
    assert "posters-2.json is damaged: posters.1.poster_id: Field required" in outcome.err


def test_the_published_folder(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    outcome = script(capsys, main, need_reference("modal_aphasia") / "real_world_data")
    assert outcome.code == 0
    assert [line for line in outcome.out.splitlines() if line.startswith("stale")] == [
        "stale: ablation/posters-1.json, poster 10, image: stored correct 17 (its items give 18), "
        "negative_correct 3 (its items give 4); places: 4"
    ]
    assert outcome.out.splitlines()[-1].endswith("values came out")


@pytest.mark.slow
def test_no_torch_is_needed(folder: Path):
    code = "import sys; from reproductions.posters.__main__ import main as do; sys.exit(do() or 'torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, folder], capture_output=True, check=True, cwd=ROOT)
