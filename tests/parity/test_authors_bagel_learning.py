"""The authors' training pass: several samples of text and pictures, seen, clean and noised, in one pass each."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.helpers.bagel_reference import Fixture, Group, all_states, close, read_fixture, read_model
from unispect.models.bagel.context import Context, picture_blocks, states_behind
from unispect.models.bagel.layout import Kind
from unispect.models.bagel.model import Bagel
from unispect.models.bagel.processing import PLACE
from unispect.models.decode.flow import shifted
from unispect.models.parts.flux import latents_of
from unispect.models.processing.tokenizer import plain

KINDS: dict[str, Kind] = {"vae_clean": "kept", "vae_noise": "noise"}


@pytest.fixture(scope="module")
def fixture() -> Iterator[Fixture]:
    yield from read_fixture()


@pytest.fixture(scope="module")
def model(fixture: Fixture) -> Bagel:
    return read_model(fixture)


class Pass:
    """The samples of the case as sequences, with what is supervised in them."""

    def __init__(self, model: Bagel, fixture: Fixture, group: Group) -> None:
        self.model, self.fixture, self.group = model, fixture, group
        self.pictures = iter(zip(group("padded_latent"), group("latent_shapes").tolist(), strict=True))
        self.noise = group("draw_1")
        self.labels: list[int] = []
        self.asked: list[tuple[int, int]] = []  # sample, row whose next token is supervised
        self.velocities: list[Tensor] = []
        self.drawn: list[tuple[int, int, int]] = []  # sample, first and last row of noised latents
        self.sequences = [self._sequence(i, items) for i, items in enumerate(group.args["samples"])]

    def _sequence(self, number: int, items: Sequence[Sequence]) -> Context:
        own = Context.of(self.model.token_rows([PLACE])[:0], ())
        for kind, what, *rest in items:
            start = len(own.rows)
            if kind == "text":
                special = self.model.processor.special
                ids = [special.start, *plain(self.model.processor.tokenizer, what).ids, special.end]
                own = own.followed_by(self.model.token_rows(ids), "text")
                if rest[0]:
                    self.labels += ids[1:]
                    self.asked += [(number, start + i) for i in range(len(ids) - 1)]
            elif kind == "vit":
                pixels = self.model.processor.seen.pixels(self.fixture.picture(what))
                start_row, end_row = self.model.markers()
                rows = self.model.network.seen_rows(pixels[None])[0]
                own = own.followed_by(torch.cat([start_row[None], rows, end_row[None]]), "seen")
            else:
                own = self._latents(own, number, KINDS[kind], rest[0] if rest else float("-inf"))
        return own

    def _latents(self, own: Context, number: int, kind: Kind, raw: float) -> Context:
        network = self.model.network
        padded, (rows, columns) = next(self.pictures)
        patch = network.config.patch
        clean = network.tokens(padded[None, :, : rows * patch, : columns * patch])
        noise, self.noise = self.noise[: rows * columns][None], self.noise[rows * columns :]
        time = shifted(torch.tensor([raw]).sigmoid(), self.group.args["timestep_shift"])
        mixed = network.latents((1 - time) * clean + time * noise, (rows, columns))
        block, _, grid = picture_blocks(self.model.network, self.model.markers(), mixed, time)
        if kind == "noise":
            self.velocities.append((noise - clean)[0])
            self.drawn.append((number, len(own.rows) + 1, len(own.rows) + 1 + rows * columns))
        return own.followed_by(block[0], kind, grid)


@pytest.fixture(scope="module")
def one_pass(model: Bagel, fixture: Fixture) -> Pass:
    with torch.no_grad():
        return Pass(model, fixture, fixture.need("train_forward"))


@torch.no_grad()
def test_latents_of_the_pass_are_the_authors(model: Bagel, fixture: Fixture):
    """Pictures of several sizes are padded before they are encoded, which changes their latents."""
    group = fixture.need("train_forward")
    ours = latents_of(model.network.vae, group("padded_pixels"), group("draw_0"))
    close("train_forward.padded_latent", ours, group("padded_latent"))


@torch.no_grad()
def test_the_pass_holds_the_authors_states(model: Bagel, one_pass: Pass):
    group, sequences = one_pass.group, one_pass.sequences
    lengths = [len(own.rows) for own in sequences]
    assert lengths == group("sample_lens").tolist()
    assert torch.cat([own.layout.positions for own in sequences]).tolist() == group("packed_position_ids").tolist()
    drawn = torch.cat([own.layout.drawn for own in sequences]).nonzero().flatten()
    assert drawn.tolist() == group("packed_vae_token_indexes").tolist()
    for i, own in enumerate(sequences):
        assert own.layout.attention_mask is not None
        assert torch.equal(own.layout.attention_mask, group(f"mask_allowed_{i}").bool())
    close("train_forward.inputs_embeds", torch.cat([own.rows for own in sequences]), group("inputs_embeds"))
    states = torch.cat([all_states(model, own) for own in sequences], dim=1)
    close("train_forward.hidden_states", states, group("hidden_states"))


@torch.no_grad()
def test_the_pass_has_the_authors_losses(model: Bagel, one_pass: Pass):
    """All samples in one batch, padded."""
    group, network = one_pass.group, model.network
    lengths = [len(own.rows) for own in one_pass.sequences]
    padded = states_behind(model.network, one_pass.sequences)
    final = [own[:length] for own, length in zip(padded, lengths, strict=True)]
    close("train_forward.final_norm", torch.cat(final), group("final_norm"))
    begins = torch.tensor([0, *lengths]).cumsum(0)
    assert [int(begins[i]) + row for i, row in one_pass.asked] == group("ce_loss_indexes").tolist()
    assert one_pass.labels == group("packed_label_ids").tolist()
    logits = network.lm_head(torch.stack([final[i][row] for i, row in one_pass.asked]))
    told = F.cross_entropy(logits, torch.tensor(one_pass.labels), reduction="none")
    close("train_forward.ce", told, group("ce"))
    found = [network.exit(final[i][start:stop]) for i, start, stop in one_pass.drawn]
    indexes = [int(begins[i]) + row for i, start, stop in one_pass.drawn for row in range(start, stop)]
    assert indexes == group("mse_loss_indexes").tolist()
    wanted = torch.cat(one_pass.velocities)
    close("train_forward.mse", (torch.cat(found) - wanted).square(), group("mse"))
    assert all(a < b for a, b in pairwise(begins.tolist()))
