"""Edits of states: what each change comes to, where it lands, and a whole model with one, written out by hand."""

import dataclasses
import math
import re
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.helpers import tiny_janus, tiny_janus_flow, tiny_omnigen2, tiny_show_o
from unispect.core.errors import UsageError
from unispect.core.prompts import Goal, Prompt, Segment, kept_segments
from unispect.core.replies import ImageSampling
from unispect.models.base import Intervenes
from unispect.models.edits import (
    Add,
    Asked,
    Edit,
    Placed,
    ProjectOut,
    Read,
    Replace,
    RowEdits,
    bare,
    drawn_with,
    understood,
)
from unispect.models.janus_flow.folder import load as load_janus_flow
from unispect.models.janus_pro.folder import load as load_janus
from unispect.models.omnigen2.folder import load as load_omnigen2
from unispect.models.show_o.folder import load as load_show_o

WIDTH = 3
SEGMENTS = (Segment(0, 2, "text", "template"), Segment(2, 5, "text", "prompt"), Segment(5, 6, "text", "template"))


def asked(*edits: Edit) -> Asked:
    return Asked([list(edits)], [SEGMENTS], "some-model", {"backbone": (4, WIDTH)})


def placed(at: object, change: object = None) -> Placed:
    (own,) = asked(Edit(0, at, change or Read())).of() or [()]  # type: ignore[arg-type]
    return own[0]


# The changes

loose: Any = Edit
"""As callers write edits whom nobody checks."""


def test_changes_are_what_they_say():
    rows = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert torch.equal(Replace(torch.ones(3))(rows, [0, 1]), torch.ones(2, 3))
    assert torch.equal(
        Replace(torch.stack([-rows[0], rows[1], rows[0]]))(rows, [2, 0]), torch.stack([rows[0], -rows[0]])
    )
    assert torch.equal(Add(torch.ones(3), scale=0.5)(rows, [0, 1]), rows + 0.5)
    read = Read()
    assert read(rows, [0, 1]) is rows
    rows[0, 0] = 7
    assert read.found[0][0, 0] == 1  # a copy


def test_nothing_along_the_directions_is_left():
    generator = torch.Generator().manual_seed(0)
    rows, directions = torch.randn(5, 8, generator=generator), torch.randn(2, 8, generator=generator)
    left = ProjectOut(torch.cat([directions, directions.sum(0, keepdim=True), torch.zeros(1, 8)]))(rows, range(5))
    assert torch.allclose(left @ directions.T, torch.zeros(5, 2), atol=1e-5)
    coefficients = torch.linalg.lstsq(directions.T, rows.T).solution  # what lies in their span, by least squares
    assert torch.allclose(left, rows - (directions.T @ coefficients).T, atol=1e-5)
    assert torch.allclose(ProjectOut(torch.zeros(8))(rows, range(5)), rows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("width", [128, 2048])
def test_directions_of_any_precision_and_length_are_taken_out(dtype: torch.dtype, width: int):
    generator = torch.Generator().manual_seed(0)
    rows, directions = (torch.randn(2, width, generator=generator).to(dtype) for _ in range(2))
    directions[1] *= 1e-3
    unit = torch.nn.functional.normalize(directions.float(), dim=1)
    before, after = ((own.float() @ unit.T).abs().max().item() for own in (rows, ProjectOut(directions)(rows, [0, 1])))
    assert before > 0.1
    assert after < 64 * torch.finfo(dtype).eps


def test_numbers_are_taken_from_whoever_counts():
    usual = [[loose(1, [3], Read()), loose(0, [-1, 2], Read())]]
    for one in (
        [[loose(np.int64(1), np.int64(3), Read()), loose(torch.tensor(0), np.array([-1, 2]), Read())]],
        (edit for edit in [(loose(1, torch.tensor([3]), Read()), loose(0, (-1, 2), Read()))]),
    ):
        found = understood(cast(Any, one), 1, "some-model")
        said = [[(edit.layer, edit.at if isinstance(edit.at, list) else [edit.at]) for edit in own] for own in found]
        assert said == [[(edit.layer, edit.at) for edit in own] for own in usual]


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([loose(1, 3, Read())], "a list for every sample, such as"),
        (loose(1, 3, Read()), "a list for every sample, such as"),
        ([[], []], "1 samples need as many lists of edits, not 2"),
        ([["edit"]], "'edit' is no Edit"),
        ([[loose(1.5, 3, Read())]], "a layer is a whole number, not 1.5"),
        ([[loose(1, True, Read())]], "a position is a whole number, not True"),
        ([[loose(1, [False, True], Read())]], "a position is a whole number, not False"),
        ([[loose(1, None, Read())]], "a position is a whole number, not None"),
        ([[loose(1, 3, Read)]], "does none of these"),
        ([[loose(1, 3, Read(), branch="cond")]], "did you mean 'conditional'"),
        ([[loose(1, 3, Read(), stack="decode")]], "did you mean 'decoder'"),
    ],
)
def test_what_is_no_edit_is_refused(edits: object, said: str):
    with pytest.raises(UsageError, match=said):
        understood(cast(Any, edits), 1, "some-model")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Add(cast(Any, np.zeros(WIDTH))), "a tensor of real numbers, not ndarray"),
        (Add(torch.zeros(WIDTH, dtype=torch.complex64)), "a tensor of real numbers"),
        (Add(torch.zeros(WIDTH), scale=math.nan), "not finite"),
        (ProjectOut(torch.zeros(0, WIDTH)), "has no values"),
    ],
)
def test_values_are_checked_before_anything_runs(change: Add | ProjectOut, said: str):
    with pytest.raises(UsageError, match=said):
        asked(loose(0, 0, change))


