"""Reading published gradings of posters, whole and damaged."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reproductions.posters.gradings import LISTED, read_grading, read_settings
from tests.helpers.poster_files import UNWANTED, WANTED, grading, two_gradings, write
from unispect.core.errors import DataError
from unispect.data.posters.items import Item


def test_items_come_in_the_order_of_the_rubric(tmp_path: Path):
    (file,) = read_settings(write(tmp_path, [grading({"7": ("cimc", "mcci")})]))["main"]
    (poster,) = file.posters
    assert (file.judge, file.total, poster.id, poster.name) == ("somebody/who-looks", 1, "7", "Film 7 (1999)")
    assert [item.requirement for item in poster.items["text"]] == [*WANTED, *UNWANTED]
    assert [item.wanted for item in poster.items["text"]] == [True, True, True, False]
    assert [item.status for item in poster.items["image"]] == ["CORRECT", "INCORRECT", "MISSING", "CORRECT"]
    assert [item.status for item in poster.items["text"]] == ["MISSING", "CORRECT", "CORRECT", "INCORRECT"]
    assert poster.stored["summary.positive_negative_breakdown.text.negative_incorrect"] == 1
    assert poster.stored["image_fulfillment.scores.incorrect_pct"] == 25.0


def test_settings_are_folders_and_files_come_by_number(tmp_path: Path):
    write(tmp_path, [grading({str(n): ("cccc", "cccc")}) for n in range(1, 12)])
    write(tmp_path / "thinking first", two_gradings())
    (tmp_path / "pictures").mkdir()
    (tmp_path / "posters-notes.json").write_text("not ours")
    found = read_settings(tmp_path)
    assert {name: len(files) for name, files in found.items()} == {"main": 11, "thinking first": 2}
    assert [file.posters[0].id for file in found["main"]] == [str(n) for n in range(1, 12)]


def test_counts_need_not_be_stored(tmp_path: Path):
    data = grading({"1": ("cccc", "cccc")})
    del data["metadata"], data["posters"]["1"]["summary"]
    for modality in ("image", "text"):
        del data["posters"]["1"][f"{modality}_fulfillment"]["scores"]
    (file,) = read_settings(write(tmp_path, [data]))["main"]
    assert (file.judge, file.total, file.posters[0].stored) == ("", None, {})


def test_what_should_not_be_there_cannot_be_missing():
    with pytest.raises(ValueError, match="should not be there"):
        Item("a second moon", False, "MISSING")


def verdict(data: Any, row: int = 0, modality: str = "text") -> dict[str, Any]:
    return data["posters"]["2"][f"{modality}_fulfillment"][f"{modality}_fulfillment_analysis"][row]


def without_a_verdict(data: Any) -> None:
    del data["posters"]["2"]["image_fulfillment"]["image_fulfillment_analysis"][1]


CHANGES = {
    "a status nobody gave": (
        lambda data: verdict(data, 2).update(status="MAYBE"),
        "posters.2.text_fulfillment.text_fulfillment_analysis[2].status: Input should be 'CORRECT'",
    ),
    "a status that is no word": (lambda data: verdict(data).update(status=1), "text_fulfillment_analysis[0].status"),
    "no requirement": (lambda data: verdict(data, 1).pop("requirement"), "analysis[1].requirement: Field required"),
    "a verdict too few": (without_a_verdict, "posters.2.image_fulfillment: not graded: 'the title should be yellow'"),
    "graded twice": (
        lambda data: verdict(data, 1).update(requirement=UNWANTED[0]),
        "text_fulfillment_analysis[1]: graded twice: 'a second moon",
    ),
    "not in the rubric": (
        lambda data: verdict(data, 3, "image").update(requirement="a cat"),
        "image_fulfillment_analysis[3]: not in the rubric: 'a cat'",
    ),
    "an unwanted thing missing": (
        lambda data: verdict(data, 0).update(status="MISSING"),
        "text_fulfillment_analysis[0]: MISSING, but should not be there",
    ),
    "wanted and unwanted": (
        lambda data: data["posters"]["2"]["negative_requirements"].append(WANTED[0]),
        "posters.2: 2 times in the rubric: 'a red kite",
    ),
    "an empty rubric": (
        lambda data: data["posters"]["2"].update(positive_requirements=[], negative_requirements=[]),
        "posters.2: its rubric is empty",
    ),
    "another id": (lambda data: data["posters"]["2"].update(poster_id="3"), "posters.2.poster_id: is '3'"),
    "a count that is a word": (
        lambda data: data["posters"]["2"]["summary"].update(text_correct="all"),
        "posters.2.summary.text_correct: no count: 'all'",
    ),
    "a count that is endless": (
        lambda data: data["posters"]["2"]["summary"].update(text_correct=10**300),
        "posters.2.summary.text_correct: no count",
    ),
    "posters in a list": (lambda data: data.update(posters=[]), "posters: Input should be"),
    "no posters at all": (lambda data: data.update(posters={}), "holds no posters"),
    "half a character": (
        lambda data: verdict(data).update(requirement="\ud800"),
        "text_fulfillment_analysis.0.requirement holds half a character",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_damaged_row_is_named_by_file_and_place(tmp_path: Path, case: str):
    change, said = CHANGES[case]
    first, second = two_gradings()
    change(second)
    with pytest.raises(DataError) as caught:
        read_settings(write(tmp_path, [first, second]))
    assert str(tmp_path / "posters-2.json") in str(caught.value)
    assert said in str(caught.value)


TEXTS = {
    "cut off": (json.dumps(grading({"1": ("cccc", "cccc")}))[:-40], "is no JSON"),
    "empty": ("", "is no JSON"),
    "a list": ("[]", "is damaged: top level"),
    "a poster that occurs twice": ('{"posters": {"1": {}, "1": {}}}', "gives key '1' twice"),
    "no number": ('{"posters": NaN}', "posters is nan, which is no finite number"),
    "more than a float holds": (
        '{"posters": {}, "metadata": {"total_posters": 1e999}}',
        "metadata.total_posters is inf",
    ),
    "a digit too many": ('{"posters": ' + "9" * 5000 + "}", "an integer of more than 400 digits"),
    "deep": ('{"posters": ' + "[" * 20 + "]" * 20 + "}", "nested too deeply"),
    "deeper": ('{"posters": ' + "[" * 200 + "]" * 200 + "}", "nested more than 100 levels deep"),
    "bottomless": ("[" * 100_000, "nested more than 100 levels deep"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_a_file_that_is_none_is_refused(tmp_path: Path, case: str):
    text, said = TEXTS[case]
    with pytest.raises(DataError, match=r"posters-1\.json") as caught:
        read_settings(write(tmp_path, [text]))
    assert said in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path):
    (tmp_path / "posters-1.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not UTF-8 but UTF-16 text"):
        read_settings(tmp_path)


def test_many_faults_are_cut_short(tmp_path: Path):
    data = grading({str(n): ("cccc", "cccc") for n in range(30)})
    for poster in data["posters"].values():
        poster["poster_id"] = "x"
    with pytest.raises(DataError, match=f"and {30 - LISTED} more"):
        read_settings(write(tmp_path, [data]))


def test_folders_without_gradings(tmp_path: Path):
    with pytest.raises(DataError, match="holds no gradings"):
        read_settings(tmp_path)
    with pytest.raises(DataError, match="is no folder"):
        read_settings(tmp_path / "gone")
    (tmp_path / "posters-1.json").mkdir()
    with pytest.raises(DataError, match="cannot read"):
        read_settings(tmp_path)


def test_a_sub_folder_cannot_be_called_as_the_folder_itself(tmp_path: Path):
    write(tmp_path, two_gradings())
    write(tmp_path / "main", two_gradings())
    with pytest.raises(DataError, match="rename"):
        read_settings(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_anything_in_the_place_of_anything_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data):
    file = grading({"1": ("cimc", "mcci")})
    place: Any = file
    while isinstance(place, dict | list) and place:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.integers(0, 3)) == 0:
            place[key] = data.draw(JSON)
            break
        place = inner
    path = write(tmp_path_factory.getbasetemp() / "any", [file]) / "posters-1.json"
    with contextlib.suppress(DataError):
        assert read_grading(path).posters
