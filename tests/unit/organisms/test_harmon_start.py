"""The Harmon organism can hear a prompt at every place before it has learned anything."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from unispect.core.prompts import Goal, Prompt
from unispect.data.concepts.language import draw_prompt
from unispect.data.concepts.world import VALUES
from unispect.models.checks import inputs_for
from unispect.models.harmon.model import Harmon
from unispect.models.harmon.processing import Inputs
from unispect.organisms.families import IMAGE_TOKENS, base_card
from unispect.organisms.making.harmon import MAKING
from unispect.organisms.tokenizer import world_sentences


@pytest.fixture
def newborn(tmp_path: Path) -> Harmon:
    MAKING.write_files(tmp_path, world_sentences())
    model = MAKING.start(base_card("harmon"), tmp_path, seed=0)
    MAKING.start_weights(model, torch.Generator().manual_seed(0))
    assert isinstance(model, Harmon)
    return model


@torch.no_grad()
def conditions(model: Harmon) -> Tensor:
    """What the diffusion head is told [positions named, places, width] of pictures of which nothing is seen."""
    prompts = [
        Prompt.of(draw_prompt({"shape": "star", "color": "red", "pattern": "solid", "position": value}))
        for value in VALUES["position"]
    ]
    rows = model.prompt_rows(inputs_for(model.encode(prompts, Goal.IMAGE), Goal.IMAGE, Inputs))
    nothing, nowhere = torch.zeros(len(prompts), 0, 8), torch.zeros(len(prompts), 0, dtype=torch.long)
    side = model.network.mar.native
    grid = (side, side)
    features, read = model.network.seen(nothing, nowhere, grid)
    states = torch.cat(
        [
            model.backbone(inputs_embeds=torch.cat([row, own])[None]).last_hidden_state[:, -IMAGE_TOKENS:]
            for row, own in zip(rows, read, strict=True)
        ]
    )
    return model.network.expected(features, states, nowhere, grid)


def test_a_place_hears_what_a_prompt_says_of_it(newborn: Harmon) -> None:
    """More than a thousandth of what varies says something else at another place: else position is learned too late."""
    told = conditions(newborn)
    by_prompt = told - told.mean(0)
    by_place = by_prompt - by_prompt.mean(1, keepdim=True)
    assert by_place.var() > 1e-3 * told.var()
