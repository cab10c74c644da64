"""What every model promises (`unispect.models.base`), as tests that any package runs on a model of its own.

A package subclasses `Contract` in its tests and says how its model is made; pytest does the rest:

    class TestMyModel(Contract):
        @pytest.fixture(scope="class")
        @classmethod
        def made(cls, tmp_path_factory):
            folder = write_checkpoint(tmp_path_factory.mktemp("checkpoint"))
            return lambda dtype: load(CARD, folder, device="cpu", dtype=dtype)

A model of random weights serves, as long as what comes out depends on what goes in. Where failures are to show values,
`pytest.register_assert_rewrite("unispect.contract")` stands in `conftest.py`. Tests with the mark `slow` train.
"""

from __future__ import annotations

import copy
import itertools
import math
import socket
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.errors import Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.core.replies import ImageReply, ImageSampling, Reply, TextReply, TextSampling
from unispect.models.attention import LayerAttention
from unispect.models.base import Attends, DrawsApart, Example, Intervenes, Trainable, UnifiedModel
from unispect.models.edits import Add, At, Branch, Edit, Edits, ProjectOut, Read, Replace

Made = Callable[[str], UnifiedModel]
"""A dtype -> the model in it, on the CPU."""
TEXTS = ("a red circle", "the turquoise star at the bottom left", "plus", "a red circle", "what is it?")
SEEDS = (11, 12, 13, 14, 15)
ROUNDING = 1e-5
"""Most that numbers of a sample in a batch and by itself differ by, as a share of the largest: some eighty times
float32's precision.
"""
_LEVELS = 1
"""Most that their pictures differ by, of 255 levels."""


def picture(seed: int, width: int = 21, height: int = 17) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def text_prompts() -> list[Prompt]:
    return [Prompt.of(text) for text in TEXTS]


def seeing_prompts() -> list[Prompt]:
    return [
        Prompt.of(picture(1), "Describe the picture."),
        Prompt.of("Is"),
        Prompt.of(picture(2, 9, 30), " is one. ", picture(3), " is two. Which is brighter?"),
    ]


class Editable(Intervenes, UnifiedModel, Protocol):
    """A model of which both are asked."""


