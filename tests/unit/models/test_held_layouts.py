"""The layouts in which people hold checkpoints, by folder, by file and by hub id: read as one file is, or refused."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.checkpoint_layouts import READ, REFUSED, Held, cut, taken, write
from tests.helpers.loopback_hub import LoopbackHub, loopback_hub
from tests.helpers.odd_checkpoints import FAMILIES
from unispect.core.errors import CheckpointError

BY_DAY = "bagel"
"""The family whose derivatives people hold most, in every layout by day; the others at night."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny checkpoint, made once."""
    place = tmp_path_factory.mktemp("good")

    def made(family: str) -> Path:
        folder = place / family
        return folder if folder.is_dir() else FAMILIES[family][0].write_checkpoint(folder)

    return made


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    with loopback_hub(monkeypatch, tmp_path / "cache") as found:
        yield found


def opened(family: str, source: str | Path) -> Any:
    tiny, load = FAMILIES[family]
    return load(tiny.TINY, source, device="cpu")


def made(layout: Held, good: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(good, tmp_path / "held"))
    layout.make(folder)
    return folder


def same(one: Any, other: Any) -> bool:
    theirs = other.network.state_dict()
    return all(torch.equal(ours, theirs[name]) for name, ours in one.network.state_dict().items())


def held(layout: Held, family: str, good: Path, hub: LoopbackHub, tmp_path: Path) -> None:
    """Holds a layout of a family to what one file of it gives."""
    folder = made(layout, good, tmp_path)
    repository = hub.put("owner/name", folder)
    if layout.refused:
        for source in (folder, repository):
            with pytest.raises(CheckpointError) as caught:
                opened(family, source)
            assert layout.refused in str(caught.value)
        assert not any(name.endswith((".safetensors", ".gguf", ".distcp")) for name in hub.fetched)
        return
    before = opened(family, good)
    found = opened(family, repository)
    assert found.card.revision == hub.commit(repository)
    named = [f"{repository}/{layout.file}", folder / layout.file] if layout.file else []
    assert all(same(one, before) for one in (found, opened(family, folder), *(opened(family, name) for name in named)))


@pytest.mark.parametrize("layout", [*READ, *REFUSED], ids=lambda layout: layout.name)
def test_a_layout_of_bagel(layout: Held, good: Callable[[str], Path], hub: LoopbackHub, tmp_path: Path):
    held(layout, BY_DAY, good(BY_DAY), hub, tmp_path)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != BY_DAY])
def test_parts_of_every_family_by_hub_id(family: str, good: Callable[[str], Path], hub: LoopbackHub, tmp_path: Path):
    folder = made(READ[1], good(family), tmp_path)
    assert same(opened(family, hub.put("owner/name", folder)), opened(family, good(family)))


@pytest.mark.nightly("tests/unit/models/test_held_layouts.py::test_a_layout_of_bagel")
@pytest.mark.parametrize("layout", [*READ, *REFUSED], ids=lambda layout: layout.name)
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != BY_DAY])
def test_a_layout_of_every_family(
    family: str, layout: Held, good: Callable[[str], Path], hub: LoopbackHub, tmp_path: Path
):
    held(layout, family, good(family), hub, tmp_path)


def test_published_parts_of_bagel_come_with_its_autoencoder_by_hub_id(
    good: Callable[[str], Path], hub: LoopbackHub, tmp_path: Path
):
    """As derivatives are published: weights in parts, the autoencoder as `ae.safetensors`."""
    folder = made(READ[0], good(BY_DAY), tmp_path)
    before = opened(BY_DAY, folder)

    own = taken(folder)
    write(folder / "ae.safetensors", {key[4:]: value for key, value in own.items() if key.startswith("vae.")})
    write(folder / "model.safetensors", {key: value for key, value in own.items() if not key.startswith("vae.")})
    cut(folder)
    found = opened(BY_DAY, hub.put("owner/name", folder))
    assert same(found, before)
    assert "ae.safetensors" in dict(found.card.files)


def test_parts_of_omnigen2_in_folders_by_hub_id(good: Callable[[str], Path], hub: LoopbackHub, tmp_path: Path):

    folder = made(READ[0], good("omnigen2"), tmp_path)
    before = opened("omnigen2", folder)
    own = taken(folder)
    for part in ("mllm", "transformer", "vae"):
        inner = {key[len(part) + 1 :]: value for key, value in own.items() if key.startswith(f"{part}.")}
        write(folder / part / "diffusion_pytorch_model.safetensors", inner)
    write(folder / "mllm" / "tuned.safetensors", {"x": torch.ones(1)})
    repository = hub.put("owner/name", folder)
    assert same(opened("omnigen2", repository), before)
    assert same(opened("omnigen2", f"{repository}/mllm/diffusion_pytorch_model.safetensors"), before)
    assert "mllm/tuned.safetensors" not in hub.fetched
