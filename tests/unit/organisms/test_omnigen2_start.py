"""The OmniGen2 organism before it has learned anything: its size, and whether a prompt is heard where it must be."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from unispect.core.prompts import Goal, Prompt
from unispect.data.concepts.language import DESCRIBE, draw_prompt
from unispect.data.concepts.render import render
from unispect.data.concepts.world import VALUES, all_concepts
from unispect.models.checks import inputs_for
from unispect.models.omnigen2.drawing import condition_of
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.processing import Inputs
from unispect.organisms.families import FAMILIES, IMAGE_SIZE, IMAGE_TOKENS, base_card
from unispect.organisms.making.omnigen2 import MAKING
from unispect.organisms.recipe import LANGUAGE_MODEL
from unispect.organisms.tokenizer import world_sentences


@pytest.fixture
def newborn(tmp_path: Path) -> OmniGen2:
    MAKING.write_files(tmp_path, world_sentences())
    model = MAKING.start(base_card("omnigen2"), tmp_path, seed=0)
    MAKING.start_weights(model, torch.Generator().manual_seed(0))
    assert isinstance(model, OmniGen2)
    return model


def test_both_networks_together_are_as_large_as_other_organisms(newborn: OmniGen2) -> None:
    count = sum(parameter.numel() for parameter in newborn.network.parameters()) / 1e6
    assert count < 2.1
    assert FAMILIES["omnigen2"].parameters == pytest.approx(count, abs=0.001)
    config = newborn.network.config
    assert (config.text.hidden_size, config.text.num_hidden_layers, config.text.num_attention_heads) == (128, 5, 4)
    assert not config.tied
    assert newborn.card.image_tokens == IMAGE_TOKENS
    assert newborn.card.no_states
    assert "probe_decoder" in newborn.card.capabilities


def test_binding_leaves_what_sees_and_draws_as_it_is(newborn: OmniGen2) -> None:
    """New words are learned by the language model alone: the transformer hears them in the states it always hears."""
    learning = {name for group in LANGUAGE_MODEL for name in newborn.parameter_groups()[group]}
    assert all(name.startswith(("mllm.language_model.", "lm_head.")) for name in learning)
    left = {name for name, _ in newborn.network.named_parameters()} - learning
    assert all(name.startswith(("mllm.visual.", "transformer.", "vae.")) for name in left)


def test_pictures_are_seen_and_drawn_in_64_places(newborn: OmniGen2) -> None:
    picture = render(next(iter(all_concepts())), IMAGE_SIZE)
    inputs = inputs_for(newborn.encode([Prompt.of(picture, DESCRIBE)], Goal.TEXT), Goal.TEXT, Inputs)
    assert int((inputs.ids[0] == newborn.processor.special.image_pad).sum()) == IMAGE_TOKENS
    ids = newborn.encode([Prompt.of("star red")], Goal.IMAGE)
    # No system line, of a hundred syllables.
    assert ids.length(0) < 12


@torch.no_grad()
def share_of_places(model: OmniGen2, draws: int = 16) -> float:
    """Of all that varies behind the last block: what a prompt says of one place and not of others, whatever the noise.

    Rows are a picture's at an early step, for prompts that differ by position alone. What noise seems to say of a place
    differs between two halves of the draws, so the halves are multiplied.
    """
    words = {"shape": "star", "color": "red", "pattern": "solid"}
    prompts = [Prompt.of(draw_prompt({**words, "position": value})) for value in VALUES["position"]]
    inputs = inputs_for(model.encode(prompts, Goal.IMAGE), Goal.IMAGE, Inputs)
    transformer, shape = model.network.transformer, model.shapes(inputs)[0]
    noise = torch.randn(draws, *shape, generator=torch.Generator().manual_seed(1))
    told = []
    for source in model.sources(inputs):
        condition = condition_of(transformer, [source.prompt] * draws, shape[1:])
        (*_, last) = transformer.stream(condition, noise, transformer.time(torch.tensor([0.05])))
        told.append(last[:, -IMAGE_TOKENS:])
    rows = torch.stack(told)
    halves = [of_one_place(rows[:, start::2].mean(1)) for start in (0, 1)]
    return ((halves[0] * halves[1]).mean() / rows.var()).item()


def of_one_place(told: Tensor) -> Tensor:
    """Rows [prompts, places, width] without what is said at every place, or by every prompt."""
    by_prompt = told - told.mean(0)
    return by_prompt - by_prompt.mean(1, keepdim=True)


def test_a_place_hears_what_a_prompt_says_of_it(newborn: OmniGen2) -> None:
    assert share_of_places(newborn) > 5e-3


@pytest.mark.slow
def test_places_of_nothing_but_noise_would_not(newborn: OmniGen2) -> None:
    heard = share_of_places(newborn)
    nn.init.zeros_(newborn.network.transformer.x_embedder.bias)
    assert share_of_places(newborn) < 0.1 * heard


def test_it_starts_out_saying_nothing(newborn: OmniGen2) -> None:
    transformer = newborn.network.transformer
    with torch.no_grad():
        condition = transformer.condition(torch.randn(1, 4, 128), torch.tensor([4]), (16, 16))
        assert not transformer(condition, torch.randn(1, 4, 16, 16), transformer.time(torch.rand(1))).any()
