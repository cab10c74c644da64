"""The BAGEL organism before it has learned anything: its size, and whether a prompt is heard where it must be."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from unispect.core.prompts import Goal, Prompt
from unispect.data.concepts.language import DESCRIBE, draw_prompt
from unispect.data.concepts.render import render
from unispect.data.concepts.world import VALUES, all_concepts
from unispect.models.bagel.context import picture_blocks, prompts_of, states_behind
from unispect.models.bagel.drawing import token_noise
from unispect.models.bagel.model import Bagel
from unispect.models.bagel.processing import Inputs
from unispect.models.checks import inputs_for
from unispect.organisms.families import FAMILIES, IMAGE_SIZE, IMAGE_TOKENS, base_card
from unispect.organisms.making.bagel import MAKING
from unispect.organisms.recipe import LANGUAGE_MODEL
from unispect.organisms.tokenizer import world_sentences


@pytest.fixture
def newborn(tmp_path: Path) -> Bagel:
    MAKING.write_files(tmp_path, world_sentences())
    model = MAKING.start(base_card("bagel"), tmp_path, seed=0)
    MAKING.start_weights(model, torch.Generator().manual_seed(0))
    assert isinstance(model, Bagel)
    return model


def test_both_sets_of_weights_together_are_as_large_as_other_organisms(newborn: Bagel) -> None:
    count = sum(tensor.numel() for tensor in newborn.network.state_dict().values()) / 1e6
    assert count < 2.1
    assert FAMILIES["bagel"].parameters == pytest.approx(count, abs=0.001)
    text = newborn.network.config.text
    assert (text.hidden_size, text.num_hidden_layers, text.num_attention_heads) == (128, 5, 4)
    assert (newborn.card.image_size, newborn.card.image_tokens) == (IMAGE_SIZE, IMAGE_TOKENS)
    guidance = newborn.drawing.guidance
    assert (newborn.drawing.steps, guidance.branches) == (20, 1)


def test_binding_leaves_what_sees_and_draws_as_it_is(newborn: Bagel) -> None:
    """Both sets of weights are the language model: new words are drawn through one and told through the other."""
    learning = {name for group in LANGUAGE_MODEL for name in newborn.parameter_groups()[group]}
    assert all(name.startswith(("llm.", "lm_head.")) for name in learning)
    assert any(".gen." in name for name in learning)
    left = {name for name, _ in newborn.network.named_parameters()} - learning
    assert all(name.startswith(("tower.", "connector.", "time.", "entry.", "exit.", "vae.")) for name in left)


def test_pictures_are_seen_and_drawn_in_64_places(newborn: Bagel) -> None:
    picture = render(next(iter(all_concepts())), IMAGE_SIZE)
    inputs = inputs_for(newborn.encode([Prompt.of(picture, DESCRIBE)], Goal.TEXT), Goal.TEXT, Inputs)
    (block,) = (block for block in inputs.blocks[0] if block.kind == "seen")
    assert block.grid == (8, 8)
    # Neither resize touches a picture of the world.
    shown = ((inputs.pictures[0] + 1) * 127.5).round().permute(1, 2, 0)
    assert shown.flatten().tolist() == list(picture.tobytes())


@torch.no_grad()
def told(model: Bagel, seed: int) -> Tensor:
    """States at the picture's places [positions named, places, width] of the same noise."""
    words = {"shape": "star", "color": "red", "pattern": "solid"}
    prompts = [Prompt.of(draw_prompt({**words, "position": value})) for value in VALUES["position"]]
    inputs = inputs_for(model.encode(prompts, Goal.IMAGE), Goal.IMAGE, Inputs)
    noise = token_noise(model.network, [seed] * len(prompts), model.latent_shape(model.drawing.grid))
    rows, kind, grid = picture_blocks(model.network, model.markers(), noise, torch.ones(len(prompts)))
    heard = [own.followed_by(new, kind, grid) for own, new in zip(prompts_of(model.network, inputs), rows, strict=True)]
    states = states_behind(model.network, heard)
    ends = [len(own.rows) - 1 for own in heard]
    return torch.stack([own[end - IMAGE_TOKENS : end] for own, end in zip(states, ends, strict=True)])


def share(model: Bagel) -> float:
    """Of all that varies, what a prompt says of one place and not of the others, whatever the noise.

    Noise tells places apart too, but in another way each time: two averages over noise agree in the rest alone.
    """
    halves, varies = [], 0.0
    for half in (0, 1):
        states = [told(model, 10 * half + seed) for seed in range(4)]
        varies = float(states[0].var())
        by_prompt = sum(own - own.mean(0) for own in states) / len(states)
        assert isinstance(by_prompt, Tensor)
        halves.append(by_prompt - by_prompt.mean(1, keepdim=True))
    return float((halves[0] * halves[1]).mean()) / varies


@pytest.mark.slow
def test_a_place_hears_what_a_prompt_says_of_it(newborn: Bagel) -> None:
    """Half a hundredth says something else at another place: else position is learned too late.

    Places of a picture share one position; what is added to them is all that tells them apart.
    """
    heard = share(newborn)
    assert heard > 5e-3
    newborn.network.drawn_places.zero_()
    assert abs(share(newborn)) < 0.3 * heard
