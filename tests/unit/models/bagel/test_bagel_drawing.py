"""Contexts that are run once against whole sequences, company, sizes, thoughts, and the states of them all."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers import tiny_bagel
from tests.helpers.batch_invariance import same_picture
from tests.helpers.tiny_bagel import picture_of
from unispect.core.encoded import LAST
from unispect.core.errors import DataError, Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.bagel import drawing
from unispect.models.bagel.chain_of_thought import ChainOfThought
from unispect.models.bagel.context import Contexts, contexts_of, picture_blocks, prompts_of, states_behind
from unispect.models.bagel.drawing import DrawSettings, GuidedField, paths, token_noise
from unispect.models.bagel.folder import load
from unispect.models.bagel.guidance import Guidance
from unispect.models.bagel.model import Bagel
from unispect.models.bagel.processing import Inputs, Shown
from unispect.models.capture import run
from unispect.models.decode.flow import euler
from unispect.models.decode.prefix import slots

# Of one to three blocks of cache slots.
TEXTS = ("a", "a red star", "the turquoise circle at the bottom left of it", "", "a red star")
SEEDS = (1, 2, 3, 4, 5)
MIXED = (
    Prompt.of("a red star"),
    Prompt.of(picture_of(1), "make it blue"),
    Prompt.of("of ", picture_of(2, 9, 30), " and ", picture_of(3), " a third"),
    Prompt.of(picture_of(4, 16, 16)),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Bagel:
    folder = tiny_bagel.write_checkpoint(tmp_path_factory.mktemp("tiny"))
    return load(tiny_bagel.TINY, folder, device="cpu")


def with_settings(model: Bagel, **changes: object) -> Bagel:
    return model.with_settings(**changes)


def inputs_of(model: Bagel, *prompts: Prompt) -> Inputs:
    inputs = model.encode(prompts, Goal.IMAGE).inputs
    assert isinstance(inputs, Inputs)
    return inputs


def contexts(model: Bagel, *prompts: Prompt) -> list[Contexts]:
    return [contexts_of(own) for own in prompts_of(model.network, inputs_of(model, *prompts))]


def in_one_pass(model: Bagel, own: Contexts, latents: Tensor, time: float, branches: int) -> list[Tensor]:
    """The velocities [1, positions, numbers] of every branch, with nothing kept."""
    found = []
    for context in own.first(branches):
        rows, kind, grid = picture_blocks(model.network, model.markers(), latents, torch.tensor([time]))
        states = states_behind(model.network, [context.followed_by(rows[0], kind, grid)])
        found.append(model.network.exit(states[:, -1 - grid[0] * grid[1] : -1]))
    return found


@pytest.mark.parametrize("guidance", [Guidance(1.0), Guidance(3.0), Guidance(3.0, 2.0, (0.0, 1.0), "text_channel")])
@pytest.mark.parametrize("prompt", MIXED)
@torch.no_grad()
def test_keeping_keys_changes_nothing(model: Bagel, guidance: Guidance, prompt: Prompt):
    (own,) = contexts(model, prompt)
    how = DrawSettings((3, 4), 4, 3.0, guidance)
    noise = token_noise(model.network, [7], model.latent_shape(how.grid))
    field = GuidedField(model.network, [own], model.markers(), how.grid, guidance)

    def whole(latents: Tensor, time: float) -> Tensor:
        branches = in_one_pass(model, own, latents, time, 3 if guidance.at(time) else 1)
        tokens = guidance.combined(*branches) if guidance.at(time) else branches[0]
        return model.network.latents(tokens, how.grid)

    for ours, theirs in zip(euler(field, noise, how.times), euler(whole, noise, how.times), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("grid", [(4, 4), (2, 3), (1, 1), (5, 8)])
def test_prompts_of_any_length_are_drawn_as_alone(model: Bagel, guidance: float, grid: tuple[int, int]):
    """To the last byte, in grids of any size: single positions too, whose products would take another path."""
    own = with_settings(model, drawing=replace(model.drawing, grid=grid))
    prompts = [Prompt.of(text) for text in TEXTS]
    lengths = [len(ids) for ids in inputs_of(own, *prompts).ids]
    assert len({slots(length) for length in lengths}) > 1
    together = own.draw(own.encode(prompts, Goal.IMAGE), ImageSampling(SEEDS, guidance=guidance))
    for prompt, seed, reply in zip(prompts, SEEDS, together, strict=True):
        alone = own.draw(own.encode([prompt], Goal.IMAGE), ImageSampling((seed,), guidance=guidance))[0]
        np.testing.assert_allclose(alone.latents, reply.latents, atol=1e-5, rtol=0)
        assert same_picture(model, reply, alone)
        assert reply.image.size == (grid[1] * 4, grid[0] * 4)


def test_a_prompt_with_pictures_is_drawn_as_alone(model: Bagel):
    """Beside others with and without pictures, of other sizes; the last picture's size is kept."""
    together = model.draw(model.encode(MIXED, Goal.IMAGE), ImageSampling(SEEDS[: len(MIXED)]))
    for prompt, seed, reply in zip(MIXED, SEEDS, together, strict=False):
        alone = model.draw(model.encode([prompt], Goal.IMAGE), ImageSampling((seed,)))[0]
        np.testing.assert_allclose(alone.latents, reply.latents, atol=1e-5, rtol=0)
        resized = model.processor.kept.resized(prompt.images[-1]).size if prompt.images else (16, 16)
        assert reply.image.size == alone.image.size == resized


