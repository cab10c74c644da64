"""Trained folders that are kept as differences: what comes back is what was put in, to the byte."""

import json
import zlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from unispect.core.errors import CheckpointError
from unispect.train import kept

NAME = "model.safetensors"


def folder(path: Path, tensors: dict[str, torch.Tensor], **texts: str) -> Path:
    (path / "inner").mkdir(parents=True)
    save_file(tensors, str(path / NAME), metadata={"format": "pt"})
    (path / "inner" / "preprocessor.json").write_text("{}")
    for name, text in texts.items():
        (path / f"{name}.json").write_text(text)
    return path


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "same": torch.randn(64, 64, generator=generator).half(),
        "learned": torch.randn(64, 64, generator=generator).half(),
        "shape": torch.randn(3, generator=generator).half(),
        "number": torch.tensor(1.5).half(),
    }


@pytest.fixture
def base(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    return folder(tmp_path / "base", tensors, config='{"a": 1}')


@pytest.fixture
def trained(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    """In another precision, with what no arithmetic brings back: a negative zero, a NaN's own bits, a subnormal."""
    now = {name: tensor.float() for name, tensor in tensors.items()}
    now["learned"] = now["learned"] + 1e-3 * torch.randn(64, 64, generator=torch.Generator().manual_seed(1))
    now["learned"][0, 0], now["learned"][0, 1] = -0.0, 1e-42
    now["learned"].view(torch.int32)[0, 2] = 0x7FC01234
    now["shape"] = torch.arange(5.0)
    now["new"] = torch.arange(4)
    found = folder(tmp_path / "trained", now, config='{"a": 1}', taught='{"seed": 0}')
    (found / "training").mkdir()
    (found / "training" / "metrics.jsonl").write_text("what a training itself leaves")
    return found


def test_what_comes_back_is_the_same_bytes(tmp_path: Path, base: Path, trained: Path):
    place = tmp_path / "place"
    digest = kept.keep(trained, base, place)
    assert digest == kept.digest_of(trained)
    kept.restore(digest, base, place, tmp_path / "back" / digest)
    names = {path.relative_to(trained) for path in trained.rglob("*") if path.is_file()}
    back = {path.relative_to(tmp_path / "back" / digest) for path in (tmp_path / "back").rglob("*") if path.is_file()}
    assert back == {name for name in names if name.parts[0] != "training"}
    for name in back:
        assert (tmp_path / "back" / digest / name).read_bytes() == (trained / name).read_bytes(), name


def test_what_is_as_it_was_before_takes_no_room(tmp_path: Path, base: Path, trained: Path):
    place = tmp_path / "place"
    stored = load_file(str(kept.path_of(place, kept.keep(trained, base, place))))
    assert set(stored) == {"file:taught.json", "tensor:learned", "tensor:shape", "tensor:new"}
    whole = kept.path_of(tmp_path / "whole", kept.keep(trained, None, tmp_path / "whole"))
    assert whole.stat().st_size > 1.5 * kept.path_of(place, kept.digest_of(trained)).stat().st_size
    kept.restore(kept.digest_of(trained), None, tmp_path / "whole", tmp_path / "back")
    assert (tmp_path / "back" / NAME).read_bytes() == (trained / NAME).read_bytes()


def test_the_same_is_kept_once_and_the_digest_says_all_that_loads(tmp_path: Path, base: Path, trained: Path):
    place = tmp_path / "place"
    digest = kept.keep(trained, base, place)
    before = kept.path_of(place, digest).stat().st_mtime_ns
    assert kept.keep(trained, base, place) == digest
    assert kept.path_of(place, digest).stat().st_mtime_ns == before
    (trained / "training" / "metrics.jsonl").write_text("another")
    assert kept.digest_of(trained) == digest
    (trained / "taught.json").write_text('{"seed": 1}')
    assert kept.digest_of(trained) != digest


def test_another_base_or_a_damaged_file_is_refused_and_leaves_nothing(tmp_path: Path, base: Path, trained: Path):
    place = tmp_path / "place"
    digest = kept.keep(trained, base, place)
    weights = load_file(str(base / NAME))
    save_file({**weights, "same": weights["same"] + 1}, str(base / NAME))
    with pytest.raises(CheckpointError, match="not a difference from"):
        kept.restore(digest, base, place, tmp_path / "back")
    path = kept.path_of(place, digest)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="delete it, and the training is carried out again"):
        kept.restore(digest, base, place, tmp_path / "back")
    path.unlink()
    with pytest.raises(CheckpointError, match="cannot be put together"):
        kept.restore(digest, base, place, tmp_path / "back")
    assert not [*tmp_path.glob("*back*"), *tmp_path.glob(".back*")]


def test_a_file_of_somebody_else_is_no_kept_one(tmp_path: Path, base: Path):
    place = tmp_path / "place"
    place.mkdir()
    data = torch.tensor(list(zlib.compress(b"x")), dtype=torch.uint8)
    for metadata in ({}, {"kept": "[]"}, {"kept": json.dumps({"files": {"../out": "x"}, "tensors": {}})}):
        save_file({"file:../out": data}, str(kept.path_of(place, "x")), metadata=metadata)
        with pytest.raises(CheckpointError):
            kept.restore("x", base, place, tmp_path / "back")
    assert not (tmp_path / "out").exists()
