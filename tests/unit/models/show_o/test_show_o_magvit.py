"""Codes as signs, and the convolutions between pixels and them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unispect.models.show_o.config import Half, MagvitConfig
from unispect.models.show_o.magvit import Level, Magvit, codes_of, signs_of


@pytest.fixture(scope="module")
def vq() -> Magvit:
    half = Half(8, (1, 2, 2), (2, 1, 1))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Magvit(MagvitConfig(half, half, bits=5, groups=4)).eval()


@given(st.integers(1, 13), st.data())
def test_codes_and_signs_are_each_others_inverse(bits: int, data: st.DataObject):
    codes = torch.tensor([data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=6, max_size=6))])
    latents = signs_of(codes, bits).transpose(1, 2).unflatten(2, (2, 3))
    assert torch.equal(codes_of(latents), codes)


def test_the_first_channel_is_the_most_significant_and_zero_is_negative():
    latents = torch.tensor([1e-9, 0.0, -0.0, -3.0, 5.0])[None, :, None, None]
    assert codes_of(latents).tolist() == [[0b10001]]
    assert signs_of(torch.tensor(0b10001), 5).tolist() == [1, -1, -1, -1, 1]


def test_places_are_counted_row_by_row(vq: Magvit):
    latents = torch.full((1, 2, 2, 3), -1.0)
    latents[0, 1, 0, 2] = 1.0
    latents[0, 0, 1, 0] = 1.0
    assert codes_of(latents).tolist() == [[0, 0, 1, 2, 0, 0]]


def test_pictures_need_not_be_square(vq: Magvit):
    with torch.no_grad():
        codes = vq.codes(torch.rand(2, 3, 8, 16) * 2 - 1)
        assert codes.shape == (2, 8)
        assert vq.decode(codes, (2, 4)).shape == (2, 3, 8, 16)


def test_halving_pads_to_the_right_and_below():
    level = Level(4, 4, 1, 4, "downsample")
    with torch.no_grad():
        for parameter in level.parameters():
            parameter.zero_()
        level.downsample["conv"].weight[:, :, 0, 0] = 1.0  # takes the upper left pixel alone
        picture = torch.arange(16.0).view(1, 1, 4, 4).expand(1, 4, 4, 4)
        assert level(picture)[0, 0].tolist() == [[0, 8], [32, 40]]
        level.downsample["conv"].weight.zero_()
        level.downsample["conv"].weight[:, :, 2, 2] = 1.0  # the lower right, beyond the last pixel: zero
        assert level(picture)[0, 0].tolist() == [[40, 0], [0, 0]]


def test_the_middle_attends_with_one_head(vq: Magvit):
    attention = vq.encoder.mid.attn_1
    x = torch.randn(1, 16, 2, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        hidden = attention.norm(x)
        q, k, v = (part(hidden).flatten(2)[0] for part in (attention.q, attention.k, attention.v))
        weights = (q.T @ k * 16**-0.5).softmax(-1)
        expected = x + attention.proj_out((v @ weights.T).view(1, 16, 2, 3))
        torch.testing.assert_close(attention(x), expected)
