"""A chat model as judge of drawn faces: blind to whom they show, None where it cannot tell, counted by the view."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.chat_samples import PRICE, chat
from tests.helpers.commands import here
from tests.helpers.loopback_judge import KEY, VARIABLE, Handler, LoopbackJudge, loopback, picture_in, questions_in, say
from unispect.chat import Cassette, Chat
from unispect.core.cards import ModelCard
from unispect.core.units import Record, Unit
from unispect.data.faces.language import description
from unispect.data.faces.world import ATTRIBUTES, VALUES, Face, all_faces
from unispect.engine.grading import grade
from unispect.models.registry import card_of
from unispect.runs import Invocation, RunStore
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import Subject
from unispect.studies.aphasia.evidence import deciding
from unispect.studies.base import Judge
from unispect.studies.faces import study
from unispect.studies.faces.comparison import WORLD, comparisons, evidence_of, seen_of
from unispect.studies.faces.view import view
from unispect.studies.graders.asked import AskedGrader
from unispect.studies.graders.base import judged_by

NAME = "openai:loop"
FACES = [face for number, face in enumerate(all_faces()) if number % 53 == 0]
UNCLEAR, BROKEN = 250, 251


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackJudge]:
    monkeypatch.setenv(VARIABLE, KEY)
    with loopback() as running:
        running.otherwise = planted
        yield running


def drawn(number: int) -> bytes:
    """A picture that the planted judge can read: its red says which face it shows."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (number, 7, 9)).save(file, "PNG")
    return file.getvalue()


def planted(handler: Handler, body: dict) -> None:
    """Sees the face that the picture's colour stands for."""
    red = picture_in(body).getpixel((0, 0))[0]
    if red == BROKEN:
        say("It looks like a nice person.")(handler, body)
        return
    said = {}
    for number, (asked, _) in enumerate(questions_in(body), 1):
        (attribute,) = [one for one in ATTRIBUTES if one in asked.partition("(")[0]]
        said[f"q{number}"] = "unclear" if red == UNCLEAR else FACES[red].values[attribute]
    say(json.dumps(said))(handler, body)


def judging(asking: Chat, store: RunStore) -> Judge:
    """A chat model as the judge of what a run drew."""
    assert study.looking
    return judged_by(AskedGrader(asking, NAME), study.looking, study.looking.asking(list(store.entries())))


def unit(number: int, face: Face, seed: int = 0, *, photographed: bool = True, task: str = "name") -> Unit:
    name = f"Planted Person{number}"
    inputs = {"task": task, "lexicon": "people", "item": f"face_{number}", "concept": face.values, "prompt": name}
    return Unit("faces", 1, "draw", card().reference, inputs | {"drawn": not photographed}, {"guidance": 1.0}, seed)


def card() -> ModelCard:
    found = card_of("tiny-janus-pro")
    assert found
    return found


def made(tmp_path: Path, shows: list[int], **changes: bool) -> RunStore:
    """A run in which face n was drawn as the face that `shows[n]` stands for."""
    store = RunStore.create(tmp_path / "run")
    units = [unit(number, FACES[number], **changes) for number in range(len(shows))]
    store.plan(units)
    store.record([Record(one.id, pictures={"picture": drawn(red)}) for one, red in zip(units, shows, strict=True)])
    return store


def test_what_the_judge_sees_is_what_counts(tmp_path: Path, server: LoopbackJudge) -> None:
    shows = [0, 1, 2, 3, 5, UNCLEAR, BROKEN]
    with made(tmp_path, shows) as store:
        summary = grade(store, NAME, judging(chat(server.url), store), together=3)
        entries = list(store.entries())
    assert summary.done == 7
    found = evidence_of(entries)
    assert found.unjudged == 1
    right = [[one.right(attribute) for attribute in ATTRIBUTES] for one in found.drawings]
    assert right[:4] == [[True] * 4] * 4
    assert right[4] == [FACES[5].values[attribute] == FACES[4].values[attribute] for attribute in ATTRIBUTES]
    assert right[5] == [False] * 4
    (compared,) = comparisons([Subject(card(), found, WORLD, "m")])
    score = scores.accuracy(compared.drawn)
    assert (score.estimate, score.clusters) == (pytest.approx(np.mean(right)), 6)
    assert score.low < score.estimate < score.high
    assert compared.drawn.chance == pytest.approx((1 / 4 + 1 / 6 + 1 / 5 + 1 / 5) / 4)
    seen = seen_of(entries)
    assert (seen.judges, seen.unclear) == ({NAME: 6}, {NAME: 4})
    assert (seen.unseen, seen.unparsed, seen.both) == (1, 1, {})
    section = view(entries, {card().reference: card()})
    caveats = " ".join(section.caveats)
    assert f"6 drawings were graded by {NAME}; it could not tell 4 of their 24 attributes" in caveats
    assert "of 1 a judge gave an answer that cannot be read" in caveats
    (shown,) = [item for item in section.gallery if item.truth == FACES[4].values]
    assert shown.drawn == FACES[5].values