def test_pictures_and_their_latents_matter(model: Bagel):
    def drawn(own: Bagel, prompt: Prompt, **how: float) -> np.ndarray:
        (reply,) = own.draw(own.encode([prompt], Goal.IMAGE), ImageSampling((1,), **how))
        assert reply.latents is not None
        return reply.latents

    one, other = (Prompt.of(picture_of(seed, 16, 16), "make it blue") for seed in (1, 2))
    first = drawn(model, one)
    assert not np.allclose(first, drawn(model, other), atol=1e-3)
    assert not np.allclose(first, drawn(with_settings(model, shown=Shown(kept=False)), one), atol=1e-3)
    # Latents from the posterior: another draw, the same each time.
    sampled = with_settings(model, shown=Shown(drawn=True))
    assert np.array_equal(drawn(sampled, one), drawn(sampled, one))
    assert not np.array_equal(first, drawn(sampled, one))
    assert not np.array_equal(drawn(sampled, one), drawn(with_settings(model, shown=Shown(drawn=True, seed=1)), one))


def test_only_the_branches_that_are_needed_are_run(model: Bagel, monkeypatch: pytest.MonkeyPatch):
    seen: list[int] = []

    def watched(backbone: object, hidden: Tensor, positions: Tensor | None = None, **how: object) -> Tensor:
        seen.append(len(hidden if positions is None else positions))  # rows may be sorted, positions are not
        return run(backbone, hidden, positions=positions, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(drawing, "run", watched)

    def rows(prompt: Prompt, guidance: Guidance) -> list[int]:
        seen.clear()
        how = DrawSettings((4, 4), 4, 3.0, guidance)
        own = with_settings(model, drawing=how, redrawing=how)
        own.draw(own.encode([prompt], Goal.IMAGE), ImageSampling((1,)))
        return list(seen)

    text, redrawn = MIXED[0], MIXED[3]
    assert rows(text, Guidance(1.0)) == [1] * 5
    assert rows(text, Guidance(3.0, interval=(0.0, 1.0))) == [2] * 5
    # Times are 1, 0.9, 0.75 and 0.5.
    assert rows(text, Guidance(3.0, interval=(0.5, 0.9))) == [2, 1, 2, 2, 1]
    assert rows(text, Guidance(3.0, 2.0, interval=(0.0, 1.0))) == [2] * 5
    assert rows(redrawn, Guidance(3.0, 2.0, interval=(0.0, 1.0))) == [3] * 5


def test_noise_is_drawn_position_by_position(model: Bagel):
    noise = token_noise(model.network, [5], (4, 6, 8))
    tokens = torch.randn(12, 16, generator=torch.Generator().manual_seed(5))
    assert torch.equal(model.network.tokens(noise)[0], tokens)
    # Numbers of a position run over rows, columns, then channels.
    assert noise[0, 2, 1, 3] == tokens[1].view(2, 2, 4)[1, 1, 2]


def test_pictures_that_fit_no_table_are_refused(model: Bagel):
    wide = with_settings(model, drawing=replace(model.drawing, grid=(1, 9)))
    with pytest.raises(DataError, match="1 x 9 positions does not fit the 8 x 8"):
        wide.encode([Prompt.of("a")], Goal.IMAGE)
    with pytest.raises(DataError, match="shorten it"):
        model.encode([Prompt.of("a b " * 300)], Goal.TEXT)


def test_redrawing_is_a_capability(model: Bagel):
    own = with_settings(model)
    own.card = replace(model.card, capabilities=model.card.capabilities - {"redraw"})
    with pytest.raises(Unsupported, match="which no one trained it to do"):
        own.encode([MIXED[1]], Goal.IMAGE)
    assert len(own.encode([MIXED[1]], Goal.TEXT)) == 1


# States


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 4])
@torch.no_grad()
def test_states_of_a_step_give_its_velocity(model: Bagel, steps: int):
    prompts = list(MIXED)
    encoded = model.encode(prompts, Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling(SEEDS[: len(prompts)], steps=steps))
    (at_last,) = {state.step for state in model.states(encoded, replies)}
    assert at_last == LAST
    for at in (*range(steps), LAST):
        *_, last = model.states(encoded, replies, at=at)
        for i, (own, reply) in enumerate(zip(contexts(model, *prompts), replies, strict=True)):
            latents, time = looked_at(model, own, reply, at)
            places = positions(last.segments[i], modality="image", roles=("response",))
            velocity = model.network.exit(model.network.llm.norm_gen(last.rows[i][places]))
            expected = in_one_pass(model, own, latents, time, 1)[0][0]
            torch.testing.assert_close(velocity, expected, rtol=1e-4, atol=1e-4)
            assert last.segments[i][-1].role == "template"
            assert len(last.rows[i]) == len(own.whole.rows) + len(places) + 2


