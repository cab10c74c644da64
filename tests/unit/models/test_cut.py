"""A model that reads a part of a prompt says so, at every length; what it does not say, it reads."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import unispect
from tests.helpers.commands import here
from unispect.core.errors import DataError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling
from unispect.core.units import Unit
from unispect.models.base import ReadsPart
from unispect.organisms.families import SHIPPED
from unispect.runner.reporting import write_report
from unispect.runs import RunStore
from unispect.studies.asking import score
from unispect.studies.drawing import study as drawing
from unispect.studies.encoding import study as encoding
from unispect.studies.response import study as response

LENGTHS = (1, 20, 60, 150, 400)
"""Words behind which two prompts begin to differ."""


@cache
def loaded(name: str) -> Any:
    return unispect.load(name, device="cpu", dtype="float32")


@cache
def paper() -> Any:
    """Show-o2 with prompts as its authors prepare them, which are cut."""
    model = loaded("tiny-show-o2")
    return model.with_settings(drawing=replace(model.drawing, paper=True, length=model.drawing.image_tokens + 40))


@pytest.fixture(params=[*(family.organism for family in SHIPPED.values()), "paper"])
def model(request: pytest.FixtureRequest) -> Any:
    return paper() if request.param == "paper" else loaded(request.param)


@pytest.mark.parametrize("goal", list(Goal))
@pytest.mark.parametrize("words", LENGTHS)
def test_prompts_that_differ_become_different_inputs_or_are_said_to_be_cut(model: Any, goal: Goal, words: int):
    prompts = [Prompt.of("red " * words + end) for end in ("star", "circle and a cup")]
    encoded = model.encode(prompts, goal)
    one, other = (ids.tolist() for ids in encoded.inputs.ids)
    cuts = encoded.cut or (None, None)
    assert one != other or all(cuts)
    if all(cuts):
        assert (one == other) == (cuts[0].read == cuts[1].read)
        assert encoded.cut_of(0) == {"cut": {"tokens": cuts[0].tokens, "read": cuts[0].read}}
    left_out = [model.left_out(prompt, goal) if isinstance(model, ReadsPart) else 0 for prompt in prompts]
    assert left_out == [cut.tokens if cut else 0 for cut in cuts]


@pytest.mark.parametrize("name", ["tiny-show-o", "paper"])
def test_tokens_are_counted_from_the_first_that_has_no_place(name: str):
    model = paper() if name == "paper" else loaded(name)
    most = model.processor.most_text if name == "tiny-show-o" else model.drawing.most_text
    one, two = (len(model.encode([Prompt.of("red " * n)], Goal.TEXT).inputs.ids[0]) for n in (1, 2))
    exact = most // (two - one)
    found = [model.left_out(Prompt.of("red " * words), Goal.IMAGE) for words in range(exact - 2, exact + 8)]
    assert found[0] == 0
    assert found[-1] > 0
    assert [min(later, 1) for later in found] == sorted(min(later, 1) for later in found)
    steps = [later - earlier for earlier, later in pairwise(found) if earlier]
    assert set(steps) == {two - one}


@pytest.mark.slow
def test_every_record_of_a_cut_prompt_says_so():
    model = loaded("tiny-show-o")
    prompt = {"text": "red " * 400}
    inputs = {"id": "x", "group": "g", "modality": "text", "prompt": prompt}
    settings = {"preset": "paper", "sigma": 1.0, "alpha": 1.01, "base": 2.0, "goal": "image"}
    units = [
        (drawing.run, Unit("drawing", 1, "draw", "m", inputs)),
        (encoding.run, Unit("encoding", 2, "trajectory", "m", inputs, settings)),
        (response.run, Unit("response", 1, "reply", "m", inputs, {"goal": "image", "task": "draw"})),
    ]
    left_out = model.left_out(Prompt.of(prompt["text"]), Goal.IMAGE)
    assert left_out
    for run, unit in units:
        (record,) = run(model, [unit], lambda _: pytest.fail("no prior"))
        assert record.status == "done"
        assert record.payload["cut"]["tokens"] == left_out
    short = Unit("drawing", 1, "draw", "m", inputs | {"prompt": {"text": "red"}})
    assert "cut" not in next(iter(drawing.run(model, [short], lambda _: pytest.fail("no prior")))).payload


def test_a_question_that_is_cut_is_not_scored():
    class Short:
        card = loaded("tiny-show-o").card

        def encode(self, prompts: Any, goal: Goal) -> Any:
            return loaded("tiny-show-o").encode(prompts, Goal.IMAGE)

    with pytest.raises(DataError, match="reads a part of the question only"):
        score(Short(), [Prompt.of("red " * 400)], [["a"]])  # type: ignore[arg-type]


def test_a_cut_prompt_still_draws_what_it_drew():
    model = loaded("tiny-show-o")
    whole, beginning = "red " * 400, "red " * 300
    drawn = [
        model.draw(model.encode([Prompt.of(text)], Goal.IMAGE), ImageSampling((1,))) for text in (whole, beginning)
    ]
    assert drawn[0][0].tokens.tolist() == drawn[1][0].tokens.tolist()
    assert model.write(model.encode([Prompt.of("red")], Goal.TEXT), TextSampling(max_new_tokens=1))


@pytest.mark.slow
def test_the_command_and_the_report_count_cut_prompts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = tmp_path / "long.txt"
    data.write_text("\n".join(["red " * 400 + "star", "red " * 400 + "cup", "a red star"]))
    command = ("run", "drawing", "--model", "tiny-show-o", "--data", f"text:{data}", "--seeds", "0")
    outcome = here(capsys, *command, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "2 of 3 prompts for pictures will be cut: tiny-show-o reads their beginning only" in outcome.out
    assert "2 records rest on the beginning of their prompt" in outcome.out
    (section, *_) = write_report([tmp_path / "run"], tmp_path / "page.html", title="", command=("x",)).sections
    assert any("read only the beginning of 2 prompts (2 records)" in line for line in section.caveats)
    assert any("2 different prompts became 1 input" in line for line in section.caveats)
    with RunStore.open(tmp_path / "run") as store:
        assert all(entry.record.made and entry.record.made.dtype == "float32" for entry in store.entries())
    again = here(capsys, *command, "--dtype", "bfloat16", "--out", tmp_path / "run")
    assert "3 records were made in float32 on cpu before and stay as they are" in again.out
    assert "0 units done" in again.out
