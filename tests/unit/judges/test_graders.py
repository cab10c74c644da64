"""Graders who look: blind, in balanced orders, shown known pictures; and what the report says of their errors."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.chat_samples import chat
from tests.helpers.commands import here
from tests.helpers.loopback_judge import KEY, VARIABLE, LoopbackJudge, looks, loopback
from unispect.core.cards import ModelCard
from unispect.core.encoded import Encoded
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Segment
from unispect.core.units import Entry, Record, Unit
from unispect.data.concepts.world import VALUES as SHAPES
from unispect.data.faces.world import ATTRIBUTES, VALUES, all_faces, written
from unispect.models.registry import card_of
from unispect.runner.notes import DATA_FROM
from unispect.runner.reporting import sections
from unispect.runs import Invocation, RunStore
from unispect.studies.base import Options
from unispect.studies.drawing import looking as drawing_looking
from unispect.studies.drawing.plan import plan as plan_drawing
from unispect.studies.faces.looking import QUESTIONS
from unispect.studies.graders.asked import AskedGrader, question_request
from unispect.studies.graders.known import (
    about_concept,
    about_face,
    drawn_worlds,
    in_turn,
    of_user,
    picture_of,
    shown_faces,
)
from unispect.studies.graders.local import MARGIN, LocalGrader
from unispect.studies.graders.orders import in_order, rotations
from unispect.studies.questions import NO, UNCLEAR, YES, Question

DRAWN = 3
"""Known pictures among which are drawn faces."""
FACES = [face for number, face in enumerate(all_faces()) if number % 7 == 0]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackJudge]:
    monkeypatch.setenv(VARIABLE, KEY)
    with loopback() as running:
        yield running


def card() -> ModelCard:
    found = card_of("tiny-janus-pro")
    assert found
    return found


def test_every_option_stands_first_equally_often() -> None:
    yes_no = [Question(id=str(number), text="?") for number in range(13)]
    colours = [Question(id=f"c{number}", text="?", options=("a", "b", "c")) for number in range(9)]
    starts = Counter()
    for key in map(str, range(40)):
        put = in_order([*yes_no, *colours], key)
        assert sorted(one.id for one in put) == sorted(one.id for one in (*yes_no, *colours))
        first = Counter(one.options[0] for one in put)
        assert abs(first[YES] - first[NO]) == 1
        assert {first[one] for one in "abc"} == {3}
        starts[put[0].id] += 1
        assert in_order([*yes_no, *colours], key) == put
    assert len(starts) > 10
    for place in range(3):
        assert sorted(order[place] for order in rotations(("a", "b", "c"), "x")) == ["a", "b", "c"]


def test_half_of_what_is_known_is_yes_in_every_picture() -> None:
    several = list(zip(range(30), drawn_worlds(), strict=False))
    for _, one in several:
        assert Counter(one.answers.values()) == {YES: 2, NO: 2}
        shown = one.picture.get("concept") or one.picture["face"]
        about, values = (about_concept, SHAPES) if "concept" in one.picture else (about_face, VALUES)
        for question in one.questions:
            (meant,) = [v for v in values[question.id] if about(question.id, v) == question.text]
            assert (meant == shown[question.id]) == (one.answers[question.id] == YES)  # type: ignore[index]
    asked = Counter(one.answers[q.id] for _, one in several for q in one.questions if q.id == "shape")
    assert min(asked.values()) >= 4


def test_known_pictures_are_a_beginning_of_a_longer_list() -> None:
    assert [one for _, one in zip(range(8), drawn_worlds(), strict=False)] == [
        one for _, one in zip(range(20), drawn_worlds(), strict=False)
    ][:8]
    assert list(in_turn(iter("abc"), iter("x"))) == ["a", "x", "b", "c"]


def test_a_request_holds_the_questions_and_the_picture_alone(server: LoopbackJudge) -> None:
    picture = Image.new("RGB", (8, 8), "red")
    questions = [Question(id="secret-id", text="Is it red?"), Question(id="other", text="Which?", options=("a", "b"))]
    server.otherwise = looks(lambda picture, asked, options: "yes" if "red" in asked else "b")
    told = AskedGrader(chat(server.url), "openai:loop").look(picture, questions, "unit-id-that-names-a-condition")
    assert told.answers == {"secret-id": "yes", "other": "b"}
    sent = json.dumps(server.seen[0])
    assert "secret-id" not in sent
    assert "unit-id" not in sent
    schema = question_request(picture, questions).form
    assert schema is not None
    assert schema["properties"]["q1"]["enum"] == ["yes", "no", UNCLEAR]


def test_a_reply_of_another_form_answers_nothing(server: LoopbackJudge) -> None:
    told = AskedGrader(chat(server.url), "openai:loop").look("a text", [Question(id="one", text="Is it?")], "key")
    assert told.answers == {}
    assert told.kept["asked"]["outcome"] == "unparsed"  # type: ignore[index,call-overload]


# -- faces, photographed, from the command line ---------------------------------------------------------------------


def photographs(folder: Path, count: int) -> Path:
    """A folder as published: "photographs" are portraits in other colours than our own drawings'."""
    folder.mkdir()
    rows = []
    for number, face in enumerate(FACES[:count]):
        photographed(face).save(folder / f"p{number:03}.png")
        attributes = {"name": f"Person Number{number}", "gender": "female"}
        attributes |= {a.replace(" ", "_"): written(a, value) for a, value in face.values.items()}
        rows.append({"image_name": f"p{number:03}.png", "attributes": attributes})
    (folder / "face_metadata.json").write_text(json.dumps({"generated_faces": rows}), "utf-8")
    return folder


