"""Subject and judge behind a loopback server, as commands, killed with -9 and resumed: nothing is paid for twice."""

import json

import pytest

from tests.helpers.poster_loopback import TITLES, main
from unispect.runs import RunStore


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loopback")
    return folder, main(folder, lambda line: None)


@pytest.mark.slow
def test_nothing_is_paid_for_twice(whole):
    replies, grades = whole[1]
    asked = len(TITLES) * 2 * 3
    # One picture is asked for again on purpose: does the server keep to seeds?
    assert (replies.before, replies.needed, replies.twice, replies.again) == (7, asked, 1, 0)
    controls = len(TITLES) * 3
    assert (grades.before, grades.needed) == (12, len(TITLES) + asked + controls)
    assert (grades.twice, grades.again) == (0, 0)


@pytest.mark.slow
def test_scores_are_those_of_the_subject_behind_the_server(whole):
    folder, _ = whole
    page = (folder / "report.html").read_text()
    assert "Told from memory, posters come out wrong more often than drawn from memory." in page
    assert "Error of drawings 0\N{NO-BREAK SPACE}%, of descriptions 50\N{NO-BREAK SPACE}%" in page
    with RunStore.open(folder / "run") as store:
        notes = [one.settings for one in store.manifest().invocations]
        cards = list(store.cards())
    assert [name.partition("@")[0] for name in cards] == ["openai:painter+brush"]
    assert any("answers" in note for note in notes)


@pytest.mark.slow
def test_references_are_kept_by_their_hash_only(whole):
    folder, _ = whole
    with RunStore.open(folder / "run") as store:
        for entry in store.entries("posters"):
            assert str(folder) not in json.dumps(entry.unit.inputs) + json.dumps(entry.record.payload)
