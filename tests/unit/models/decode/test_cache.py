from functools import wraps

import pytest
import torch
from torch import nn

from unispect.models.decode.cache import KeyValueCache, kept_in


class _Older(nn.Module):
    def forward(self, hidden, attention_mask=None, past_key_values=None, **more):
        return hidden


def _renamed(forward):
    """As transformers 5.24 wraps its blocks."""

    @wraps(forward)
    def renamed(*args, **kwargs):
        return forward(*args, **kwargs)

    return renamed


class _Newer(nn.Module):
    @_renamed
    def forward(self, hidden, attention_mask=None, cache=None, **more):
        return hidden


class _Unknown(nn.Module):
    def forward(self, hidden, memory=None, **more):
        return hidden


@pytest.mark.parametrize(("block", "name"), [(_Older(), "past_key_values"), (_Newer(), "cache"), (print, "cache")])
def test_a_cache_is_given_by_the_name_a_block_takes(block, name: str):
    cache = KeyValueCache(1)
    assert kept_in(block, cache) == {name: cache}
    assert kept_in(block, None) == {}


def test_a_cache_is_not_given_to_a_block_that_would_swallow_it():
    with pytest.raises(TypeError, match=r"_Unknown.forward takes no cache; it takes self, hidden, memory, more"):
        kept_in(_Unknown(), KeyValueCache(1))


def test_what_else_a_block_says_of_its_rows_changes_nothing():
    plain, told = KeyValueCache(4), KeyValueCache(4)
    for step in range(2):
        rows = torch.full((1, 2, 2, 3), float(step))
        kept = plain.update(rows, rows + 1, 0)
        assert all(map(torch.equal, kept, told.update(rows, rows + 1, 0, {"cos": 0}, kwargs={"is_causal": True})))
    assert told.length == 4
