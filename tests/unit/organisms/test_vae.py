"""Autoencoders of the organisms: local, standardised, and of one frame where they could take more."""

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from torch import Tensor, nn

from unispect.models.parts.flux import FluxConfig, build_autoencoder
from unispect.models.show_o2.vae import build_vae
from unispect.organisms import vae as vae_module
from unispect.organisms.vae import Autoencoder, VAETraining, _standardise, drawn_from, means, train_vae

SCALE, SHIFT = 0.5, 0.3


def kl() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,  # type: ignore[arg-type]
        up_block_types=("UpDecoderBlock2D",) * 3,  # type: ignore[arg-type]
        block_out_channels=(8, 8, 8),  # type: ignore[arg-type]
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
    )


def flux() -> AutoencoderKL:
    """Nothing stands around its latents, which have a mean of their own."""
    return build_autoencoder(FluxConfig(base=8, multipliers=(1, 1, 1), blocks=1, channels=4, groups=4))


def wan() -> AutoencoderKLWan:
    sizes = {"base_dim": 8, "z_dim": 4, "dim_mult": [1, 1, 1], "num_res_blocks": 1}
    level = {"latents_mean": [0.0] * 4, "latents_std": [1.0] * 4}
    return build_vae({**sizes, **level, "temperal_downsample": [False, False]})


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.rand(12, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(scope="module", params=[kl, flux, wan])
def trained(request: pytest.FixtureRequest, pixels: Tensor) -> Autoencoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vae = request.param()
    train_vae(vae, SCALE, pixels, VAETraining(steps=3, batch=4), torch.Generator().manual_seed(1), shift=SHIFT)
    return vae


@pytest.mark.slow
@torch.no_grad()
def test_a_latent_sees_its_own_patch_only(trained: Autoencoder, pixels: Tensor):
    changed = pixels[:1].clone()
    changed[:, :, 8:12, 16:20] += 0.5
    difference = (means(trained, pixels[:1]) - means(trained, changed)).abs().amax(1)[0]
    own = difference[2, 4].item()
    difference[2, 4] = 0
    if isinstance(trained, AutoencoderKLWan):
        assert difference.max() < 1e-5 * own
    else:  # norms over groups of channels are taken over the whole picture, which is small here
        assert difference.max() < own
        assert difference.median() < 0.1 * own


@torch.no_grad()
def test_latents_have_the_spread_that_the_family_expects(trained: Autoencoder, pixels: Tensor):
    latents = (means(trained, pixels) - SHIFT) * SCALE
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(4), rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_bringing_latents_to_scale_leaves_the_pictures(trained: Autoencoder, pixels: Tensor):
    """Where nothing stands around the latents, what looks over the rim of the picture finds another nothing there."""

    def drawn() -> Tensor:
        latents = means(trained, pixels)
        if trained.post_quant_conv is None:
            return trained.decoder.conv_in(latents)[:, :, 1:-1, 1:-1]
        return drawn_from(trained, latents)

    before = drawn()
    _standardise(trained, pixels * 0.3, 2.0, -0.4)
    torch.testing.assert_close(drawn(), before, rtol=1e-3, atol=1e-4)
    _standardise(trained, pixels, SCALE, SHIFT)


@pytest.mark.slow
@torch.no_grad()
def test_means_are_moved_before_the_training_ends_where_that_shows(pixels: Tensor, monkeypatch: pytest.MonkeyPatch):
    """What is left for the end is what was learned since."""
    moved: list[float] = []
    monkeypatch.setattr(vae_module, "_move", lambda vae, centre, spread: moved.append(float(centre.abs().max())))
    for make, count in ((kl, 1), (flux, 2), (wan, 1)):
        moved.clear()
        with torch.enable_grad():
            train_vae(make(), SCALE, pixels, VAETraining(steps=3, batch=4), torch.Generator().manual_seed(1))
        assert len(moved) == count


def test_kernels_for_earlier_frames_stay_at_zero(trained: Autoencoder):
    """They are never told anything by pictures, and cost nothing in a compressed file."""
    deep = [m for m in trained.modules() if isinstance(m, nn.Conv3d) and m.kernel_size[0] > 1]
    assert bool(deep) == isinstance(trained, AutoencoderKLWan)
    for module in deep:
        assert not module.weight[:, :, :-1].any()
    # Those for the present do learn.
    assert all(module.weight[:, :, -1].any() for module in deep)


@torch.no_grad()
def test_one_frame_takes_the_short_way_to_the_same_numbers(pixels: Tensor):
    """Against the stock convolutions, which look at earlier frames of zeros."""
    vae = wan()
    stock = AutoencoderKLWan.from_config(vae.config)
    assert isinstance(stock, AutoencoderKLWan)
    stock.load_state_dict(vae.state_dict())
    for frames in (pixels[:2, :, None], torch.stack([pixels[:5]]).transpose(1, 2)):
        ours, theirs = (one.encode(frames, return_dict=False)[0].mean for one in (vae, stock))
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        ours, theirs = (one.decode(ours, return_dict=False)[0] for one in (vae, stock))
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