def photographed(face) -> Image.Image:
    """The face, with a mark that says which it is."""
    picture = Image.new("RGB", (16, 16), (1, 2, 3))
    for place, attribute in enumerate(ATTRIBUTES):
        picture.putpixel((place, 0), (VALUES[attribute].index(face.values[attribute]) * 20, 0, 0))
    return picture


def seen(picture: Image.Image, asked: str, options: Sequence[str]) -> str:
    """The right answer about a picture that `photographed` made."""
    (attribute,) = [one for one in ATTRIBUTES if one in asked.partition("(")[0]]
    red, _, _ = picture.getpixel((ATTRIBUTES.index(attribute), 0))  # type: ignore[misc]
    return VALUES[attribute][red // 20]


def drawn_by_a_model(tmp_path: Path, folder: Path, people: int, *, right: float) -> tuple[Path, float]:
    """A run of models of photographs in which each attribute was drawn right at a rate; and the rate that came out."""
    rng = np.random.default_rng(5)
    run, rights = tmp_path / "run", []
    with RunStore.create(run) as store:
        units, records = [], []
        for number, face in enumerate(FACES[:people]):
            values = dict(face.values)
            for attribute in ATTRIBUTES:
                rights.append(rng.random() < right)
                if not rights[-1]:
                    values[attribute] = str(rng.choice([v for v in VALUES[attribute] if v != values[attribute]]))
            inputs = {"task": "name", "lexicon": "people", "item": f"p{number:03}", "concept": face.values}
            inputs |= {"prompt": f"Person Number{number}", "drawn": False}
            unit = Unit("faces", 1, "draw", card().reference, inputs, {"guidance": 1.0})
            file = io.BytesIO()
            photographed(type(face).of(values)).save(file, "PNG")
            units.append(unit)
            records.append(Record(unit.id, pictures={"picture": file.getvalue()}))
        store.plan(units)
        store.record(records)
        about = {DATA_FROM: f"photos:{folder}"}
        store.add_invocation(
            Invocation(("unispect", "run", "faces"), "faces", (card().reference,), settings=about), [card()]
        )
    return run, float(np.mean(rights))


def cells(run: Path, table: str) -> list[Mapping[str, object]]:
    (section,) = [one for one in sections(run) if one.id == "faces"]
    (found,) = [one for one in section.tables if one.id == table]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def test_photographs_are_graded_end_to_end_and_the_correction_recovers_the_truth(
    tmp_path: Path, server: LoopbackJudge, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unispect.studies.faces.looking.shown_faces", lambda: islice(shown_faces(), DRAWN))
    folder = photographs(tmp_path / "photos", 60)
    run, truth = drawn_by_a_model(tmp_path, folder, 60, right=0.8)
    server.otherwise = looks(_either, misses=0.25)
    judge = ["--judge", f"openai:loop@{server.url}/v1", "--key-from", VARIABLE, "--calibrate", "60"]
    done = here(capsys, "grade", run, *judge)
    assert done.code == 0, done.err
    assert "60 known pictures of faces done" in " ".join(done.out.split())
    assert "60 grades of faces done" in " ".join(done.out.split())
    again = here(capsys, "grade", run, *judge)
    assert again.code == 0
    assert len(server.paid) == 120
    rows = cells(run, "graded")
    assert [row["question"] for row in rows] == sorted(ATTRIBUTES)
    raw = np.mean([row["says so"].estimate for row in rows])  # type: ignore[attr-defined]
    found = np.mean([row["corrected"].estimate for row in rows])  # type: ignore[attr-defined]
    assert {row["errors from"] for row in rows} == {"photographs"}
    assert raw < truth - 0.1
    assert found == pytest.approx(truth, abs=0.06)
    for row in rows:
        assert row["corrected"].low < truth < row["corrected"].high  # type: ignore[attr-defined]
        assert 0.5 < row["sensitivity"].estimate < 0.95  # type: ignore[attr-defined]
    errors = cells(run, "graders")
    assert {(row["known pictures"], row["pictures"]) for row in errors} == {
        ("photographs", 60 - DRAWN),
        ("drawn faces", DRAWN),
    }


def _either(picture: Image.Image, asked: str, options: Sequence[str]) -> str:
    """Of photographs what they show; drawn faces it sees, too."""
    if picture.size == (16, 16):
        return seen(picture, asked, options)
    (attribute,) = [one for one in ATTRIBUTES if one in asked.partition("(")[0]]
    return KNOWN[_mark(picture)][attribute]


def _mark(picture: Image.Image) -> str:
    return hashlib.sha256(picture.tobytes()).hexdigest()


class _Known(dict[str, Mapping[str, str]]):
    """Drawn faces by their pixels, drawn when the first one is asked for."""

    def __missing__(self, mark: str) -> Mapping[str, str]:
        self.update({_mark(picture_of(one.picture, {})): one.answers for one in islice(shown_faces(), DRAWN)})
        return self[mark]


KNOWN = _Known()


# -- models of the registry ------------------------------------------------------------------------------------------


@dataclass
class Eyes:
    """A model that finds the true value of a face likelier, likes what is listed first, and is `sure` of what it sees.

    Pictures are those of `photographed`.
    """

    sure: float = 1.0
    card: ModelCard = field(default_factory=lambda: replace(card(), id="eyes", revision="1"))
    asked: list[str] = field(default_factory=list)

    def encode(self, prompts, goal) -> Encoded:
        return Encoded(goal, tuple((Segment(0, 1, "text", "prompt"),) for _ in prompts), tuple(prompts))

    def score(self, encoded, answers) -> list[torch.Tensor]:
        self.asked += [prompt.text for prompt in encoded.inputs]
        return [self._scores(prompt, own) for prompt, own in zip(encoded.inputs, answers, strict=True)]

    def write(self, encoded, how):
        raise NotImplementedError

    draw = write

    def states(self, encoded, replies=None, *, at=-1):
        raise NotImplementedError

    def _scores(self, prompt, answers) -> torch.Tensor:
        listed = prompt.text.rpartition("one of: ")[2].rstrip(".").split(", ")
        right = seen(prompt.images[0], prompt.text, answers) if prompt.images else answers[0]
        return torch.tensor([5.0 * (one == listed[0]) + self.sure * (one == right) for one in answers])


def test_a_liking_for_what_is_listed_first_cancels() -> None:
    model = Eyes()
    told = LocalGrader(model).look(photographed(FACES[9]), QUESTIONS, "key")
    assert told.answers == FACES[9].values
    assert len(model.asked) == sum(len(VALUES[attribute]) for attribute in ATTRIBUTES)
    bare = LocalGrader(Eyes(), listed=False)
    assert bare.name.endswith("(unlisted)")
    assert bare.look(photographed(FACES[9]), QUESTIONS, "key").answers == FACES[9].values


def test_what_is_hardly_likelier_is_unclear_and_so_is_what_is_no_number() -> None:
    for sure in (0.9 * MARGIN, math.nan):
        told = LocalGrader(Eyes(sure)).look(photographed(FACES[3]), QUESTIONS, "key")
        assert set(told.answers.values()) == {UNCLEAR}
    assert LocalGrader(Eyes(1.1 * MARGIN)).look(photographed(FACES[3]), QUESTIONS, "key").answers == FACES[3].values


def test_who_cannot_see_or_score_is_refused_in_words() -> None:
    blind = Eyes(card=replace(card(), capabilities=frozenset({"write"})))
    with pytest.raises(UsageError, match=r"cannot grade: it sees no pictures in prompts and it gives no likelihoods"):
        LocalGrader(blind)


def test_a_model_of_the_registry_grades_and_says_how_often_it_errs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, truth = drawn_by_a_model(tmp_path, photographs(tmp_path / "photos", 30), 30, right=0.8)
    monkeypatch.setattr("unispect.models.registry.load", lambda name, **about: Eyes())
    monkeypatch.setattr("unispect.studies.faces.looking.shown_faces", lambda: iter(()))
    done = here(capsys, "grade", run, "--judge", "model:tiny-janus-pro", "--calibrate", "20")
    assert done.code == 0, done.err
    rows = cells(run, "graded")
    assert {row["grader"] for row in rows} == {"model:eyes@1"}
    assert np.mean([row["says so"].estimate for row in rows]) == pytest.approx(truth)  # type: ignore[attr-defined]
    assert all(row["sensitivity"].estimate == 1 for row in rows)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--judge", "model:nobody"), "nobody"),
        (("--judge", "model:openai:gpt"), "behind an API"),
        (("--judge", "model:tiny-janus-pro", "--temperature", "0.5"), "for chat judges"),
        (("--judge", "model:tiny-janus-pro", "--study", "concepts"), "holds nothing finished of concepts"),
        (("--judge", "rules", "--calibrate", "3"), "for judges that are models"),
        (("--judge", "openai:x", "--unlisted"), "for models of the registry"),
        (("--judge", "model:tiny-janus-pro", "--calibrate", "-1"), "must be 0 or more"),
    ],
)
def test_what_cannot_be_graded_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], said: str
) -> None:
    run, _ = drawn_by_a_model(tmp_path, tmp_path, 1, right=1.0)
    done = here(capsys, "grade", run, *arguments)
    assert done.code == 2
    assert said in " ".join(done.err.split())


