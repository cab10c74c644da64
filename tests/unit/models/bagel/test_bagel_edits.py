"""Which of BAGEL's branches of guidance an edit reaches: all that lack a part of the prompt are unconditional."""

from dataclasses import replace

import pytest

from tests.helpers.contract_models import MODELS
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling
from unispect.models.bagel.chain_of_thought import ChainOfThought
from unispect.models.bagel.model import Bagel
from unispect.models.edits import Branch, Edit, Read


@pytest.fixture(scope="module")
def thinking(tmp_path_factory: pytest.TempPathFactory) -> Bagel:
    """It thinks before it draws, in two steps under both kinds of guidance."""
    model = MODELS["bagel"](tmp_path_factory.mktemp("bagel") / "checkpoint", "float32", "cpu")
    assert isinstance(model, Bagel)
    guidance = replace(model.drawing.guidance, image=2.0, interval=(0.0, 1.0))
    drawing = replace(model.drawing, guidance=guidance, steps=2)
    return model.with_settings(drawing=drawing, thinking=ChainOfThought(most=5))


def rows_read(model: Bagel, branch: Branch) -> list[int]:
    """How many rows of a prompt's first layer each pass of a branch runs at once, without those of the picture."""
    read = Read()
    encoded = model.encode([Prompt.of("a red circle")], Goal.IMAGE)
    model.draw(encoded, ImageSampling((5,)), edits=[[Edit(1, "all", read, branch)]])
    return [len(found) for found in read.found]


def test_a_branch_without_thoughts_is_unconditional(thinking: Bagel):
    """Of a prompt without pictures the third branch is the prompt without what was thought."""
    prompt = thinking.encode([Prompt.of("a red circle")], Goal.IMAGE).length(0)
    conditional, unconditional = (rows_read(thinking, branch) for branch in ("conditional", "unconditional"))
    assert max(conditional) > prompt
    assert prompt in unconditional
    assert prompt not in conditional
