"""The lookup-free quantiser keeps what it can of a picture, and a code sees its own patch."""

from collections import Counter

import pytest
import torch

from unispect.models.show_o.config import Half, MagvitConfig
from unispect.models.show_o.magvit import Magvit, codes_of
from unispect.organisms.autoencoder import local_masks
from unispect.organisms.lfq import LFQTraining, _turn, train_lfq


def quantiser() -> Magvit:
    half = Half(8, (1, 2, 2), (1, 1, 1))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Magvit(MagvitConfig(half, half, bits=6, groups=4))


def pictures() -> torch.Tensor:
    """Squares of 4 pixels, each of one of few colours."""
    generator = torch.Generator().manual_seed(0)
    colours = torch.tensor([[1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, -1], [1, 1, 1]]).float()
    chosen = colours[torch.randint(5, (64, 4, 4), generator=generator)].permute(0, 3, 1, 2)
    return chosen.repeat_interleave(4, 2).repeat_interleave(4, 3)


def test_turning_the_latents_changes_no_picture_and_brings_them_to_their_signs():
    vq, pixels = quantiser(), pictures()
    with torch.no_grad():
        before = vq.decoder(vq.encoder(pixels))
    _turn(vq, pixels, LFQTraining(), torch.Generator().manual_seed(1))
    with torch.no_grad():
        latents = vq.encoder(pixels)
        torch.testing.assert_close(vq.decoder(latents), before, rtol=1e-3, atol=1e-3)
    points = latents.permute(0, 2, 3, 1).flatten(0, 2)
    torch.testing.assert_close(points.mean(0), torch.zeros(6), atol=1e-3, rtol=0)
    spread = torch.cov(points.T)
    assert spread.diagonal().max().item() == pytest.approx(1, abs=0.05)
    # A turn at random keeps less of what has unit spread.
    signs = torch.where(points > 0, 1.0, -1.0)
    kept = (points - signs).square().mean()
    others = []
    for seed in range(10):
        turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(seed))).Q
        turned = points @ turn
        others.append((turned - torch.where(turned > 0, 1.0, -1.0)).square().mean())
    assert kept <= min(others)


@pytest.mark.slow
def test_pictures_are_learned_through_their_signs():
    vq, pixels = quantiser(), pictures()
    train_lfq(vq, pixels, LFQTraining(40, 100, batch=8), torch.Generator().manual_seed(1))
    with torch.no_grad():
        codes = vq.codes(pixels)
        error = (vq.decode(codes, (4, 4)) - pixels).square().mean()
    assert error < 0.25 * pixels.var()
    # Hardly any code stands for squares of two colours.
    colours = pixels[:, :, 1::4, 1::4].permute(0, 2, 3, 1).flatten(0, 2)
    owners: dict[int, Counter[tuple[float, ...]]] = {}
    for colour, code in zip(colours.tolist(), codes.flatten().tolist(), strict=True):
        owners.setdefault(code, Counter())[tuple(colour)] += 1
    alike = sum(counts.most_common(1)[0][1] for counts in owners.values())
    assert alike / len(colours) > 0.97
    assert len(owners) >= 5


def test_a_code_sees_its_own_patch_alone():
    vq = quantiser()
    for weight, mask in local_masks(vq.encoder):
        weight.data *= mask
    encoder = vq.encoder.eval()
    for module in encoder.modules():  # statistics over the whole picture are the one thing that patches share
        if isinstance(module, torch.nn.GroupNorm):
            module.forward = lambda x: x  # type: ignore[method-assign]
    pixels = pictures()[:1]
    changed = pixels.clone()
    changed[:, :, 4:8, 8:12] *= -1
    with torch.no_grad():
        moved = (encoder(pixels) != encoder(changed)).any(1)[0]
    assert moved.nonzero().tolist() == [[1, 2]]
    assert codes_of(encoder(pixels)).shape == (1, 16)
