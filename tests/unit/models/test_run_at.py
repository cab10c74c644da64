"""Final states at some positions alone: the numbers and gradients of a whole pass, by less work."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.helpers import tiny_binding
from tests.helpers.tiny_binding import FAMILIES
from unispect.models import capture
from unispect.models.capture import run, run_at
from unispect.models.registry import load


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    with tiny_binding.known():
        yield


@pytest.mark.parametrize("family", ["janus-pro", "show-o", "harmon", "bagel", "omnigen2"])
@pytest.mark.parametrize("masked", [False, True])
def test_states_at_some_positions_are_those_of_a_whole_pass(
    family: str, masked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FAMILIES[family].write_checkpoint(tmp_path / "model")
    model: Any = load(f"tiny-random-{family}={tmp_path / 'model'}", device="cpu", dtype="float32")
    backbone = model.backbone
    weights = [own.requires_grad_() for own in backbone.parameters()]
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(3, 11, backbone.embed_tokens.weight.shape[1], generator=generator).requires_grad_()
    wanted = torch.rand(3, 11, generator=generator) < 0.3
    positions = torch.arange(3, 14)[None]
    positions = positions.expand(3, 1, 11) if family == "omnigen2" else positions
    mask = torch.ones(11, 11, dtype=torch.bool).tril(2).expand(3, 1, 11, 11) if masked else None
    rows: list[int] = []
    block = backbone.layers[-1]
    mlp = block.und.mlp if family == "bagel" else block.mlp
    plain = mlp.down_proj.forward if hasattr(mlp, "down_proj") else mlp.fc2.forward
    monkeypatch.setattr(
        mlp.down_proj if hasattr(mlp, "down_proj") else mlp.fc2,
        "forward",
        lambda own: (rows.append(own.shape[:-1].numel()), plain(own))[1],
    )

    def gradients(states: Tensor) -> list[Tensor | None]:
        loss = (states * torch.linspace(-1, 1, states.shape[1])).pow(2).sum()
        return list(torch.autograd.grad(loss, [hidden, *weights], allow_unused=True))

    expected = run(backbone, hidden, positions=positions, mask=mask)[wanted]
    found = run_at(backbone, hidden, wanted, positions=positions, mask=mask)
    assert rows == [33, int(wanted.sum())]
    assert torch.allclose(found, expected, atol=1e-6)
    for own, other in zip(gradients(found), gradients(expected), strict=True):
        assert (own is None) == (other is None)
        if own is not None and other is not None:
            assert float((own - other).norm()) <= 1e-5 * float(other.norm())


def test_a_block_that_somebody_listens_to_is_run_as_it_is(tmp_path: Path) -> None:
    FAMILIES["janus-pro"].write_checkpoint(tmp_path / "model")
    model: Any = load(f"tiny-random-janus-pro={tmp_path / 'model'}", device="cpu", dtype="float32")
    heard: list[int] = []
    model.backbone.layers[-1].register_forward_hook(lambda *_: heard.append(1))
    rows = torch.randn(1, 4, model.backbone.config.hidden_size, requires_grad=True)
    found = capture.run_at(model.backbone, rows, torch.tensor([[False, True, True, False]]))
    assert heard == [1]
    assert torch.allclose(found, run(model.backbone, rows)[0, 1:3], atol=1e-6)
