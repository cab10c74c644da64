"""A model of the registry grades replies of posters on rubrics that a chat model wrote."""

from pathlib import Path

import pytest

from tests.helpers import poster_run
from tests.helpers.commands import here
from unispect.core.typed import read_payload
from unispect.runs import RunStore
from unispect.studies.graders.base import Told
from unispect.studies.posters.judging.forms import SHOWN
from unispect.studies.posters.records import Items
from unispect.studies.questions import UNCLEAR


class Looks:
    """Says "as stated" of every other statement, and is not sure of the last one."""

    name = "model:eyes@1"

    def __init__(self, *_: object) -> None:
        self.asked: list[tuple[str, ...]] = []

    def look(self, shown, questions, key) -> Told:
        self.asked.append(tuple(one.id for one in questions))
        assert all(one.options == SHOWN and one.id in one.text for one in questions)
        said = [SHOWN[number % 2] for number in range(len(questions) - 1)]
        return Told(dict(zip([one.id for one in questions], [*said, UNCLEAR], strict=True)))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Looks:
    looks = Looks()
    monkeypatch.setattr("unispect.models.registry.load", lambda name, **about: None)
    monkeypatch.setattr("unispect.studies.graders.local.LocalGrader", lambda model, listed: looks)
    return looks


def test_every_reply_and_control_is_held_to_the_rubric_that_is_there(
    tmp_path: Path, known: Looks, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = poster_run.replies(tmp_path, seeds=(0,))
    data = tmp_path / "data" / "subjects.yaml"
    monkeypatch.setattr("unispect.runner.judging.subjects_file", lambda *_: data)
    early = here(capsys, "grade", run, "--judge", "model:tiny-janus-pro")
    assert early.code == 2
    assert "a rubric has to be written" in " ".join(early.err.split())
    with poster_run.judging() as server:
        poster_run.grade(run, server.url)
    done = here(capsys, "grade", run, "--judge", "model:tiny-janus-pro")
    assert done.code == 0, done.err
    with RunStore.open(run) as store:
        entries = list(store.entries("posters"))
    theirs, ours = (
        [one for one in entries if one.unit.kind == "items" and one.unit.model == name]
        for name in (poster_run.NAME, Looks.name)
    )
    assert {str(one.unit.inputs) for one in ours} == {str(one.unit.inputs) for one in theirs}
    assert len(ours) == len(known.asked) > len(poster_run.TITLES)
    for one in ours:
        items = read_payload(Items, one.record).items
        assert sum(item.status is None for item in items) == 1  # unclear
        assert {item.status for item in items} == {None, *SHOWN[:2]}
    asked = len(known.asked)
    again = here(capsys, "grade", run, "--judge", "model:tiny-janus-pro")
    assert again.code == 0
    assert len(known.asked) == asked
    assert here(capsys, "report", run, "--out", tmp_path / "page.html").code == 0