# Where they land


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (1, [1]),
        (-1, [5]),
        ([4, 0], [4, 0]),
        ("prompt", [2, 3, 4]),
        ("template", [0, 1, 5]),
        (range(2, 4), [2, 3]),
    ],
)
def test_positions_are_those_of_the_prompt(at: object, found: list[int]):
    assert list(placed(at).positions) == found


def test_what_has_no_end_begins_behind_the_prompt_or_with_it():
    assert (placed("response").positions[0], placed("all").positions[0]) == (6, 0)
    assert len(placed("all").positions) > 10**9


def test_rows_change_where_their_positions_stand():
    hidden = torch.zeros(2, 4, WIDTH)
    values = torch.arange(1.0, 4.0)[:, None].expand(3, WIDTH)
    own = (Placed(1, [0, 2, 3], Replace(values), WIDTH),)
    # The second row begins with position 2; the first holds two positions, in its second column and its last.
    edits = RowEdits.of([own, own], [0, 2], [[1, 3], range(4)])
    assert edits is not None
    assert edits.at(0, hidden) is hidden
    found = edits.at(1, hidden)
    assert hidden.abs().sum() == 0
    assert found[..., 0].tolist() == [[0, 1, 0, 0], [2, 3, 0, 0]]


def test_what_rows_bring_along_behind_their_width_stays():
    hidden = torch.ones(1, 2, WIDTH + 2)
    edits = RowEdits.of([(Placed(0, [1], Add(torch.ones(WIDTH)), WIDTH),)])
    assert edits is not None
    assert edits.at(0, hidden)[0].tolist() == [[1] * 5, [2, 2, 2, 1, 1]]


def test_padding_is_neither_changed_nor_read():
    read = Read()
    edits = RowEdits.of([(Placed(0, range(2**31), read, WIDTH),)], columns=[range(3)])
    assert edits is not None
    edits.at(0, torch.zeros(1, 8, WIDTH))
    assert read.found[0].shape == (3, WIDTH)


def test_copies_that_only_fill_up_are_not_edited():
    one, other = ((placed(0),), (placed(1),))
    assert drawn_with([one, (), (), other], 2, [1, 0], 3) == [(), one, (), other, (), ()]
    assert drawn_with([one, (), other, ()], 2, [1], 2) is None
    assert drawn_with(None, 2, [0], 1) is None


def test_a_branch_counts_its_own_positions():
    longer = asked(
        Edit(0, 9, Read(), "unconditional"), Edit(0, "template", Replace(torch.zeros(10, 3)), "unconditional")
    )
    assert longer.branches([bare(10)]) is not None  # the prompt is shorter, and of another make
    plan = asked(Edit(0, 1, Read(), "both"), Edit(1, 0, Read(), "unconditional"), Edit(2, 5, Read()))
    assert [[edit.layer for edit in own] for own in plan.branches([bare(2)]) or []] == [[0, 2], [0, 1]]
    with pytest.raises(UsageError, match="no position 1; the unconditional branch has 1"):
        plan.branches([bare(1)])
    with pytest.raises(UsageError, match="no position 1; the unconditional branch has 0"):
        plan.branches([bare(0)])
    with pytest.raises(UsageError, match="no positions that are 'prompt'; it has template, response and all"):
        asked(Edit(0, "prompt", Read(), "both")).branches([bare(2)])


