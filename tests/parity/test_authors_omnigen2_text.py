"""The authors' vision-language model, reproduced in float32 from their checkpoint layout: what is read and written."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.helpers.omnigen2_reference import Fixture, close, inputs_of, read_fixture, read_model, spoken, valid
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import TextReply, TextSampling
from unispect.models.decode import positions as position_ids
from unispect.models.omnigen2.model import OmniGen2

SEEN = ("image", "image2", "imagebatch")


@pytest.fixture(scope="module")
def fixture() -> Iterator[Fixture]:
    yield from read_fixture()


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> OmniGen2:
    return read_model(fixture)


@pytest.mark.parametrize("group", ["text", "textchat", *SEEN, "chat.mllm"])
@torch.no_grad()
def test_prompts_are_read_as_by_the_authors(model: OmniGen2, fixture: Fixture, group: str):
    """Tokens, positions and the states of every layer; the last one also behind the final norm."""
    name = group.partition(".")[0]
    fixture.need(name)
    system, prompts = fixture.prompts(name)
    own = spoken(model, system)
    encoded = own.encode(prompts, Goal.IMAGE if group == "text" else Goal.TEXT)
    inputs = inputs_of(own, prompts, encoded.goal)
    states = list(own.states(encoded))
    theirs = fixture.layers(f"{group}.hidden.")
    assert len(states) == len(theirs)
    for i, mask in enumerate(fixture(f"{group}.attention_mask")):
        assert inputs.ids[i].tolist() == valid(fixture(f"{group}.input_ids")[i], mask).tolist()
        stand = position_ids.batched([inputs.positions[i]], [len(inputs.ids[i])], own.device)
        ours = torch.arange(len(inputs.ids[i])).expand(3, -1) if stand is None else stand[:, 0]
        assert torch.equal(ours, fixture(f"{group}.position_ids")[:, i][:, mask.bool()])
        for state, hidden in zip(states[:-1], theirs[:-1], strict=True):
            close(f"{group}.hidden", state.rows[i], valid(hidden[i], mask))
        last = states[-1].rows[i]
        close(f"{group}.prenorm", last, valid(fixture(f"{group}.last_layer_prenorm")[i], mask))
        close(f"{group}.hidden", own.backbone.norm(last), valid(theirs[-1][i], mask))
        if f"{group}.logits" in fixture:
            logits = own.network.text_logits(own.backbone.norm(last))
            close(f"{group}.logits", logits, valid(fixture(f"{group}.logits")[i], mask))
        shown = positions(encoded.segments[i], modality="image", roles=("prompt",))
        assert shown == (inputs.ids[i] == own.processor.special.image_pad).nonzero().flatten().tolist()


@pytest.mark.parametrize("group", ["image", "image2", "chat.mllm"])
def test_patches_are_the_authors(model: OmniGen2, fixture: Fixture, group: str):
    name = group.partition(".")[0]
    fixture.need(name)
    inputs = inputs_of(model, fixture.prompts(name)[1], Goal.TEXT)
    assert inputs.grids is not None
    assert torch.equal(inputs.grids, fixture(f"{group}.image_grid_thw"))
    assert torch.equal(torch.cat(inputs.patches), fixture(f"{group}.pixel_values"))


@pytest.mark.parametrize("group", ["image", "image2"])
@torch.no_grad()
def test_the_vision_tower_is_the_authors_in_every_part(model: OmniGen2, fixture: Fixture, group: str):
    """Patches are run in the order of their windows, and put back behind the merger."""
    fixture.need(group)
    visual, seen = model.network.mllm.visual, {}

    def keep(name: str):
        def hook(_: nn.Module, __: object, out: Tensor) -> None:
            seen[name] = out

        return hook

    hooks = [visual.patch_embed.register_forward_hook(keep("patch_embed"))]
    hooks.append(visual.merger.register_forward_hook(keep("merger_window_order")))
    hooks += [block.register_forward_hook(keep(f"block.{i}")) for i, block in enumerate(visual.blocks)]
    features = model.network.features(fixture(f"{group}.pixel_values"), fixture(f"{group}.image_grid_thw"))
    for hook in hooks:
        hook.remove()
    for name, own in seen.items():
        close(f"{group}.vision", own, fixture(f"{group}.vision.{name}"))
    close(f"{group}.vision", features, fixture(f"{group}.vision.image_embeds"))
    restored = seen["merger_window_order"][fixture(f"{group}.vision.window_index").argsort()]
    assert torch.equal(restored, features)


@pytest.mark.parametrize("case", ["textchat", "image", "imagebatch"])
@pytest.mark.parametrize("mode", ["greedy", "default"])
@torch.no_grad()
def test_what_is_written_is_the_authors(model: OmniGen2, fixture: Fixture, case: str, mode: str):
    """Greedily, and with the published penalty on repetitions; the logits are those before any penalty."""
    fixture.need("gen")
    start = f"gen.{case}.{mode}"
    theirs, logits = fixture(f"{start}.tokens"), fixture(f"{start}.logits")
    system, prompts = fixture.prompts(case)
    own = spoken(model, system)
    if mode == "default":
        own = own.with_settings(writing=own.writing.as_published())
        assert own.writing.penalty > 1
    encoded = own.encode(prompts, Goal.TEXT)
    replies = own.write(encoded, TextSampling(max_new_tokens=theirs.shape[1]))
    stops = {own.processor.special.end, *own.text_decoder.stops}
    for i, reply in enumerate(replies):
        count = len(reply.tokens)
        assert list(reply.tokens) == theirs[i, :count].tolist()
        assert count == theirs.shape[1] or reply.tokens[-1] in stops
        chances = logits[i, :count].log_softmax(-1)[torch.arange(count), torch.tensor(reply.tokens)]
        close("gen.log_probabilities", torch.tensor(reply.log_probabilities), chances)
    told = fixture.cases["calls"].get(f"generate_text({case})")
    if told and mode == "default":
        for reply, text in zip(replies, told, strict=True):
            assert own.processor.tokenizer.decode(list(reply.tokens), skip_special_tokens=False) == text
    if f"{start}.response_hidden.0" in fixture:
        check_response_states(own, fixture, start, prompts, replies)


def check_response_states(
    model: OmniGen2, fixture: Fixture, start: str, prompts: list[Prompt], replies: list[TextReply]
) -> None:
    theirs = fixture.layers(f"{start}.response_hidden.")
    encoded = model.encode(prompts, Goal.TEXT)
    states = list(model.states(encoded, replies))
    assert len(states) == len(theirs)
    for state, hidden in zip(states, theirs, strict=True):
        for i, reply in enumerate(replies):
            rows = state.rows[i][encoded.length(i) :]
            if state is states[-1]:
                rows = model.backbone.norm(rows)
            close("gen.response_hidden", rows, hidden[i, : len(reply.tokens)])


@torch.no_grad()
def test_the_trap_of_positions(model: OmniGen2, fixture: Fixture):
    """Counting up where a picture stands, as the stock model does when it is not told, is far off."""
    fixture.need("image")
    system, prompts = fixture.prompts("image")
    own = spoken(model, system)
    encoded = own.encode(prompts, Goal.TEXT)
    inputs = inputs_of(own, prompts, Goal.TEXT)
    wrong = replace(encoded, inputs=replace(inputs, positions=(None,)))
    (*_, right), (*_, counted) = own.states(encoded), own.states(wrong)
    assert (right.rows[0] - counted.rows[0]).abs().max() > 0.1


@torch.no_grad()
def test_a_batch_of_pictures_is_its_singles(model: OmniGen2, fixture: Fixture):
    fixture.need("imagebatch")
    _, prompts = fixture.prompts("imagebatch")
    answers = [["a", "fox at dawn"], ["boats"]]
    together = model.score(model.encode(prompts, Goal.TEXT), answers)
    alone = [model.score(model.encode([p], Goal.TEXT), [a])[0] for p, a in zip(prompts, answers, strict=True)]
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)