# -- a user's known pictures -----------------------------------------------------------------------------------------


def test_a_users_known_pictures_come_on_top(tmp_path: Path) -> None:
    photographed(FACES[0]).save(tmp_path / "one.png")
    lines = [
        {"picture": "one.png", "question": "Is it a face?", "answer": "yes"},
        {"picture": "one.png", "question": "Which?", "options": ["a", "b"], "answer": "b"},
    ]
    file = tmp_path / "known.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    (one,) = of_user(file)
    assert one.source == "known.jsonl"
    assert list(one.answers.values()) == ["yes", "b"]
    assert picture_of(one.picture, one.locations).size == (16, 16)
    for line, said in (
        ({"picture": "one.png", "question": "?", "answer": "maybe"}, "is none of yes, no"),
        ({"picture": "one.png", "answer": "yes"}, "no text under 'question'"),
        ({"picture": "one.png", "question": "?", "answer": "a", "options": ["a"]}, "two texts or more"),
        ({"picture": "one.png", "question": "?", "answer": "a", "options": ["a", "unclear"]}, "is one already"),
    ):
        file.write_text(json.dumps(line), "utf-8")
        with pytest.raises(DataError, match=said):
            of_user(file)


# -- prompts with checklists -----------------------------------------------------------------------------------------


def test_checklists_stand_in_the_run_and_change_no_unit_that_draws(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    said = {"tag": "counting", "include": [{"class": "cat", "count": 2}], "prompt": "a photo of two cats"}
    file.write_text(json.dumps(said), "utf-8")
    planned = plan_drawing(card(), Options(data=f"geneval:{file}", seeds=(0, 1)))
    drawn = [unit for unit in planned.units if unit.kind == "draw"]
    (held,) = [unit for unit in planned.units if unit.kind == "checklist"]
    assert len(drawn) == 2
    entries = [Entry(unit, Record(unit.id)) for unit in planned.units]
    asked = drawing_looking.asking(entries)
    assert asked.keys() == {unit.id for unit in drawn}
    wanted = drawing_looking.wanted(entries)
    for unit in drawn:
        assert [one.id for one in asked[unit.id]] == list(wanted[unit.id].answers)
        assert asked[unit.id]
        assert wanted[unit.id].item == "geneval 00000"
    assert drawing_looking.asking([entry for entry in entries if entry.unit is not held]) == {}


# -- people ----------------------------------------------------------------------------------------------------------


def fill(table: Path, shown: Path, answer) -> None:
    """Fills in a table as somebody would who looks at the pictures."""
    rows = list(csv.reader(io.StringIO(table.read_text("utf-8-sig"))))
    for row in rows[1:]:
        with Image.open(shown / row[1]) as picture:
            row[-1] = answer(picture.convert("RGB"), row[2], row[3].split(" | ")[:-1])
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    table.write_text(text.getvalue(), "utf-8")


def test_people_grade_blind_and_a_grader_stands_in_for_them_elsewhere(
    tmp_path: Path, server: LoopbackJudge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("unispect.studies.faces.looking.shown_faces", lambda: iter(()))
    run, truth = drawn_by_a_model(tmp_path, photographs(tmp_path / "photos", 60), 60, right=0.7)
    server.otherwise = looks(seen, misses=0.3)
    judge = ["--judge", f"openai:loop@{server.url}/v1", "--key-from", VARIABLE, "--calibrate", "0"]
    assert here(capsys, "grade", run, *judge).code == 0
    out = tmp_path / "look"
    asked = here(capsys, "review", run, "--study", "faces", "--pictures", 25, "--calibrate", 6, "--out", out)
    assert "25 pictures or texts and 6 known pictures, 124 questions" in " ".join(asked.out.split()), asked.err
    for file in (out / "answers.csv", out / "page.html"):
        said = file.read_text("utf-8")
        assert not any(word in said for word in ("Person", "p00", "tiny", "known", "photograph"))
    fill(out / "answers.csv", out, seen)
    done = here(capsys, "review", run, "--study", "faces", "--edited", out / "answers.csv", "--by", "Ada")
    assert "graded by Ada: 25, before: 0, known pictures: 6, left empty: 0" in " ".join(done.out.split()), done.err
    (group,) = cells(run, "graded-people")
    assert (group["n seen"], group["n others"]) == (100, 140)
    assert group["grader says so"].high < truth  # type: ignore[attr-defined]
    assert group["people would say so"].low < truth < group["people would say so"].high  # type: ignore[attr-defined]
    (pair,) = cells(run, "graders-agree")
    assert (pair["second"], pair["questions"]) == ("person:Ada", 100)
    assert pair["same answer"].estimate == pytest.approx(0.7, abs=0.12)  # type: ignore[attr-defined]
    assert pair["Cohen's kappa"].low > 0.3  # type: ignore[attr-defined]
    errors = [row for row in cells(run, "graders") if row["grader"] == "person:Ada"]
    assert all(row["right"].estimate == 1 and row["pictures"] == 6 for row in errors)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[1].__setitem__(-1, "purple"), "line 2: 'purple' is none of"),
        (lambda rows: rows[1].__setitem__(0, "x"), "line 2: row 'x' is none of this run's"),
        (lambda rows: rows[2].__setitem__(-1, ""), "is not answered; write unclear"),
        (lambda rows: rows.append(rows[1]), "stands there already"),
        (lambda rows: rows[0].__setitem__(0, "line"), "line 1: the columns must be row, shown"),
    ],
)
def test_a_table_that_cannot_be_used_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change, said: str
) -> None:
    run, _ = drawn_by_a_model(tmp_path, tmp_path, 2, right=1.0)
    out = tmp_path / "look"
    assert here(capsys, "review", run, "--study", "faces", "--calibrate", 0, "--out", out).code == 0
    fill(out / "answers.csv", out, seen)
    rows = list(csv.reader(io.StringIO((out / "answers.csv").read_text("utf-8"))))
    change(rows)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    (out / "answers.csv").write_text(text.getvalue(), "utf-8")
    done = here(capsys, "review", run, "--study", "faces", "--edited", out / "answers.csv", "--by", "Ada")
    assert done.code == 1
    assert said in " ".join(done.err.split())
    with RunStore.open(run) as store:
        assert not any(entry.grades for entry in store.entries())
