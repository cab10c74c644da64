"""A tiny BAGEL as `save` leaves it, and what its linear layers are."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.helpers import tiny_bagel
from unispect.core.cards import ModelCard
from unispect.models.bagel.folder import load
from unispect.models.bagel.folder import save as write


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Tensor]:
    """Name -> tensor of a tiny BAGEL of 64 channels, so that rows fill blocks of 32 and 64."""
    folder = tiny_bagel.write_checkpoint(tmp_path_factory.mktemp("plain"), hidden=64)
    return load_file(folder / "model.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_bagel.write_files(tmp_path, hidden=64)


@pytest.fixture
def linear() -> Callable[[str, Tensor], bool]:
    """A tensor is the weight of a linear layer of the language model."""
    return lambda key, tensor: key.startswith("language_model.model.layers") and tensor.ndim == 2


@pytest.fixture
def save(folder: Path) -> Callable[..., Path]:
    def saved(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> Path:
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / "model.safetensors", metadata)
        return folder

    return saved


@pytest.fixture
def landed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], tuple[ModelCard, Mapping[str, Tensor]]]:
    """The card of the model that the folder loads as in float32, and what stands in it under published names."""

    def loaded() -> tuple[ModelCard, Mapping[str, Tensor]]:
        model = load(tiny_bagel.TINY, folder, device="cpu", dtype="float32")
        path = tmp_path_factory.mktemp("landed") / "model.safetensors"
        write(model, path)
        return model.card, load_file(path)

    return loaded
