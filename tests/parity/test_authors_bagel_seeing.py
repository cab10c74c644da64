"""What the authors' BAGEL reads, writes and sees, reproduced in float32 from their checkpoint layout.

Everything is read from the fixture folder: sizes, layer counts, the cases that are there.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from tests.helpers.bagel_reference import (
    Fixture,
    Group,
    Kept,
    all_states,
    close,
    context_of,
    inputs_of,
    read_fixture,
    read_model,
    set_apart,
)
from unispect.core.encoded import Encoded
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import TextReply, TextSampling
from unispect.models.bagel.backbone import routed
from unispect.models.bagel.chain_of_thought import ChainOfThought
from unispect.models.bagel.context import Context, drawn_of, where
from unispect.models.bagel.model import Bagel
from unispect.models.bagel.network import numbers_of, patches
from unispect.models.bagel.processing import Shown
from unispect.models.bagel.resize import Resize, opaque
from unispect.models.capture import run


@pytest.fixture(scope="module")
def fixture() -> Iterator[Fixture]:
    yield from read_fixture()


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> Bagel:
    return read_model(fixture)


@pytest.fixture(scope="module")
def plain(model: Bagel) -> Bagel:
    """As the authors' scripts for benchmarks see pictures."""
    return set_apart(model, shown=Shown(twice=False))


def packed(group: Group, name: str, lengths: Sequence[int]) -> Iterator[tuple[Tensor, ...]]:
    """For every sample its share of what the authors concatenate."""
    axis = 1 if name.endswith(("hidden_states", "keys", "values")) else 0
    yield from zip(group(name).split(list(lengths), dim=axis), strict=True)


@torch.no_grad()
def kept_by(model: Bagel, context: Context) -> Kept:
    """Keys and values of a sequence in one pass."""
    cache, length = Kept(), len(context.rows)
    backbone = routed(model.network.llm, drawn_of([context], length))
    positions, mask = where([context], model.device)
    run(backbone, context.rows[None], positions=positions, mask=mask, cache=cast(Any, cache))
    return cache


# Text


@torch.no_grad()
def test_text_is_read_as_by_the_authors(model: Bagel, fixture: Fixture):
    group = fixture.need("text_prompt")
    lengths = group("query_lens").tolist()
    names = ("input_ids", "inputs_embeds", "position_ids", "hidden_states", "final_norm", "logits", "keys", "values")
    parts = zip(*(packed(group, name, lengths) for name in names), strict=True)
    for prompt, theirs, after in zip(group.args["prompts"], parts, group.meta["ropes"], strict=True):
        ids, embeds, places, hidden, norm, logits, keys, values = (own for (own,) in theirs)
        encoded = model.encode([Prompt.of(prompt)], Goal.IMAGE)
        context = context_of(model, encoded)
        assert inputs_of(encoded).ids[0].tolist() == ids.tolist()
        assert context.layout.positions.tolist() == places.tolist()
        assert context.layout.following == after
        close("text_prompt.inputs_embeds", context.rows, embeds)
        states = all_states(model, context)
        close("text_prompt.hidden_states", states, hidden)
        final = model.network.llm.norm(states[-1])
        close("text_prompt.final_norm", final, norm)
        close("text_prompt.logits", model.network.lm_head(final), logits)
        kept = kept_by(model, context)
        close("text_prompt.keys", torch.stack(kept.keys), keys)
        close("text_prompt.values", torch.stack(kept.values), values)


# Pictures


@torch.no_grad()
def test_a_picture_and_a_question_are_the_authors(plain: Bagel, fixture: Fixture):
    group = fixture.need("image_prompt")
    sizes, asked = group("image_block.query_lens").tolist(), group("text_block.query_lens").tolist()
    seen = packed_vision(group, [size - 2 for size in sizes])
    pictures, questions = group.args["images"], group.args["questions"]
    total = [a + b for a, b in zip(sizes, asked, strict=True)]
    names = ("image_block.hidden_states", "text_block.hidden_states")
    blocks = zip(packed(group, names[0], sizes), packed(group, names[1], asked), strict=True)
    caches = zip(packed(group, "keys", total), packed(group, "values", total), strict=True)
    places = zip(
        packed(group, "image_block.position_ids", sizes), packed(group, "text_block.position_ids", asked), strict=True
    )
    for i, (name, question) in enumerate(zip(pictures, questions, strict=True)):
        encoded = plain.encode([Prompt.of(fixture.picture(name), question)], Goal.TEXT)
        (pixels,) = inputs_of(encoded).pictures
        close("image_prompt.transform", pixels, group(f"transform_image_{name[-1]}"), 1e-6)
        check_vision(plain, pixels, next(seen))
        context = context_of(plain, encoded)
        states = all_states(plain, context)
        (image,), (text,) = next(blocks)
        close("image_prompt.hidden_states", states[:, :-1], torch.cat([image, text], 1))
        expected = torch.cat([own for (own,) in next(places)])
        assert context.layout.positions[:-1].tolist() == expected.tolist()
        assert context.layout.following == group.meta["ropes"][i] + 1
        assert len(context.rows) == group.meta["kv_lens"][i] + 1
        kept = kept_by(plain, context)
        (keys,), (values,) = next(caches)
        close("image_prompt.keys", torch.stack(kept.keys)[:, :-1], keys)
        close("image_prompt.values", torch.stack(kept.values)[:, :-1], values)
        final = plain.network.llm.norm(states[-1])
        logits = plain.network.lm_head(final)
        markers = group("image_block.logits_at_text_indexes")[2 * i : 2 * i + 2]
        close("image_prompt.logits_at_markers", logits[[0, sizes[i] - 1]], markers)
        start = sum(asked[:i])
        close("image_prompt.logits", logits[sizes[i] : -1], group("text_block.logits")[start : start + asked[i]])


