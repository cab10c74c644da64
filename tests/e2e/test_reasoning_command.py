"""Published prompts through the command line: an organism and a random BAGEL, told, drawn, looked at and reported."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import tiny
from tests.helpers.commands import here
from tests.helpers.loopback_judge import KEY, VARIABLE, looks, loopback
from tests.helpers.reference import need_reference
from tests.helpers.tiny_bagel import TINY, configs, enliven, tokenizer
from unispect.core.typed import to_json
from unispect.core.units import Grade
from unispect.data.concepts.grade import grade
from unispect.data.concepts.world import VALUES
from unispect.data.prompts import load_prompts
from unispect.models.bagel.folder import save, start
from unispect.runner.reporting import sections
from unispect.runs import RunStore
from unispect.studies.graders.known import about_concept, asked_yes_no, shown_concepts
from unispect.studies.grading import opened
from unispect.studies.questions import Answers
from unispect.studies.reasoning.asked import asking


def long_bagel(folder: Path) -> Path:
    """A checkpoint that reads prompts of a thousand bytes."""
    sizes = configs()
    sizes["llm_config.json"]["max_position_embeddings"] = 4096
    tiny.write(folder, tokenizer(), sizes)
    save(enliven(start(TINY, folder, seed=0)), folder / "model.safetensors")
    return folder


def short_prompts(folder: Path) -> Path:
    """The first prompt of two dimensions, with three questions each; the other files hold it, too."""
    published = need_reference("t2i_corebench")
    folder.mkdir()
    for file in published.glob("*.json"):
        id, entry = next(iter(json.loads(file.read_text("utf-8")).items()))
        kept = {**entry, "Checklist": entry["Checklist"][:3]}
        (folder / file.name).write_text(json.dumps({id: kept}), "utf-8")
    return folder


@pytest.mark.slow
def test_an_organism_and_a_random_bagel_on_published_prompts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data, run, page = short_prompts(tmp_path / "prompts"), tmp_path / "run", tmp_path / "page.html"
    models = ("tiny-janus-pro", f"bagel-7b-mot={long_bagel(tmp_path / 'bagel')}")
    command = ("run", "reasoning", "--model", *models, "--data", f"t2i-corebench:{data}", "--limit", 1, "--seeds", 1)
    outcome = here(capsys, *command, "--out", run)
    assert outcome.code == 0, outcome.err
    with RunStore.open(run) as store:
        entries = list(store.entries())
        assert {entry.record.status for entry in entries} == {"done"}
        assert {entry.unit.kind for entry in entries} == {"item", "tell", "draw", "think", "draw-thought", "look"}
    asked = asking(entries)
    yes = {id: Answers(answers={one.id: "yes" for one in questions}) for id, questions in asked.items()}
    with RunStore.open(run, "w") as store:
        store.grade([Grade(id, "somebody", to_json(one)) for id, one in yes.items()])
    outcome = here(capsys, "report", run, "--out", page)
    assert outcome.code == 0, outcome.err
    html = page.read_text("utf-8")
    assert "Why is a picture wrong?" in html
    assert "graded by somebody" in html


ASKED = {
    **{about_concept(attribute, value): (attribute, (value,)) for attribute in VALUES for value in VALUES[attribute]},
    **{
        one.question: (one.attribute, one.values)
        for item in load_prompts("world-riddles").items
        for one in item.checklist
    },
}
"""Question -> attribute, and the values for which yes is right."""


def truly(picture: Image.Image, asked: str, options: Sequence[str]) -> str:
    """What rules see."""
    attribute, values = ASKED[asked]
    return "yes" if grade(picture).values[attribute] in values else "no"


@pytest.mark.slow
def test_a_judge_that_errs_is_corrected_to_what_rules_see(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(VARIABLE, KEY)
    known = list(asked_yes_no(shown_concepts(), VALUES, about_concept))
    monkeypatch.setattr("unispect.studies.graders.calibration.drawn_worlds", lambda: iter(known))
    run = tmp_path / "run"
    outcome = here(
        capsys,
        *("run", "reasoning", "--model", "tiny-janus-pro", "--parts", "draw", "spelled", "--limit", 8, "--seeds", 0),
        *("--out", run),
    )
    assert outcome.code == 0, outcome.err
    with loopback() as server:
        server.otherwise = looks(truly, misses=0.25, alarms=0.15)
        judge = ("--judge", f"openai:loop@{server.url}/v1", "--key-from", VARIABLE, "--calibrate", 80)
        outcome = here(capsys, "grade", run, *judge)
    assert outcome.code == 0, outcome.err
    truth: dict[str, list[float]] = {"draw": [], "spelled": []}
    items = {item.inputs["text"]: item.checklist for item in load_prompts("world-riddles").items}
    with RunStore.open(run) as store:
        entries = list(store.entries("reasoning"))
        prompt_of = {one.unit.inputs["item"]: one.unit.inputs["prompt"] for one in entries if one.unit.kind == "item"}
        for entry in entries:
            condition = {"draw": "draw", "draw-spelled": "spelled"}.get(entry.unit.kind)
            if condition:
                picture = opened(entry.unit, entry.record, store.open_blob)
                asked = [one for one in items[prompt_of[entry.unit.inputs["item"]]] if one.expected == "yes"]
                truth[condition] += [truly(picture, one.question, ()) == "yes" for one in asked]
    (section,) = [one for one in sections(run) if one.id == "reasoning"]
    (table,) = [one for one in section.tables if one.id == "graded"]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    for condition, rights in truth.items():
        (row,) = [row for row in rows if row["what"] == condition and row["question"] == "yes or no"]
        assert row["says so"].estimate < np.mean(rights) - 0.05
        assert row["corrected"].low <= np.mean(rights) <= row["corrected"].high