class Contract:
    """The suite. A subclass whose name begins with `Test` says how its model is made (`made`)."""

    @pytest.fixture(scope="class")
    @classmethod
    def made(cls) -> Made:
        """How the model is made, in "float32" and in "bfloat16"."""
        raise NotImplementedError("say how the model is made: override the fixture `made`")

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, made: Made) -> UnifiedModel:
        """The model, in float32."""
        return made("float32")

    @pytest.fixture
    def trainee(self, model: UnifiedModel) -> UnifiedModel:
        """A copy that a test may train."""
        if not isinstance(model, Trainable):
            pytest.skip(f"{model.card.id} does not learn")
        return copy.deepcopy(model)

    @pytest.fixture(autouse=True)
    def _no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            pytest.fail("a model opened a network connection")

        monkeypatch.setattr(socket.socket, "connect", refuse)

    def exact(self, model: UnifiedModel) -> bool:
        """Whether its batches are held to the last bit, and not up to rounding."""
        return False

    def same_numbers(self, model: UnifiedModel, one: Tensor, other: Tensor) -> bool:
        """See `same_numbers` of this module."""
        return same_numbers(one, other, exact=self.exact(model))

    def same_picture(self, model: UnifiedModel, one: ImageReply, other: ImageReply) -> bool:
        """See `same_picture` of this module."""
        return same_picture(one, other, exact=self.exact(model))

    # Batches and seeds

    @pytest.mark.parametrize(
        "how", [{}, {"guidance": 1.0}, {"temperature": 0.0}, {"guidance": 2.5, "temperature": 0.7}]
    )
    def test_a_picture_depends_on_its_prompt_and_seed_alone(self, model: UnifiedModel, how: dict[str, float]):
        together = draw(model, text_prompts(), SEEDS, **how)
        alone = [draw(model, [prompt], [seed], **how)[0] for prompt, seed in zip(text_prompts(), SEEDS, strict=True)]
        order = [3, 0, 4, 1, 2]
        shuffled = draw(model, [text_prompts()[i] for i in order], [SEEDS[i] for i in order], **how)
        for i, reply in enumerate(together):
            assert self.same_picture(model, reply, alone[i])
            assert self.same_picture(model, reply, shuffled[order.index(i)])
            assert reply.seed == SEEDS[i]
            assert reply.image.size == (model.card.image_size, model.card.image_size)

    def test_seeds_prompts_and_guidance_matter(self, model: UnifiedModel):
        one, two = draw(model, [Prompt.of(TEXTS[0])] * 2, [1, 2], guidance=3.0)
        other = draw(model, [Prompt.of(TEXTS[1])], [1], guidance=3.0)[0]
        unguided = draw(model, [Prompt.of(TEXTS[0])], [1], guidance=1.0)[0]
        assert not self.same_picture(model, one, two)
        assert not self.same_picture(model, one, other)
        assert not self.same_picture(model, one, unguided)

    @pytest.mark.parametrize("how", [{}, {"temperature": 1.0}, {"temperature": 0.8, "top_p": 0.7}])
    @pytest.mark.parametrize("prompts", [text_prompts(), seeing_prompts()], ids=["text", "pictures"])
    def test_a_text_depends_on_its_prompt_and_seed_alone(
        self, model: UnifiedModel, prompts: list[Prompt], how: dict[str, float]
    ):
        seeds = SEEDS[: len(prompts)]
        together = write(model, prompts, seeds, **how)
        for prompt, seed, reply in zip(prompts, seeds, together, strict=True):
            alone = write(model, [prompt], [seed], **how)[0]
            assert (reply.text, reply.tokens, reply.finished) == (alone.text, alone.tokens, alone.finished)
            assert np.allclose(reply.log_probabilities, alone.log_probabilities, atol=1e-4)
            assert len(reply.log_probabilities) == len(reply.tokens) <= 10
        for i, reply in enumerate(write(model, prompts[::-1], seeds[::-1], **how)[::-1]):
            assert reply.tokens == together[i].tokens

    def test_hot_texts_differ_by_seed(self, model: UnifiedModel):
        one, two = write(model, [Prompt.of(TEXTS[0])] * 2, [1, 2], temperature=3.0)
        assert one.tokens != two.tokens

    def test_a_narrow_nucleus_is_greedy(self, model: UnifiedModel):
        greedy = write(model, text_prompts(), ())
        assert [r.tokens for r in write(model, text_prompts(), SEEDS, temperature=1.0, top_p=1e-9)] == [
            r.tokens for r in greedy
        ]

    def test_the_global_generator_is_left_alone(self, model: UnifiedModel):
        before = torch.random.get_rng_state()
        draw(model, text_prompts()[:2], SEEDS[:2])
        write(model, text_prompts()[:2], SEEDS[:2], temperature=1.0)
        assert torch.equal(before, torch.random.get_rng_state())

    # Scores

    def test_scores_are_batch_invariant(self, model: UnifiedModel):
        prompts = [*text_prompts()[:2], *seeing_prompts()]
        answers = [["red", "a blue star"], ["plus"], [], ["bottom left", "red", "red and blue"], ["yes"]]
        together = model.score(model.encode(prompts, Goal.TEXT), answers)
        for prompt, own, scores in zip(prompts, answers, together, strict=True):
            assert scores.shape == (len(own),)
            assert (scores < 0).all()
            for answer, score in zip(own, scores, strict=True):
                alone = model.score(model.encode([prompt], Goal.TEXT), [[answer]])[0][0]
                assert self.same_numbers(model, score, alone)

    @pytest.mark.slow
    def test_a_written_reply_has_the_score_of_its_tokens(self, trainee: UnifiedModel):
        """A random model never ends on plain text, so it is taught one answer first."""
        prompts, answers = [Prompt.of("What is it?"), Prompt.of(picture(1), "What?")], ["a red plus", "the star"]
        learn(trainee, [Example(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)])
        encoded = trainee.encode(prompts, Goal.TEXT)
        replies = trainee.write(encoded, TextSampling(max_new_tokens=40))
        assert [reply.text for reply in replies] == answers
        assert all(reply.finished for reply in replies)
        scores = trainee.score(encoded, [[reply.text] for reply in replies])
        for reply, score in zip(replies, scores, strict=True):
            assert score.item() == pytest.approx(sum(reply.log_probabilities), abs=1e-4)

    # States

    @pytest.mark.parametrize("goal", list(Goal))
    def test_layers_come_in_order_and_segments_cover_every_position(self, model: UnifiedModel, goal: Goal):
        prompts = text_prompts() if goal is Goal.IMAGE else [*text_prompts(), *seeing_prompts()]
        encoded = model.encode(prompts, goal)
        states = list(model.states(encoded))
        assert [state.layer for state in states] == list(range(len(states)))
        assert len(states) > 1
        check_segments(encoded, states)
        for prompt, segments in zip(prompts, encoded.segments, strict=True):
            # A picture is one run of image positions, some of which may be template: ends of rows.
            runs = [
                {s.role for s in run}
                for kind, run in itertools.groupby(segments, lambda s: s.modality)
                if kind == "image"
            ]
            assert sum("prompt" in roles for roles in runs) == len(prompt.images)
            assert positions(segments, modality="text", roles=("prompt",))
            assert not positions(segments, roles=("response",))
        assert {rows.shape[1] for state in states for rows in state.rows} == {states[0].rows[0].shape[1]}
        assert all(torch.isfinite(rows).all() for state in states for rows in state.rows)

    @pytest.mark.parametrize("goal", list(Goal))
    def test_a_reply_adds_rows_and_leaves_those_of_the_prompt(self, model: UnifiedModel, goal: Goal):
        need_states(model, goal)
        encoded, replies = replies_for(model, goal)
        bare, full = list(model.states(encoded)), list(model.states(encoded, replies))
        check_segments(encoded, full)
        for before, after in zip(bare, full, strict=True):
            assert after.step == LAST
            for i, (rows, longer) in enumerate(zip(before.rows, after.rows, strict=True)):
                torch.testing.assert_close(longer[: len(rows)], rows, rtol=1e-4, atol=1e-4)
                assert after.segments[i][: len(before.segments[i])] == before.segments[i]
                added = positions(after.segments[i], roles=("response",))
                reply = replies[i]
                silent = isinstance(reply, TextReply) and reply.finished and len(reply.tokens) == 1  # it ended at once
                assert bool(added) != silent
                assert silent or added[0] >= len(rows)

    @pytest.mark.parametrize("goal", list(Goal))
    def test_states_are_batch_invariant(self, model: UnifiedModel, goal: Goal):
        need_states(model, goal)
        encoded, replies = replies_for(model, goal)
        together = list(model.states(encoded, replies))
        for i, text in enumerate(TEXTS):
            for state, alone in zip(
                together, model.states(model.encode([Prompt.of(text)], goal), [replies[i]]), strict=True
            ):
                assert self.same_numbers(model, state.rows[i], alone.rows[0])
                assert state.segments[i] == alone.segments[0]

    def test_states_inside_a_second_network_are_said_to_be_there_and_are_batch_invariant(self, model: UnifiedModel):
        assert ("probe_decoder" in model.card.capabilities) == isinstance(model, DrawsApart)
        if not isinstance(model, DrawsApart):
            pytest.skip(f"{model.card.id} draws in its backbone")
        encoded, replies = replies_for(model, Goal.IMAGE)
        for at in (LAST, 0, 1):
            together = list(model.decoder_states(encoded, replies, at=at))
            check_segments(encoded, together)
            assert [state.layer for state in together] == list(range(len(together)))
            for i, text in enumerate(TEXTS):
                own = model.encode([Prompt.of(text)], Goal.IMAGE)
                for state, alone in zip(together, model.decoder_states(own, [replies[i]], at=at), strict=True):
                    assert state.step == at
                    assert self.same_numbers(model, state.rows[i], alone.rows[0])
                    assert state.segments[i] == alone.segments[0]
                    assert positions(state.segments[i], modality="image", roles=("response",))
                    assert positions(state.segments[i], modality="text", roles=("prompt",))
            with pytest.raises(UsageError):
                list(model.decoder_states(encoded, replies[:1], at=at))
        with pytest.raises(UsageError, match="no step"):
            list(model.decoder_states(encoded, replies, at=10_000))

    def test_no_more_than_two_layers_are_held(self, model: UnifiedModel):
        seen: list[weakref.ref[torch.Tensor]] = []
        for state in model.states(model.encode(text_prompts(), Goal.TEXT)):
            whole = state.rows[0]._base
            seen.append(weakref.ref(state.rows[0] if whole is None else whole))
            del state, whole
            assert sum(layer() is not None for layer in seen) <= 2

    def test_states_can_be_taken_in_inference_mode(self, model: UnifiedModel):
        encoded = model.encode(text_prompts(), Goal.TEXT)
        outside = list(model.states(encoded))
        with torch.inference_mode():
            inside = list(model.states(encoded))
        assert all(torch.equal(a.rows[0], b.rows[0]) for a, b in zip(outside, inside, strict=True))
        assert not any(rows.requires_grad for state in outside for rows in state.rows)

    # Interventions

    @pytest.fixture
    def editable(self, model: UnifiedModel) -> Editable:
        if "intervene" not in model.card.capabilities:
            pytest.skip(f"the states of {model.card.id} cannot be changed")
        assert isinstance(model, Intervenes)
        return cast(Editable, model)

    def test_rows_put_back_where_they_were_read_change_no_bit(self, editable: Editable):
        blocks, _ = editable.stacks["backbone"]
        to_write, to_draw = (editable.encode(text_prompts()[:2], goal) for goal in Goal)
        everything = [range(to_write.length(i)) for i in range(2)]
        how = {"guidance": 2.5, **one_step(editable)}
        runs: list[tuple[Callable[[Edits | None], Sequence[Any]], Sequence[At], Branch]] = [
            (lambda edits: editable.score(to_write, [["red", "a star"]] * 2, edits=edits), everything, "conditional"),
            # Log-probabilities are those of another pass, whose rows are these up to rounding.
            (lambda edits: written(editable, to_write, edits, log_probabilities=False), everything, "conditional"),
            (lambda edits: flat(editable.states(to_write, edits=edits)), everything, "conditional"),
            (lambda edits: drawn(editable, to_draw, edits, **how), words(to_draw), "conditional"),
            (lambda edits: drawn(editable, to_draw, edits, **how), [-1, -1], "unconditional"),
        ]
        for run, places, branch in runs:
            plain = run(None)
            for layer in (0, blocks // 2, blocks):
                reads = [Read(), Read()]
                try:
                    seen = run([[Edit(layer, *own, branch)] for own in zip(places, reads, strict=True)])
                except UsageError:  # a branch that reads nothing in the place of the prompt
                    assert branch == "unconditional"
                    continue
                back = [Replace(read.found[0]) for read in reads]
                put = run([[Edit(layer, *own, branch)] for own in zip(places, back, strict=True)])
                assert all(map(equal, plain, seen))
                assert all(map(equal, plain, put))

    def test_nothing_added_anywhere_changes_no_bit(self, editable: Editable):
        to_write, to_draw = (editable.encode(text_prompts()[:2], goal) for goal in Goal)
        nothing: list[Edit] = []
        for stack, (blocks, width) in editable.stacks.items():
            for layer in range(blocks + 1):
                nothing.append(Edit(layer, "all", Add(torch.zeros(width)), "both", stack))
        read = [edit for edit in nothing if edit.stack == "backbone"]
        assert all(map(equal, written(editable, to_write), written(editable, to_write, [read, []])))
        assert all(map(equal, flat(editable.states(to_write)), flat(editable.states(to_write, edits=[[], read]))))
        plain = drawn(editable, to_draw, guidance=2.5)
        assert all(map(equal, plain, drawn(editable, to_draw, [nothing, []], guidance=2.5)))

    def test_an_edit_changes_its_rows_and_what_sees_them(self, editable: Editable):
        encoded = editable.encode(text_prompts()[:2], Goal.TEXT)
        blocks, width = editable.stacks["backbone"]
        layer, places = blocks // 2, words(encoded)[0][:2]  # something stands behind them, in any family
        given = normal(1, len(places), width)
        edits = [[Edit(layer, places, Replace(given))], []]
        for state, plain in zip(editable.states(encoded, edits=edits), editable.states(encoded), strict=True):
            rows, before = state.rows[0], plain.rows[0]
            assert torch.equal(state.rows[1], plain.rows[1])
            assert torch.equal(rows[: places[0]], before[: places[0]])
            if state.layer < layer:
                assert torch.equal(rows, before)
            elif state.layer == layer:
                assert torch.equal(rows[places], given)
                assert torch.equal(rows[places[-1] + 1 :], before[places[-1] + 1 :])
            else:
                assert not torch.equal(rows[places[-1] + 1 :], before[places[-1] + 1 :])
        answers = [["red", "blue"]] * 2
        changed, other = editable.score(encoded, answers, edits=edits)
        plain, same = editable.score(encoded, answers)
        assert not torch.equal(changed, plain)
        assert torch.equal(other, same)

    def test_an_edited_sample_changes_no_other(self, editable: Editable):
        blocks, width = editable.stacks["backbone"]
        prompts, order = text_prompts()[:4], [2, 0, 3, 1]
        edits: list[list[Edit]] = [[] for _ in prompts]
        edits[1] = [Edit(blocks // 2, "prompt", Add(normal(1, width)))]
        edits[3] = [
            Edit(0, "all", Replace(normal(2, width)), "both"),
            Edit(blocks // 2, -1, ProjectOut(normal(3, width))),
        ]
        runs: list[tuple[Goal, Callable[[Encoded, Sequence[int], Edits | None], Sequence[Any]]]] = [
            (Goal.TEXT, lambda own, _, edits: editable.score(own, [["red", "a star"]] * len(own), edits=edits)),
            (Goal.TEXT, lambda own, _, edits: [rows[-1] for rows in list(editable.states(own, edits=edits))[-1].rows]),
            (
                Goal.IMAGE,
                lambda own, some, edits: drawn(editable, own, edits, seeds=[SEEDS[i] for i in some], guidance=2.5),
            ),
        ]
        for goal, run in runs:
            together = run(editable.encode(prompts, goal), range(4), edits)
            plain = run(editable.encode(prompts, goal), range(4), None)
            shuffled = run(editable.encode([prompts[i] for i in order], goal), order, [edits[i] for i in order])
            for i, prompt in enumerate(prompts):
                (alone,) = run(editable.encode([prompt], goal), [i], [edits[i]])
                assert self.same(editable, together[i], alone)
                assert self.same(editable, together[i], shuffled[order.index(i)])
                assert self.same(editable, together[i], plain[i]) == (not edits[i])

    def test_edits_behind_a_prompt_hold_in_every_step(self, editable: Editable):
        blocks, width = editable.stacks["backbone"]
        to_write, to_draw = (editable.encode(text_prompts()[:2], goal) for goal in Goal)
        given, read, layer = normal(1, width), Read(), blocks // 2
        edits = [[Edit(layer, "response", Replace(given)), Edit(layer, "response", read)], []]
        how = TextSampling(max_new_tokens=5)
        changed, other = editable.write(to_write, how, edits=edits)
        assert other == editable.write(to_write, how)[1]
        assert sum(map(len, read.found)) >= len(changed.tokens) - 1
        assert all(bool((rows == given).all()) for rows in read.found)
        states = list(editable.states(to_write, [changed, other], edits=edits))[layer]
        behind = positions(states.segments[0], roles=("response",))
        assert bool((states.rows[0][behind] == given).all())
        plain, found = drawn(editable, to_draw), 0
        for stack, (blocks, width) in editable.stacks.items():
            given, read, layer = normal(2, width), Read(), blocks // 2
            for at in ("response", "filler"):
                made = Replace(given), read
                edits = [[Edit(layer, at, own, stack=stack) for own in made], []]
                try:
                    changed, other = drawn(editable, to_draw, edits)
                    break
                except UsageError:
                    continue
            else:  # no positions are drawn in this stack
                continue
            assert self.same(editable, other, plain[1])
            assert not self.same(editable, changed, plain[0])
            assert changed.replay["edited"] is True
            assert "edited" not in other.replay
            assert all(bool((rows == given).all()) for rows in read.found)
            found += len(read.found)
        # A second network may be drawn in that cannot be edited.
        assert found or (isinstance(editable, DrawsApart) and "decoder" not in editable.stacks)

    def test_many_edits_of_one_prompt_are_each_as_by_itself(self, editable: Editable):
        blocks, width = editable.stacks["backbone"]
        layers = [None, blocks, 0, blocks // 2, blocks // 2]
        edits = [
            [] if layer is None else [Edit(layer, "prompt", Add(normal(i, width)))] for i, layer in enumerate(layers)
        ]
        prompts = [Prompt.of(TEXTS[0])] * len(layers)
        to_write, one = editable.encode(prompts, Goal.TEXT), editable.encode(prompts[:1], Goal.TEXT)
        scores = editable.score(to_write, [["red", "a star"]] * len(layers), edits=edits)
        replies = written(editable, to_write, edits)
        for own, score, reply in zip(edits, scores, replies, strict=True):
            assert torch.equal(score, editable.score(one, [["red", "a star"]], edits=[own])[0])
            assert reply == written(editable, one, [own])[0]

    def test_an_edit_is_made_in_its_branch_of_guidance(self, editable: Editable):
        encoded = editable.encode(text_prompts()[:2], Goal.IMAGE)
        for guidance in (1.0, 2.5):
            plain = drawn(editable, encoded, guidance=guidance)
            for branch in ("conditional", "unconditional"):
                edits = [
                    [Edit(blocks // 2, "all", Replace(normal(1, width)), branch, stack)]
                    for stack, (blocks, width) in editable.stacks.items()
                ]
                for own in edits:
                    changed, other = drawn(editable, encoded, [own, []], guidance=guidance)
                    assert self.same(editable, other, plain[1])
                    matters = branch == "conditional" or guidance != 1
                    assert equal(changed, plain[0]) != matters

    def test_rows_of_the_other_branch_put_back_change_no_bit(self, editable: Editable):
        encoded = editable.encode(text_prompts()[:1], Goal.IMAGE)
        plain = drawn(editable, encoded, guidance=2.5)
        read = Read()
        try:
            drawn(editable, encoded, [[Edit(1, -1, read, "unconditional")]], guidance=2.5)
        except UsageError as refusal:
            pytest.skip(f"the other branch of {editable.card.id} reads nothing in the place of a prompt: {refusal}")
        edits: Edits = [[Edit(1, -1, Replace(read.found[0]), "unconditional")]]
        assert equal(drawn(editable, encoded, edits, guidance=2.5)[0], plain[0])

    def test_edits_inside_a_second_network(self, editable: Editable):
        if "decoder" not in editable.stacks:
            pytest.skip(f"{editable.card.id} has no second network to edit")
        assert isinstance(editable, DrawsApart)
        encoded = editable.encode(text_prompts()[:2], Goal.IMAGE)
        replies = drawn(editable, encoded)
        blocks, width = editable.stacks["decoder"]
        layer, given, read = blocks // 2, normal(1, width), Read()
        edits = [[Edit(layer, 0, Replace(given), stack="decoder"), Edit(blocks, "response", read, stack="decoder")], []]
        plain = list(editable.decoder_states(encoded, replies))
        for state, before in zip(editable.decoder_states(encoded, replies, edits=edits), plain, strict=True):
            assert torch.equal(state.rows[1], before.rows[1])
            assert torch.equal(state.rows[0], before.rows[0]) == (state.layer < layer)
            if state.layer == layer:
                assert torch.equal(state.rows[0][0], given)
                assert torch.equal(state.rows[0][1:], before.rows[0][1:])
            if state.layer == blocks:
                picture = positions(state.segments[0], roles=("response",))
                assert torch.equal(state.rows[0][picture], read.found[0])
        heard = [[Edit(0, "prompt", Add(normal(2, editable.stacks["backbone"][1])))], []]
        *_, last = editable.decoder_states(encoded, replies, edits=heard)
        assert not torch.equal(last.rows[0], plain[-1].rows[0])
        assert torch.equal(last.rows[1], plain[-1].rows[1])
        with pytest.raises(UsageError, match="decoder"):
            editable.write(editable.encode(text_prompts()[:2], Goal.TEXT), TextSampling(), edits=edits)

    def test_edits_that_make_no_sense_are_refused(self, editable: Editable):
        blocks, width = editable.stacks["backbone"]
        to_write, to_draw = (editable.encode(text_prompts()[:2], goal) for goal in Goal)
        length = to_write.length(0)
        row, wrong = torch.zeros(width), torch.zeros(width + 1)
        for edit, said in (
            (Edit(blocks + 1, "all", Add(row)), f"layers 0 .*to {blocks}"),
            (Edit(-1, "all", Add(row)), "no layer -1"),
            (Edit(0, length, Add(row)), f"no position {length}"),
            (Edit(0, [0, -length], Add(row)), "twice"),
            (Edit(0, [], Add(row)), "none"),
            (Edit(0, "filler", Add(row)), "filler"),
            (Edit(0, "all", Add(wrong)), f"{width} wide"),
            (Edit(0, "all", ProjectOut(wrong)), f"{width} wide"),
            (Edit(0, 0, Replace(row * math.nan)), "not finite"),
            (Edit(0, [0, 1], Replace(row.expand(3, -1))), "3 rows"),
            (Edit(0, "response", Replace(row.expand(3, -1))), "3 rows"),
        ):
            for attempt in (
                lambda edits: editable.write(to_write, TextSampling(), edits=edits),
                lambda edits: editable.score(to_write, [["a"]] * 2, edits=edits),
                lambda edits: list(editable.states(to_write, edits=edits)),
            ):
                with pytest.raises(UsageError, match=said) as refusal:
                    attempt([[edit], []])
                assert editable.card.id in str(refusal.value) or "twice" in said or "none" in said
        for edits in ([[]], [[Edit(0, 0, Add(row))]]):
            with pytest.raises(UsageError, match="2 samples"):
                drawn(editable, to_draw, edits)
        fixed = copy.copy(editable)
        fixed.card = replace(editable.card, capabilities=editable.card.capabilities - {"intervene"})
        with pytest.raises(Unsupported, match="intervene"):
            fixed.write(to_write, TextSampling(), edits=[[Edit(0, 0, Add(row))], []])

    def same(self, model: UnifiedModel, one: Any, other: Any) -> bool:
        """Numbers or pictures that are the same."""
        if isinstance(one, Tensor):
            return self.same_numbers(model, one, other)
        return self.same_picture(model, one, other)

    # What goes wrong

    def test_what_a_model_cannot_do_is_said(self, model: UnifiedModel):
        if "draw" in model.card.capabilities:
            mute = copy.copy(model)
            mute.card = replace(model.card, capabilities=frozenset({"write", "score", "probe", "see"}))
            with pytest.raises(Unsupported, match="cannot draw"):
                mute.encode(text_prompts(), Goal.IMAGE)
        blind = copy.copy(model)
        blind.card = replace(model.card, capabilities=frozenset())
        for attempt in (
            lambda: blind.encode(text_prompts(), Goal.TEXT),
            lambda: blind.score(model.encode(text_prompts(), Goal.TEXT), [["a"]] * len(TEXTS)),
            lambda: list(blind.states(model.encode(text_prompts(), Goal.TEXT))),
        ):
            with pytest.raises(Unsupported):
                attempt()

    def test_calls_that_make_no_sense_are_refused(self, model: UnifiedModel):
        to_write, to_draw = (model.encode(text_prompts(), goal) for goal in Goal)
        for attempt in (
            lambda: model.encode([], Goal.TEXT),
            lambda: model.write(to_draw, TextSampling()),
            lambda: model.draw(to_write, ImageSampling(SEEDS)),
            lambda: model.draw(to_draw, ImageSampling(SEEDS[:1])),
            lambda: model.write(to_write, TextSampling(temperature=1.0)),
            lambda: model.write(to_write, TextSampling(max_new_tokens=0)),
            lambda: model.score(to_write, [["a"]]),
            lambda: list(model.states(to_write, [])),
        ):
            with pytest.raises(UsageError):
                attempt()

    # Precision, learning, cards

    def test_half_precision_runs(self, made: Made):
        model = made("bfloat16")
        replies = draw(model, text_prompts()[:2], SEEDS[:2])
        assert all(reply.image.size[0] == model.card.image_size for reply in replies)
        assert write(model, seeing_prompts(), ())
        encoded = model.encode(text_prompts()[:2], Goal.IMAGE)
        shown = None if Goal.IMAGE in model.card.no_states else replies
        inside = model.decoder_states(encoded, replies) if isinstance(model, DrawsApart) else ()
        for state in (*model.states(encoded, shown), *inside):
            assert all(rows.dtype == torch.bfloat16 and torch.isfinite(rows).all() for rows in state.rows)
        scores = model.score(model.encode(text_prompts()[:1], Goal.TEXT), [["red", "blue"]])
        assert torch.isfinite(scores[0]).all()

    @pytest.mark.slow
    def test_both_directions_are_learnt(self, trainee: UnifiedModel):
        square = picture(5, trainee.card.image_size, trainee.card.image_size)
        batch = [
            Example(Prompt.of("draw it"), square),
            Example(Prompt.of("a longer prompt to draw it"), square, unconditional=True),
            Example(Prompt.of("what is it?"), "a star"),
            Example(Prompt.of(square, "what is it?"), "a red star"),
        ]
        assert isinstance(trainee, Trainable)
        losses = trainee.loss(batch)
        assert losses.draw is not None
        assert losses.tell is not None
        assert trainee.loss(batch[:2]).tell is None
        assert trainee.loss(batch[2:]).draw is None
        totals = learn(trainee, batch, steps=25)
        assert totals[-1] < totals[0] / 2

    def test_the_loss_of_a_batch_is_the_mean_over_its_tokens(self, trainee: UnifiedModel):
        assert isinstance(trainee, Trainable)
        square = picture(5, trainee.card.image_size, trainee.card.image_size)
        draws = [Example(Prompt.of(text), square) for text in TEXTS[:3]]
        with torch.no_grad():
            together = trainee.loss(draws).draw
            apart = [trainee.loss([example]).draw for example in draws]
        assert together is not None
        assert together.item() == pytest.approx(np.mean([loss.item() for loss in apart if loss is not None]), rel=1e-4)

    def test_parameter_groups_are_a_partition(self, model: UnifiedModel):
        if not isinstance(model, Trainable):
            pytest.skip(f"{model.card.id} does not learn")
        groups = model.parameter_groups()
        names = [name for group in groups.values() for name in group]
        assert sorted(names) == sorted(name for name, _ in network(model).named_parameters())
        assert all(groups.values())

    def test_the_card_says_what_was_loaded(self, model: UnifiedModel):
        card: ModelCard = model.card
        assert card.revision
        assert card.reference == f"{card.id}@{card.revision}"
        assert card.capabilities
        reply = draw(model, text_prompts()[:1], SEEDS[:1])[0]
        assert reply.image.mode == "RGB"
        if reply.tokens is not None:
            assert reply.tokens.shape == (card.image_tokens,)

    # Attention

    @pytest.mark.parametrize("goal", list(Goal))
    def test_attention_is_over_the_rows_of_states_and_is_batch_invariant(self, model: UnifiedModel, goal: Goal):
        assert ("attend" in model.card.capabilities) == isinstance(model, Attends)
        if not isinstance(model, Attends):
            pytest.skip(f"attention of {model.card.id} is not read out")
        need_states(model, goal)
        encoded, replies = replies_for(model, goal)
        for followed in (None, replies):
            states = list(model.states(encoded, followed))
            layers = list(model.attention(encoded, followed))
            assert [own.layer for own in layers] == [state.layer for state in states[1:]]
            for own, state in zip(layers, states[1:], strict=True):
                assert (own.segments, own.step) == (state.segments, state.step)
                for sample, rows in enumerate(state.rows):
                    check_attention(own, sample, len(rows))
        for i, text in enumerate(TEXTS):
            alone = model.attention(model.encode([Prompt.of(text)], goal), [replies[i]])
            for own, other in zip(layers, alone, strict=True):
                assert self.same_numbers(model, own.probabilities(i), other.probabilities(0))

    def test_a_model_whose_attention_is_not_read_out_says_so(self, model: UnifiedModel):
        if not isinstance(model, Attends):
            pytest.skip(f"attention of {model.card.id} is not read out")
        encoded, silent = model.encode(text_prompts(), Goal.TEXT), copy.copy(model)
        silent.card = replace(model.card, capabilities=model.card.capabilities - {"attend"})
        with pytest.raises(Unsupported):
            list(silent.attention(encoded))
        for attempt in (lambda: list(model.attention(encoded, [])), lambda: list(model.attention(encoded, at=0))):
            with pytest.raises(UsageError):
                attempt()


def check_attention(layer: LayerAttention, sample: int, rows: int) -> None:
    """Every row shares out all it has, and what lies between segments is what the rows give to each other."""
    every, mass = layer.probabilities(sample), layer.mass(sample)
    assert every.shape[1:] == (rows, rows)
    assert float(every.min()) >= 0
    assert torch.allclose(every.sum(-1), torch.ones_like(every[..., 0]), atol=1e-5)
    for looking, at in itertools.product(mass.groups, mass.groups):
        found = mass.between(looking, at)
        one, other = (positions(layer.segments[sample], modality=m, roles=(r,)) for m, r in (looking, at))
        assert found is not None
        assert torch.allclose(found, every[:, one][:, :, other].sum(-1).mean(-1), atol=1e-5)


def same_numbers(one: Tensor, other: Tensor, *, exact: bool = False) -> bool:
    """Equal to the last bit, or else up to `ROUNDING`. Numbers that are not finite are never the same then."""
    if exact:
        return torch.equal(one, other)
    if one.shape != other.shape:
        return False
    largest = max(1.0, float(other.abs().max())) if other.numel() else 1.0
    return bool(torch.allclose(one, other, rtol=0, atol=ROUNDING * largest))


def same_picture(one: ImageReply, other: ImageReply, *, exact: bool = False) -> bool:
    """Of equal tokens, or of latents and levels that are the same in the sense of `same_numbers`."""
    if exact:
        drawn = [own.tokens if own.latents is None else own.latents for own in (one, other)]
        return one.image.tobytes() == other.image.tobytes() and np.array_equal(*drawn)  # pyright: ignore
    if one.latents is None or other.latents is None:
        alike = np.array_equal(_given(one.tokens), _given(other.tokens))
    else:
        alike = same_numbers(torch.tensor(one.latents), torch.tensor(other.latents))
    return alike and _levels_apart(one, other) <= _LEVELS


def _given(tokens: np.ndarray | None) -> np.ndarray:
    assert tokens is not None
    return tokens


def _levels_apart(one: ImageReply, other: ImageReply) -> float:
    first, second = (np.asarray(reply.image, np.int16) for reply in (one, other))
    return float(np.abs(first - second).max()) if first.shape == second.shape else float("inf")


def draw(model: UnifiedModel, prompts: Sequence[Prompt], seeds: Sequence[int], **how: Any) -> list[ImageReply]:
    return model.draw(model.encode(prompts, Goal.IMAGE), ImageSampling(tuple(seeds), **how))


def write(model: UnifiedModel, prompts: Sequence[Prompt], seeds: Sequence[int], **how: Any) -> list[TextReply]:
    return model.write(model.encode(prompts, Goal.TEXT), TextSampling(tuple(seeds), max_new_tokens=10, **how))


def written(model: Editable, encoded: Encoded, edits: Edits | None = None, **how: Any) -> list[TextReply]:
    return model.write(encoded, TextSampling(max_new_tokens=4, **how), edits=edits)


def drawn(
    model: Editable, encoded: Encoded, edits: Edits | None = None, *, seeds: Sequence[int] = SEEDS, **how: Any
) -> list[ImageReply]:
    return model.draw(encoded, ImageSampling(tuple(seeds[: len(encoded)]), **how), edits=edits)


def one_step(model: UnifiedModel) -> dict[str, int]:
    """Settings by which a picture is drawn in one step; none where it takes a step for every token."""
    try:
        draw(model, text_prompts()[:1], SEEDS[:1], steps=1)
    except UsageError:
        return {}
    return {"steps": 1}


def words(encoded: Encoded) -> list[list[int]]:
    """Positions of what the user says in every prompt."""
    return [positions(own, modality="text", roles=("prompt",)) for own in encoded.segments]


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def flat(states: Iterable[LayerState]) -> list[Tensor]:
    return [rows for state in states for rows in state.rows]


def equal(one: Any, other: Any) -> bool:
    """To the last bit."""
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    return same_picture(one, other, exact=True) if isinstance(one, ImageReply) else one == other


def check_segments(encoded: Encoded, states: Sequence[LayerState]) -> None:
    for state in states:
        for rows, segments in zip(state.rows, state.segments, strict=True):
            assert segments[0].start == 0
            assert all(a.stop == b.start for a, b in itertools.pairwise(segments))
            assert all(len(segment) > 0 for segment in segments)
            assert rows.shape[0] == segments[-1].stop
    for i, segments in enumerate(encoded.segments):
        assert encoded.length(i) == segments[-1].stop


def replies_for(model: UnifiedModel, goal: Goal) -> tuple[Encoded, list[Reply]]:
    encoded = model.encode(text_prompts(), goal)
    if goal is Goal.IMAGE:
        return encoded, list(model.draw(encoded, ImageSampling(SEEDS)))
    return encoded, list(model.write(encoded, TextSampling(SEEDS, max_new_tokens=6, temperature=1.0)))


def need_states(model: UnifiedModel, goal: Goal) -> None:
    """Skips where the backbone has no states of such replies, once the model has said so with its card's reason."""
    if goal not in model.card.no_states:
        return
    encoded, replies = replies_for(model, goal)
    with pytest.raises(Unsupported) as refusal:
        list(model.states(encoded, replies))
    assert refusal.value.reason == model.card.no_states[goal]
    pytest.skip(f"{model.card.id} has no states of replies of kind {goal}: {model.card.no_states[goal]}")


def learn(model: UnifiedModel, batch: Sequence[Example], steps: int = 60) -> list[float]:
    assert isinstance(model, Trainable)
    parameters = [parameter for parameter in network(model).parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=3e-3)
    totals = []
    for _ in range(steps):
        loss = model.loss(batch).total()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        totals.append(loss.item())
    return totals


def network(model: UnifiedModel) -> torch.nn.Module:
    return model.network  # type: ignore[attr-defined]
