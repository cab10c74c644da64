"""Positions, masks and routes of blocks, and what guidance leaves of a prompt."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unispect.models.bagel.backbone import Routes
from unispect.models.bagel.layout import Block, Kind, lay_out, without_last_text, without_pictures
from unispect.models.decode.prefix import BLOCK

KINDS: tuple[Kind, ...] = ("text", "seen", "kept", "noise")


def blocks_of(*shapes: tuple[Kind, int], fixed: tuple[int, ...] = ()) -> list[Block]:
    found: list[Block] = []
    for i, (kind, length) in enumerate(shapes):
        found.append(Block(kind, found[-1].stop if found else 0, length, (1, length - 2), fixed=i in fixed))
    return found


shapes = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(3, 6)), min_size=1, max_size=6)


@given(shapes)
def test_what_a_row_sees_is_told_by_its_block(shapes: list[tuple[Kind, int]]):
    """The rule row by row, against the mask made of spans."""
    blocks = blocks_of(*shapes)
    layout = lay_out(blocks)
    owner = [i for i, block in enumerate(blocks) for _ in range(block.length)]
    attention_mask = layout.attention_mask
    if attention_mask is None:
        assert all(kind == "text" for kind, _ in shapes)
        attention_mask = torch.ones(len(layout), len(layout), dtype=torch.bool).tril()
    for row, mine in enumerate(owner):
        for other, theirs in enumerate(owner):
            if mine == theirs:
                expected = blocks[mine].kind != "text" or other <= row
            else:
                expected = theirs < mine and blocks[theirs].kind != "noise"
            assert bool(attention_mask[row, other]) == expected


@given(shapes)
def test_a_picture_takes_one_position_and_noise_none(shapes: list[tuple[Kind, int]]):
    blocks = blocks_of(*shapes)
    layout, counter = lay_out(blocks), 0
    for block in blocks:
        own = layout.positions[block.start : block.stop]
        if block.kind == "text":
            assert own.tolist() == list(range(counter, counter + block.length))
        else:
            assert own.tolist() == [counter] * block.length
        counter += {"text": block.length, "noise": 0}.get(block.kind, 1)
        # Markers pass through the weights of text, whatever stands between them.
        latents = layout.drawn[block.start : block.stop].tolist()
        inner = block.kind in ("kept", "noise")
        assert latents == [False, *[inner] * (block.length - 2), False]
    assert layout.following == counter


def test_an_empty_prompt_has_no_rows():
    layout = lay_out(())
    assert (len(layout), layout.following, layout.attention_mask) == (0, 0, None)


SYSTEM, SAID, SEEN = ("text", 5), ("text", 4), ("seen", 3)


@pytest.mark.parametrize(
    ("shapes", "fixed", "textless", "pictureless"),
    [
        ((SAID,), (), [], [0]),
        ((SYSTEM, SAID), (0,), [0], [0, 1]),
        ((SEEN, SAID), (), [0], [1]),
        ((SAID, SEEN, SAID), (), [0, 1], [0, 2]),
        ((SYSTEM, SEEN, SAID), (0,), [0, 1], [0, 2]),
        # Behind a picture there is no text to take away.
        ((SAID, SEEN), (), [0, 1], [0]),
        ((SAID, SAID), (), [0], [0, 1]),
        ((SYSTEM,), (0,), [], [0]),
    ],
)
def test_what_guidance_leaves_of_a_prompt(shapes, fixed, textless, pictureless):
    blocks = blocks_of(*shapes, fixed=fixed)
    assert [blocks.index(own) for own in without_last_text(blocks)] == textless
    assert [blocks.index(own) for own in without_pictures(blocks)] == pictureless


@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=9))
def test_rows_come_back_from_both_sets_where_they_were(flags: list[list[bool]]):
    drawn = torch.tensor(flags)
    routes = Routes.of(drawn)
    if routes is None:
        assert not drawn.any()
        return
    rows = torch.arange(drawn.numel() * 2.0).view(*drawn.shape, 2)
    und, gen = routes.split(rows)
    assert set(und[:, 0].tolist()) == set(rows[~drawn][:, 0].tolist())
    assert set(gen[:, 0].tolist()) == set(rows[drawn][:, 0].tolist())
    assert all(len(part) >= BLOCK or len(part) == 0 for part in (und, gen))
    assert torch.equal(routes.scatter_back(und, gen, drawn.shape), rows)
