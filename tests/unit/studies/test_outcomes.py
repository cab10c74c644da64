"""What one record of a study says: what the study's own evidence says of it."""

from collections.abc import Mapping

import pytest

from tests.planted_truth import concepts as planted
from unispect.core.outcomes import Outcome
from unispect.core.units import Entry, Grade, Record, Unit
from unispect.studies.aphasia.evidence import CALIBRATED, evidence
from unispect.studies.outcomes import outcome
from unispect.studies.registry import STUDIES

CONCEPTS = STUDIES["concepts"]


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    mind = planted.Mind(planted.evenly(0.5), {kind: planted.evenly(0.5) for kind in planted.KINDS})
    return planted.entries(mind, 0, limit=2)


def test_credits_of_tellings_are_those_of_the_evidence(entries: list[Entry]) -> None:
    told = [entry for entry in entries if entry.unit.kind in ("likelihood", "choice", "recall", "reverse")]
    assert {entry.unit.kind for entry in told} == {"likelihood", "choice", "recall", "reverse"}
    for entry in told:
        first = next(one for one in evidence([entry]).tellings if one.way != CALIBRATED)
        said = outcome(CONCEPTS, entry)
        assert said.credit == first.credit
        assert said.per == "words"
        assert said.group == entry.unit.inputs["lexicon"]
        assert (said.truth == said.found) is (first.credit == 1)
        assert str(entry.unit.inputs["question"]) in said.asked
        assert not said.curves, "scores of answers are no layers"


def test_the_credit_of_a_drawing_is_its_share_of_right_attributes(entries: list[Entry]) -> None:
    drawn = [entry for entry in entries if entry.unit.kind in ("draw", "describe")]
    for entry in drawn:
        truth: Mapping[str, str] = entry.unit.inputs["concept"]  # type: ignore[assignment]
        seen: Mapping[str, str] = entry.grades["rules"].payload["values"]  # type: ignore[assignment]
        said = outcome(CONCEPTS, entry)
        assert said.credit == sum(truth[name] == seen[name] for name in truth) / len(truth)
        assert (said.truth, said.found) == (truth, {name: seen[name] for name in truth})
        assert said.per == "combinations"
    assert len({outcome(CONCEPTS, entry).credit for entry in drawn}) > 2


def test_what_nobody_graded_has_no_credit(entries: list[Entry]) -> None:
    entry = next(entry for entry in entries if entry.unit.kind == "draw")
    said = outcome(CONCEPTS, Entry(entry.unit, entry.record))
    assert said.credit is None
    assert said.asked == entry.unit.inputs["prompt"]


def test_what_was_asked_beyond_the_battery_is_read_too() -> None:
    inputs = {
        **{"lexicon": "drawing", "attribute": "shape", "value": "star", "word": "velodrim"},
        **{"question": "What kind of word is velodrim?", "answers": ["color", "shape"]},
    }
    unit = Unit("concepts", 1, "kind", "m@1", inputs)
    said = outcome(CONCEPTS, Entry(unit, Record(unit.id, {"scores": [-3.0, -1.0]})))
    assert (said.credit, said.told, said.curves) == (1.0, "shape", {})


@pytest.mark.parametrize("version", [0, 2])
def test_another_version_is_read_by_its_names_alone(entries: list[Entry], version: int) -> None:
    old = next(entry for entry in entries if entry.unit.kind == "recall")
    unit = Unit("concepts", version, old.unit.kind, old.unit.model, old.unit.inputs)
    said = outcome(CONCEPTS, Entry(unit, old.record, old.grades))
    assert said.credit is None
    assert said.told == old.record.payload["text"]


@pytest.mark.parametrize("study", [*STUDIES])
@pytest.mark.parametrize(
    "value", [None, 1, "text", [], {}, [1, [2]], {"text": 1}, {"concept": []}, {"concept": {"a": 1}}]
)
def test_no_record_stops_anybody(study: str, value: object) -> None:
    names = ("prompt", "question", "concept", "group", "answers", "values", "items", "id", "text", "scores", "size")
    odd = dict.fromkeys(names, value)
    kinds = (
        "draw",
        "describe",
        "likelihood",
        "choice",
        "recall",
        "request",
        "items",
        "trajectory",
        "reply",
        "look",
        "probe",
        "compare",
        "attend",
    )
    kinds += ("patch-tell", "patch-draw", "steer-tell", "steer-draw")
    for kind in kinds:
        unit = Unit(study, STUDIES[study].version, kind, "m@1", odd, odd)  # type: ignore[arg-type]
        record = Record(unit.id, odd)  # type: ignore[arg-type]
        said = outcome(STUDIES[study], Entry(unit, record, {"rules": Grade(unit.id, "rules", odd)}))  # type: ignore[arg-type]
        assert isinstance(said, Outcome)
        assert all(isinstance(text, str) for text in (said.asked, said.told, said.group, said.about))


def test_a_trajectory_puts_its_main_curve_first() -> None:
    inputs = {"id": "p", "group": "g", "modality": "text", "prompt": {"text": "a star"}}
    curve = [1.0, 2.0]
    for preset, main in (("paper", "content"), ("controlled", "value")):
        settings = {"preset": preset, "goal": "text"}
        unit = Unit("encoding", STUDIES["encoding"].version, "trajectory", "m@1", inputs, settings)
        record = Record(
            unit.id, {"aside": [3.0, 4.0], main: curve, "k": 1, "rows": 2, "words": ["a", "b"], "one": [1.0]}
        )
        said = outcome(STUDIES["encoding"], Entry(unit, record))
        assert list(said.curves) == [main, "aside"]
        assert said.curves[main] == curve
        assert said.group == f"text, to text, {preset}"
        assert said.credit is None


def test_a_drawing_of_the_safety_study_is_held_to_its_prompt() -> None:
    inputs = {
        **{"prompt": "a red star", "scenario": "s", "cell": "plain", "forbidden": False, "item": "star", "case": "c"},
        "truth": {"shape": "star", "color": "red"},
    }
    unit = Unit("safety", STUDIES["safety"].version, "draw", "m@1", inputs)
    grade = Grade(unit.id, "rules", {"values": {"shape": "star", "color": "blue"}, "confidence": {}})
    said = outcome(STUDIES["safety"], Entry(unit, Record(unit.id), {"rules": grade}))
    assert (said.credit, said.group, said.per) == (0.5, "plain", "items")


def test_a_grading_of_a_poster_counts_its_statements() -> None:
    items = [
        {"statement": "a shark", "wanted": True, "status": "as stated", "explanation": ""},
        {"statement": "a swimmer", "wanted": True, "status": "not shown", "explanation": ""},
        {"statement": "a cat", "wanted": False, "status": "not shown", "explanation": ""},
        {"statement": "a boat", "wanted": False, "status": None, "explanation": ""},
    ]
    inputs = {"poster": "jaws", "about": "reply", "rubric": "r" * 24, "modality": "text", "reply": "a" * 24}
    unit = Unit("posters", STUDIES["posters"].version, "items", "judge@1", inputs)
    record = Record(unit.id, {"items": items, "answer": {"outcome": "parsed", "answered_by": "x"}})
    said = outcome(STUDIES["posters"], Entry(unit, record))
    assert said.credit == pytest.approx(2 / 3)
    assert said.found["a boat"] is None
    assert (said.about, said.per) == ("jaws", "posters")