def test_segments_of_what_is_kept():
    assert kept_segments(SEGMENTS, [True, False, False, True, True, False]) == (
        Segment(0, 1, "text", "template"),
        Segment(1, 3, "text", "prompt"),
    )


def test_errors_name_the_model_the_layer_and_what_there_is():
    with pytest.raises(UsageError, match=r"some-model has no layer 5 to edit: it has layers 0 .* to 4"):
        asked(Edit(5, 0, Read()))
    with pytest.raises(UsageError, match=r"layer 2 of some-model: rows are 3 wide; .* the shape \[4\]"):
        asked(Edit(2, 0, Add(torch.zeros(4))))
    with pytest.raises(UsageError, match=r"layer 1 of some-model: .* not finite"):
        asked(Edit(1, 0, Replace(torch.tensor([0.0, math.inf, 0.0]))))
    with pytest.raises(UsageError, match="some-model runs no 'decoder' here to edit, but its backbone"):
        asked(Edit(1, 0, Read(), stack="decoder"))


# Whole models


@pytest.fixture(scope="module")
def janus(tmp_path_factory: pytest.TempPathFactory):
    folder = tiny_janus.write_checkpoint(tmp_path_factory.mktemp("janus") / "checkpoint")
    return load_janus(tiny_janus.TINY, folder, device="cpu", dtype="float32")


def by_hand(backbone, ids: list[int], layer: int, position: int, row: Tensor) -> list[Tensor]:
    """The input and every block's output [length, width] of a Llama of two layers, from its weights alone."""
    config, length = backbone.config, len(ids)
    heads, size = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    rates = config.rope_parameters["rope_theta"] ** -(torch.arange(0, size, 2) / size)
    angles = (torch.arange(length)[:, None] * rates).repeat(1, 2)

    def norm(rows: Tensor, weight: Tensor) -> Tensor:
        return rows / (rows.pow(2).mean(-1, keepdim=True) + config.rms_norm_eps).sqrt() * weight

    def turned(rows: Tensor) -> Tensor:
        first, second = rows.chunk(2, -1)
        return rows * angles.cos() + torch.cat([-second, first], -1) * angles.sin()

    def edited(number: int, rows: Tensor) -> Tensor:
        rows = rows.clone()
        if number == layer:
            rows[position] = row
        return rows

    states = [edited(0, backbone.embed_tokens.weight[ids])]
    for number, block in enumerate(backbone.layers, 1):
        own, mlp, hidden = block.self_attn, block.mlp, states[-1]
        rows = norm(hidden, block.input_layernorm.weight)
        query, key, value = (
            (rows @ part.weight.T).view(length, heads, size).transpose(0, 1)
            for part in (own.q_proj, own.k_proj, own.v_proj)
        )
        scores = turned(query) @ turned(key).transpose(1, 2) / math.sqrt(size)
        scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -math.inf)
        found = (scores.softmax(-1) @ value).transpose(0, 1).reshape(length, -1)
        hidden = hidden + found @ own.o_proj.weight.T
        rows = norm(hidden, block.post_attention_layernorm.weight)
        made = F.silu(rows @ mlp.gate_proj.weight.T) * (rows @ mlp.up_proj.weight.T)
        states.append(edited(number, hidden + made @ mlp.down_proj.weight.T))
    return states


@torch.no_grad()
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_forward_written_by_hand_gives_the_same(janus, layer: int):
    assert len(janus.backbone.layers) == 2
    encoded = janus.encode([Prompt.of("a red star")], Goal.TEXT)
    ids, answer = encoded.inputs.ids[0].tolist(), janus.text_decoder.answer_ids("red")
    row = torch.randn(janus.backbone.config.hidden_size, generator=torch.Generator().manual_seed(3))
    position = -1 if layer == 2 else -2  # behind the last block no row is heard by another
    edits = [[Edit(layer, position, Replace(row))]]
    expected = by_hand(janus.backbone, ids + answer[:-1], layer, len(ids) + position, row)
    for state, own in zip(janus.states(encoded, edits=edits), expected, strict=True):
        torch.testing.assert_close(state.rows[0], own[: len(ids)], rtol=0, atol=1e-5)
    final, norm = expected[-1][len(ids) - 1 :], janus.backbone.norm
    final = final / (final.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon).sqrt() * norm.weight
    chances = (final @ janus.network.lm_head.weight.T).log_softmax(-1)[torch.arange(len(answer)), answer]
    (scores,) = janus.score(encoded, [["red"]], edits=edits)
    assert scores[0].item() == pytest.approx(chances.sum().item(), abs=1e-5)
    assert scores[0].item() != pytest.approx(janus.score(encoded, [["red"]])[0][0].item(), abs=1e-3)


