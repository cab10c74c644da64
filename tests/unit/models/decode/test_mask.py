"""Who sees whom, alone and in padded batches."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unispect.models.decode.mask import batched, causal, extended, open_to_all

CPU = torch.device("cpu")


def test_open_positions_are_seen_from_everywhere_and_the_rest_is_causal():
    attention_mask = open_to_all(6, [(1, 3), (4, 5)])
    for row in range(6):
        assert [column for column in range(6) if attention_mask[row, column]] == sorted({*range(row + 1), 1, 2, 4})


def test_what_follows_sees_everything_before_it():
    attention_mask = open_to_all(4, [(2, 4)])
    longer = extended(attention_mask, 7, CPU)
    assert torch.equal(longer[:4, :4], attention_mask)
    assert not longer[:4, 4:].any()
    assert torch.equal(longer[4:], causal(7)[4:])
    assert extended(None, 7, CPU) is None


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.booleans(), st.data())
def test_padding_is_seen_by_itself_alone(lengths: list[int], left: bool, data: st.DataObject):
    attention_masks = [open_to_all(n, [(0, n)]) if data.draw(st.booleans()) else None for n in lengths]
    mask = batched(attention_masks, lengths, CPU, left=left)
    longest = max(lengths)
    if mask is None:
        assert all(attention_mask is None for attention_mask in attention_masks)
        return
    assert mask.shape == (len(lengths), 1, longest, longest)
    for own, attention_mask, n in zip(mask[:, 0], attention_masks, lengths, strict=True):
        real = slice(longest - n, longest) if left else slice(n)
        assert torch.equal(own[real, real], causal(n) if attention_mask is None else attention_mask)
        rest = own.clone()
        rest[real, real] = False
        pads = torch.ones(longest, dtype=torch.bool)
        pads[real] = False
        assert torch.equal(rest, torch.diag(pads))


def test_causal_prompts_need_no_mask():
    assert batched(None, [3, 4], CPU) is None
    assert batched([None, None], [3, 4], CPU) is None
    assert batched([None, None], [4, 4], CPU, left=True) is None
    assert batched([None, None], [3, 4], CPU, left=True) is not None