def looked_at(model: Bagel, own: Contexts, reply: ImageReply, at: int) -> tuple[Tensor, float]:
    how = model.drawing.as_told(reply.replay)
    assert reply.latents is not None
    noise = token_noise(model.network, [reply.seed], reply.latents.shape)
    ((_, path),) = paths(model.network, [own], model.markers(), noise, how)
    step = how.steps - 1 if at == LAST else at
    return list(path)[step], how.times[step]


@torch.no_grad()
def test_the_finished_picture_is_the_step_behind_the_last(model: Bagel):
    """At time 0: as the latents of a picture that is shown, in the same place."""
    encoded = model.encode([Prompt.of("a red star")], Goal.IMAGE)
    replies = model.draw(encoded, ImageSampling((1,), steps=3))
    assert replies[0].latents is not None
    finished = torch.tensor(replies[0].latents)[None]
    (own,) = contexts(model, Prompt.of("a red star"))
    rows, _, grid = picture_blocks(model.network, model.markers(), finished, torch.zeros(1))
    expected = states_behind(model.network, [own.whole.followed_by(rows[0], "kept", grid)])[0]
    *_, last = model.states(encoded, replies, at=3)
    drawn = own.whole.followed_by(rows[0], "kept", grid).layout.drawn[:, None]
    normed = torch.where(drawn, model.network.llm.norm_gen(last.rows[0]), model.network.llm.norm(last.rows[0]))
    torch.testing.assert_close(normed, expected)
    with pytest.raises(UsageError, match="0 to 2: there is no step 4"):
        list(model.states(encoded, replies, at=4))


def test_steps_are_for_pictures(model: Bagel):
    encoded = model.encode([Prompt.of("a")], Goal.IMAGE)
    with pytest.raises(UsageError, match="takes steps only while it draws"):
        list(model.states(encoded, at=0))
    (reply,) = model.draw(encoded, ImageSampling((1,)))
    with pytest.raises(UsageError, match="no latents of its steps"):
        list(model.states(encoded, [replace(reply, latents=None)]))
    with pytest.raises(UsageError, match="no latents of its steps"):
        list(model.states(encoded, [replace(reply, replay={})]))


# Thoughts


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 2.0])
@torch.no_grad()
def test_thoughts_guide_the_picture_alone_and_stand_in_its_states(model: Bagel, temperature: float):
    own = with_settings(model, thinking=ChainOfThought(5, temperature))
    encoded = own.encode(MIXED, Goal.IMAGE)
    replies = own.draw(encoded, ImageSampling(SEEDS[: len(MIXED)]))
    thoughts, found = own.contexts(inputs_of(own, *MIXED), SEEDS[: len(MIXED)])
    for i, (prompt, seed, reply) in enumerate(zip(MIXED, SEEDS, replies, strict=False)):
        alone = own.draw(own.encode([prompt], Goal.IMAGE), ImageSampling((seed,)))[0]
        assert reply.replay["thought"] == alone.replay["thought"] == thoughts[i]
        np.testing.assert_allclose(alone.latents, reply.latents, atol=1e-5, rtol=0)
        ids = own.processor.thought_ids(thoughts[i])
        length = len(inputs_of(own, prompt).ids[0])
        assert len(found[i].whole.rows) == length + len(ids)
        assert max(len(context.rows) for context in found[i].first(3)[1:]) <= length
    *_, last = own.states(encoded, replies)
    for i, segments in enumerate(last.segments):
        said = positions(segments, modality="text", roles=("response",))
        assert len(said) == len(own.processor.thought_ids(thoughts[i])) - 2
        assert len(last.rows[i]) == segments[-1].stop
        told = model.encode([MIXED[i]], Goal.IMAGE).length(0)
        assert encoded.length(i) > told  # what it is told stands in front


def test_thoughts_of_no_length_are_refused(model: Bagel):
    for thinking in (ChainOfThought(0), ChainOfThought(3, -1.0)):
        with pytest.raises(UsageError, match="thoughts of"):
            with_settings(model, thinking=thinking).encode([Prompt.of("a")], Goal.IMAGE)
