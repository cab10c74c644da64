"""A study is one value, and those of other packages are as good as ours: shown by one that lives in `tests/plugin`."""

import base64
import io
import json
import pickle
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.commands import here
from unispect.core.errors import UsageError
from unispect.core.units import Unit
from unispect.runner import judging
from unispect.runs import RunStore
from unispect.studies.base import Study, later
from unispect.studies.registry import RESTS_ON, SECTIONS, STUDIES, all_studies, find_study

PLUGIN = Path(__file__).parents[2] / "plugin"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Study:
    """The study of the package in `tests/plugin`, as an installed package would bring it."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    return all_studies()["toy"]


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_every_place_that_a_study_names_is_there(study: Study):
    places = [study.plan, study.procedures, study.view, *study.judges.values()]
    places += [study.by_chat.judging] if study.by_chat else []
    looking = study.looking
    places += [looking.asking, looking.as_grade, looking.from_grade, looking.wanted, looking.known] if looking else []
    assert all(callable(place.function) for place in places if place)  # type: ignore[attr-defined]
    assert all(map(callable, study.procedures().values()))


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_what_carries_a_study_out_travels_to_other_processes(study: Study):
    assert pickle.loads(pickle.dumps(study.run)) == study.run


def test_a_study_without_a_place_says_so():
    with pytest.raises(Exception, match=r"unispect\.studies\.nowhere:plan cannot be imported"):
        later("unispect.studies.nowhere:plan")()


def test_a_kind_without_procedure_is_named(toy: Study):
    with pytest.raises(Exception, match="the toy study has no procedure 'sing'"):
        list(toy.run(None, [Unit("toy", 1, "sing", "m", {})], lambda _: pytest.fail("nothing before")))  # type: ignore[arg-type]


@pytest.mark.slow
def test_an_outsiders_study_is_run_graded_and_reported(toy: Study, tmp_path: Path, capsys):
    """With its data, its parts, its judges and its section over several studies; nothing of ours knows it."""
    questions = tmp_path / "questions.txt"
    questions.write_text("Is it red\nIs it round\n")
    run, page = tmp_path / "run", tmp_path / "page.html"
    data = ("--data", f"toy-questions:{questions}")
    outcome = here(capsys, "run", "toy", "drawing", "-m", "tiny-janus-pro", *data, "--seeds", "0", "--out", run)
    assert outcome.code == 0
    outcome = here(capsys, "run", "toy", "-m", "tiny-janus-pro", *data, "--parts", "polite", "--out", tmp_path / "part")
    assert (outcome.code, "2 units done" in outcome.out) == (0, True)
    outcome = here(capsys, "grade", run, "--judge", "strict")
    assert "4 records graded by strict, 0 before, 2 need no grade" in outcome.out
    assert here(capsys, "report", run, "--out", page).code == 0
    found = sections(page)
    assert list(found) == ["drawing", "toy", "toy-beside"]
    assert [row[:2] for row in found["toy"]["tables"][0]["rows"]] == [["plain", 2], ["polite", 2]]
    assert dict(found["toy-beside"]["tables"][0]["rows"]) == {"toy": 4, "drawing": 2}


def test_an_outsiders_data_serve_our_studies(toy: Study, tmp_path: Path, capsys):
    outcome = here(
        capsys, "run", "drawing", "-m", "tiny-janus-pro", "--data", "toy-questions", "--out", tmp_path / "run"
    )
    assert "write toy-questions:FILE" in outcome.error


def test_what_an_entry_point_names_and_is_no_study_stops_no_other(toy: Study, tmp_path: Path, capsys):
    listed = " ".join(here(capsys, "studies").out.split())
    assert "Does the model answer questions with yes or no?" in listed
    assert "'other' cannot be used: toy:questions is no unispect.studies.base.Study" in listed
    outcome = here(capsys, "run", "gone", "-m", "tiny-janus-pro", "--out", tmp_path / "run")
    assert (outcome.code, "the study 'gone' cannot be used: ModuleNotFoundError" in outcome.error) == (1, True)


def sections(page: Path) -> dict[str, dict]:
    """The sections in a page's findings.json."""
    html = page.read_text()
    found = re.search(r'href="data:application/zip;base64,([^"]+)"', html) or pytest.fail("no archive")
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(found[1]))) as archive:
        return {one["id"]: one for one in json.loads(archive.read("findings.json"))["sections"]}


def test_which_studies_chat_models_grade_follows_from_the_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    RunStore.create(tmp_path / "run").close()
    singing = replace(STUDIES["drawing"], name="singing", by_chat=STUDIES["safety"].by_chat)
    monkeypatch.setattr(judging, "all_studies", lambda: {**STUDIES, "singing": singing})
    with pytest.raises(UsageError, match=r"they grade records of concepts, faces, safety, .*posters, singing$"):
        judging.grade_by_chat(tmp_path / "run", "openai:judge@http://127.0.0.1:9/v1")


def test_a_section_of_a_report_is_no_study_and_says_what_it_is_made_of():
    assert {one.address.split(".")[2] for one in SECTIONS} == set(RESTS_ON)  # type: ignore[attr-defined]
    for name in RESTS_ON:
        with pytest.raises(
            UsageError, match=f"'{name}' is no study but a section of a report: unispect report makes it of"
        ):
            find_study(name)