def test_nothing_of_whom_it_shows_reaches_the_judge(tmp_path: Path, server: LoopbackJudge) -> None:
    with made(tmp_path, [3, 4]) as store:
        grade(store, NAME, judging(chat(server.url), store))
    first, second = server.seen
    for body in (first, second):
        texts = json.dumps({**body, "messages": [_without_pictures(message) for message in body["messages"]]})
        assert "Planted" not in texts
        assert "face_" not in texts
        assert not any(description(face) in texts for face in FACES)
        for attribute in ATTRIBUTES:
            assert all(value in texts for value in VALUES[attribute])
    shapes = [sorted(questions_in(body), key=str) for body in (first, second)]
    assert [[(asked, sorted(options)) for asked, options in one] for one in shapes] == [
        [(f"{asked}", sorted(options)) for asked, options in shapes[0]]
    ] * 2


def _without_pictures(message: dict) -> dict:
    content = message["content"]
    return message if isinstance(content, str) else {**message, "content": [p for p in content if p["type"] == "text"]}


def test_rules_come_first_and_how_far_both_agree_is_said(tmp_path: Path, server: LoopbackJudge) -> None:
    from unispect.studies.faces.judge import judge as rules

    with made(tmp_path, [0, 1, 2], photographed=False) as store:
        grade(store, "rules", rules)
        grade(store, NAME, judging(chat(server.url), store))
        entries = list(store.entries())
    assert [deciding(entry) for entry in entries] == ["rules"] * 3
    seen = seen_of(entries)
    assert len(seen.both) == 3 * len(ATTRIBUTES)
    assert {judge for _, judge in seen.both.values()} <= {value for own in VALUES.values() for value in own}
    assert "rules and another judge on what portraits show: Krippendorff" in " ".join(
        view(entries, {card().reference: card()}).caveats
    )


def test_answers_are_paid_for_once_and_only_drawings_are_asked_about(tmp_path: Path, server: LoopbackJudge) -> None:
    other = Unit("faces", 1, "recall", "m@1", {"attribute": "eye color"})
    for again in (False, True):
        with (
            RunStore.open(tmp_path / "run", "w") if again else made(tmp_path, [0, 1]) as store,
            Cassette(tmp_path / "tape.jsonl") as tape,
        ):
            store.plan([other])
            store.record([Record(other.id, {"text": "green"})])
            asking = chat(server.url, cassette=tape, price=PRICE, max_cost=1.0)
            summary = grade(store, NAME, judging(asking, store))
            assert (summary.done, summary.already, summary.skipped) == ((0, 2, 1) if again else (2, 0, 1))
    assert len(server.paid) == 2


def test_photographs_are_graded_and_reported_from_the_command_line(
    tmp_path: Path, server: LoopbackJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    with made(tmp_path, [0, 1, 2, 3, 4, 6]) as store:
        store.add_invocation(Invocation(("unispect", "run", "faces"), "faces", (card().reference,)), [card()])
    run = tmp_path / "run"
    judged = here(
        capsys, "grade", run, "--judge", f"openai:loop@{server.url}/v1", "--key-from", VARIABLE, "--calibrate", 0
    )
    assert judged.code == 0, judged.err
    assert "6 grades of faces done" in " ".join(judged.out.split())
    assert len(server.paid) == 6
    assert here(capsys, "report", run, "--out", tmp_path / "page.html").code == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "6 drawings were graded by openai:loop@127.0.0.1" in page
    assert "until a judge who can see" not in page