def test_edits_of_a_layer_are_made_in_the_order_given(janus):
    encoded, read = janus.encode([Prompt.of("a star")], Goal.TEXT), Read()
    width = janus.stacks["backbone"][1]
    added = [Edit(1, 0, Add(torch.ones(width))), Edit(1, 0, Replace(torch.zeros(width))), Edit(1, 0, read)]
    list(janus.states(encoded, edits=[added]))
    assert read.found[0].abs().sum() == 0
    assert isinstance(janus, Intervenes)


def test_a_picture_drawn_with_edits_is_not_drawn_again_without_them(tmp_path: Path):
    folder = tiny_janus_flow.write_checkpoint(tmp_path / "checkpoint")
    model = load_janus_flow(tiny_janus_flow.TINY, folder, device="cpu", dtype="float32")
    encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
    how = ImageSampling((1,), steps=3)
    edits = [[Edit(1, "prompt", Add(torch.ones(model.stacks["backbone"][1])))]]
    (changed,), (seen,) = model.draw(encoded, how, edits=edits), model.draw(encoded, how, edits=[[Edit(1, 0, Read())]])
    assert "edited" not in seen.replay
    for at in (0, 2):
        assert list(model.states(encoded, [changed], at=at, edits=edits))
    with pytest.raises(UsageError, match="drawn with edits"):
        list(model.states(encoded, [changed], at=1))
    assert list(model.states(encoded, [seen], at=1))


def test_where_nothing_is_run_behind_a_prompt_nothing_is_edited(tmp_path: Path):
    for files, load, said in (
        (tiny_show_o, load_show_o, "canvas"),
        (tiny_omnigen2, load_omnigen2, "'decoder'"),
    ):
        folder = files.write_checkpoint(tmp_path / files.__name__)
        model = load(files.TINY, folder, device="cpu", dtype="float32")
        encoded = model.encode([Prompt.of("a star")], Goal.IMAGE)
        with pytest.raises(UsageError, match=said):
            model.draw(encoded, ImageSampling((1,)), edits=[[Edit(0, "response", Read())]])


def test_given_pictures_stand_in_the_decoder_behind_the_words(tmp_path: Path):
    from unispect.contract import picture

    folder = tiny_omnigen2.write_checkpoint(tmp_path / "checkpoint")
    model = load_omnigen2(tiny_omnigen2.TINY, folder, device="cpu", dtype="float32")
    model = model.with_settings(drawing=dataclasses.replace(model.drawing, image_guidance=2.0, steps=1))
    encoded = model.encode([Prompt.of(picture(1, 16, 16), "redder")], Goal.IMAGE)
    (inside,) = model.inside(encoded)["decoder"]
    given = inside[-1]
    assert (given.modality, given.role) == ("image", "prompt")
    plain = model.draw(encoded, ImageSampling((1,)))
    reads = [Read(), Read()]
    edits = [
        Edit(1, "all", own, branch, "decoder")
        for own, branch in zip(reads, ("conditional", "unconditional"), strict=True)
    ]  # type: ignore[arg-type]
    assert (model.draw(encoded, ImageSampling((1,)), edits=[edits])[0].latents == plain[0].latents).all()
    *_, state = (own for own in model.decoder_states(encoded, plain, at=0) if own.layer <= 1)
    assert torch.equal(reads[0].found[0], state.rows[0])
    empty = len(model.processor.bare_ids(model.drawing.negative, chat=False))
    places = state.segments[0][-1]
    # Of the branches without the prompt, one has given pictures and one has not.
    assert sorted(map(len, reads[1].found)) == [empty + len(places), empty + len(given) + len(places)]
    at = empty + len(given) - 1  # where the branch without pictures has nothing
    with pytest.raises(UsageError, match="unconditional branch has"):
        model.draw(encoded, ImageSampling((1,)), edits=[[Edit(1, at, Read(), "unconditional", "decoder")]])


def test_the_guide_prints_what_it_says(capsys: pytest.CaptureFixture[str]):
    page = (Path(__file__).parents[3] / "docs/guide/intervene.md").read_text("utf-8")
    (code,), (printed,) = (re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("python", "text"))
    assert len(code.splitlines()) <= 30
    exec(compile(code, "docs/guide/intervene.md", "exec"), {})
    assert capsys.readouterr().out == printed