def packed_vision(group: Group, patches_of: Sequence[int]) -> Iterator[dict[str, Tensor]]:
    """What the vision tower gave for every picture."""
    names = ("pixel_patches", "position_ids", "hidden_states", "last_hidden_state", "connector")
    assert group("vit.cu_seqlens").diff().tolist() == list(patches_of)
    for parts in zip(*(packed(group, f"vit.{name}", patches_of) for name in names), strict=True):
        yield {name: own for name, (own,) in zip(names, parts, strict=True)}


def check_vision(model: Bagel, pixels: Tensor, theirs: dict[str, Tensor]) -> None:
    """Stage by stage of the tower, and what becomes of it in the sequence."""
    network, tower = model.network, model.network.tower
    grid = (pixels.shape[1] // tower.patch, pixels.shape[2] // tower.patch)
    numbers = numbers_of(grid, network.config.seen_table)
    assert numbers.tolist() == theirs["position_ids"].tolist()
    squares = patches(pixels[None], tower.patch)
    close("vit.pixel_patches", squares[0], theirs["pixel_patches"], 1e-6)
    hidden = tower.patch_embedding(squares) + tower.position_embedding(numbers)
    stages = [hidden]
    for block in tower.encoder.layers:
        hidden = block(hidden, None)
        stages.append(hidden)
    close("vit.hidden_states", torch.cat(stages), theirs["hidden_states"])
    last = tower(pixels[None], numbers)
    close("vit.last_hidden_state", last[0], theirs["last_hidden_state"])
    close("vit.connector", network.connector(last)[0], theirs["connector"])
    close("vit.rows", network.seen_rows(pixels[None])[0], theirs["connector"] + network.seen_places[numbers])


# Writing


def reply_of(tokens: Sequence[int]) -> TextReply:
    return TextReply("", tuple(tokens), (0.0,) * len(tokens), finished=False)


@torch.no_grad()
def check_written(model: Bagel, group: Group, encoded: Encoded, theirs: Tensor, logits: Tensor) -> list[TextReply]:
    """Tokens [steps, samples] with the start token first, and the logits [steps, samples, vocabulary] behind them.

    The choice of the last step, which the authors compute and drop, is the last token of ours.
    """
    steps = len(theirs)
    replies = model.write(encoded, TextSampling(max_new_tokens=steps))
    choices = torch.cat([theirs[1:], logits[-1].argmax(-1)[None]])
    for i, reply in enumerate(replies):
        count = len(reply.tokens)
        assert list(reply.tokens) == choices[:count, i].tolist()
        assert reply.finished or count == steps
        chances = logits[:count, i].log_softmax(-1).gather(-1, choices[:count, i, None])[:, 0]
        close(f"{group.name}.log_probabilities", torch.tensor(reply.log_probabilities), chances)
    return replies


@pytest.mark.parametrize("name", ["text_gen_batch", "text_gen_single", "image_text_gen_batch"])
@torch.no_grad()
def test_what_is_written_is_the_authors(plain: Bagel, fixture: Fixture, name: str):
    group = fixture.need(name)
    parameters = fixture.parameters
    if name == "image_text_gen_batch":
        case = fixture.need("image_prompt")
        pairs = zip(case.args["images"], case.args["questions"], strict=True)
        prompts = [Prompt.of(fixture.picture(picture), question) for picture, question in pairs]
    else:
        texts = parameters["text_prompts"] if name == "text_gen_batch" else [group.args["prompt"]]
        prompts = [Prompt.of(text) for text in texts]
    encoded = plain.encode(prompts, Goal.TEXT)
    tokens, logits = group("tokens"), group("step_logits")
    check_written(plain, group, encoded, tokens, logits)
    assert set(tokens[0].tolist()) == {plain.processor.special.start}
    # All states behind the start token, from one pass.
    replies = [reply_of(own) for own in tokens[1:].T.tolist()]
    states = list(plain.states(encoded, replies))
    for i, ids in enumerate(inputs_of(encoded).ids):
        own = torch.stack([state.rows[i][len(ids) - 1 :] for state in states])
        close(f"{name}.hidden_states", own, group("step_hidden_states")[:, :, i].transpose(0, 1))
        final = plain.network.llm.norm(own[-1])
        close(f"{name}.final_norm", final, group("step_final_norm")[:, i])
        close(f"{name}.logits", plain.network.lm_head(final), logits[:, i])
        following = group("step_position_ids")[:, i]
        where_it_starts = context_of(plain, plain.encode([prompts[i]], Goal.TEXT)).layout.positions[-1]
        assert following.tolist() == list(range(int(where_it_starts), int(where_it_starts) + len(following)))


def test_the_benchmarks_way_of_asking(plain: Bagel, fixture: Fixture):
    group = fixture.need("image_text_gen_chat")
    prompt = Prompt.of(fixture.picture("image_a"), group.args["prompt"])
    check_asked(plain, group, prompt)


def check_asked(model: Bagel, group: Group, prompt: Prompt) -> Encoded:
    """Text, choices and logits of one question."""
    encoded = model.encode([prompt], Goal.TEXT)
    choices, logits = group("step_argmax"), group("step_logits")
    fed = torch.cat([torch.full_like(choices[:1], model.processor.special.start), choices[:-1]])
    (reply,) = check_written(model, group, encoded, fed, logits)
    kept = len(choices) - 1
    assert model.processor.thought(reply.tokens[:kept]) == group.meta["text"]
    return encoded


@torch.no_grad()
def test_the_inferencers_way_of_asking(model: Bagel, fixture: Fixture):
    """On white where the picture is transparent, and resized twice."""
    group = fixture.need("understanding_inferencer")
    prompt = Prompt.of(fixture.picture("image_c"), group.args["text"])
    encoded = check_asked(model, group, prompt)
    (pixels,) = inputs_of(encoded).pictures
    length = len(group("image_block.position_ids"))
    (theirs,) = packed_vision(group, [length - 2])
    check_vision(model, pixels, theirs)
    states = all_states(model, context_of(model, encoded))
    both = torch.cat([group("image_block.hidden_states"), group("text_block.hidden_states")], 1)
    close("understanding_inferencer.hidden_states", states[:, :-1], both)
    norms = torch.cat([group("image_block.final_norm"), group("text_block.final_norm")])
    close("understanding_inferencer.final_norm", model.network.llm.norm(states[-1, :-1]), norms)
    # Without the first resize the tower sees something else.
    apart = set_apart(model, shown=Shown(twice=False)).encode([prompt], Goal.TEXT)
    assert inputs_of(apart).pictures[0].shape != pixels.shape or not torch.equal(inputs_of(apart).pictures[0], pixels)


@torch.no_grad()
def test_thinking_before_an_answer(model: Bagel, fixture: Fixture):
    group = fixture.need("understanding_think")
    thoughtful = set_apart(model, thinking=ChainOfThought())
    encoded = check_asked(thoughtful, group, Prompt.of(fixture.picture(group.args["image"]), group.args["text"]))
    (ids,), (blocks,) = inputs_of(encoded).ids, inputs_of(encoded).blocks
    told, shown = blocks[:2]
    assert ids[told.start : told.stop].tolist() == group("system_block_input_ids").tolist()
    context = context_of(thoughtful, encoded)
    assert context.layout.positions[told.start : told.stop].tolist() == group("block0_position_ids").tolist()
    assert context.layout.positions[shown.start : shown.stop].tolist() == group("block2_position_ids").tolist()
    states = all_states(thoughtful, context)
    final = thoughtful.network.llm.norm(states[-1, shown.start : shown.stop])
    close("understanding_think.final_norm", final, group("block2_final_norm"))
    # What it is told is no user's.
    assert not set(positions(encoded.segments[0], roles=("prompt",))) & set(range(told.stop))


# Sizes of pictures


def test_pictures_have_the_authors_sizes(fixture: Fixture):
    group = fixture.need("preprocess_real")
    kept, seen, benchmark = Resize(1024, 512, 16), Resize(980, 224, 14), Resize(980, 378, 14, 2_007_040)
    assert len(group.meta["sizes"]) > 10
    for case in group.meta["sizes"]:
        size = tuple(case["input_wh"])
        assert kept.size(*size) == tuple(case["vae_wh"])
        assert seen.size(*size) == tuple(case["vit_wh"])
        assert benchmark.size(*size) == tuple(case["vlm_eval_wh"])
        assert seen.size(*kept.size(*size)) == tuple(case["vae_then_vit_wh"])


def test_pictures_have_the_authors_pixels(fixture: Fixture):
    group = fixture.need("preprocess_real")
    flat = torch.tensor(list(opaque(fixture.picture("image_c")).tobytes()), dtype=torch.uint8)
    theirs = group("image_c_rgb_flattened")
    assert torch.equal(flat.view(theirs.shape), theirs)
    for name, resize, picture, step in (
        ("image_c_vit_980_224_14_sub8", Resize(980, 224, 14), "image_c", 8),
        ("image_a_vae_1024_512_16_sub16", Resize(1024, 512, 16), "image_a", 16),
    ):
        pixels = resize.pixels(fixture.picture(picture))[:, ::step, ::step]
        close("preprocess_real.pixels", pixels, group(name), 1e-6)
