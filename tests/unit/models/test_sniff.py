"""Files that are not what they are named after are called what they are, with what helps."""

import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from unispect.core.errors import CheckpointError
from unispect.models.shards import open_shard, save_shard
from unispect.models.sniff import what_it_is

REAL = save({"a": torch.ones(64)})


def zipped(name: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, b"x")
    return held.getvalue()


def tarred() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.safetensors"))
    return held.getvalue()


def pickled() -> bytes:
    held = io.BytesIO()
    torch.save({"a": torch.ones(2)}, held)
    return held.getvalue()


STRANGERS = {
    "empty": (b"", "empty"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3757374\n", "git lfs pull"),
    "git-annex pointer": (b"/annex/objects/SHA256E-s3--00.safetensors\n", "git annex get"),
    "web page": (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
    "error of a store": (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "web page"),
    "text of a server": (b"Entry not found", "'Entry not found'"),
    "JSON of a server": (b'{"error": "Repository not found"}', "Repository not found"),
    "zip": (zipped("model/part"), r"archive \(zip\)"),
    "tar": (tarred(), r"archive \(tar\)"),
    "gzip": (b"\x1f\x8b\x08\x00", r"archive \(gzip\)"),
    "zstd": (b"\x28\xb5\x2f\xfd\x00", r"archive \(zstd\)"),
    "xz": (b"\xfd7zXZ\x00\x00", r"archive \(xz\)"),
    "GGUF": (b"GGUF\x03\x00\x00\x00", "GGUF"),
    "Keras": (b"\x89HDF\r\n\x1a\n", "Keras"),
    "NumPy": (b"\x93NUMPY\x01\x00", "NumPy"),
    "ONNX": (b"\x08\x07\x12\x07pytorch\x1a\x03", "ONNX"),
    "never written": (bytes(4096), "zeros"),
}


@pytest.mark.parametrize("suffix", [".safetensors", ".bin", ".pth", ".ckpt"])
@pytest.mark.parametrize("kind", STRANGERS)
def test_a_stranger_is_named(tmp_path: Path, kind: str, suffix: str):
    content, said = STRANGERS[kind]
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=said) as caught:
        open_shard(path).shapes()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.safetensors", pickled(), "torch pickle"),
        ("model.safetensors", pickle.dumps({"a": 1}), "torch pickle"),
        ("model.bin", REAL, r"name it \.safetensors"),
    ],
)
def test_one_format_under_the_name_of_the_other_is_named(tmp_path: Path, name: str, content: bytes, said: str):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=said):
        open_shard(tmp_path / name).shapes()


def test_a_cut_download_says_how_much_is_missing(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(REAL[:-100])
    with pytest.raises(CheckpointError, match="100 bytes are missing"):
        open_shard(tmp_path / "model.safetensors").shapes()


def test_links_that_lead_nowhere_are_named(tmp_path: Path):
    (tmp_path / "a.safetensors").symlink_to("../.git/annex/objects/xX/SHA256E-s3--00/SHA256E-s3--00")
    (tmp_path / "b.safetensors").symlink_to("../../blobs/00")
    assert "git annex get a.safetensors" in str(what_it_is(tmp_path / "a.safetensors"))
    assert "which is not there" in str(what_it_is(tmp_path / "b.safetensors"))


@pytest.mark.parametrize(("name", "content"), [("m.safetensors", REAL), ("m.bin", pickled())])
def test_weights_are_no_strangers(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    assert what_it_is(tmp_path / name) is None
    assert open_shard(tmp_path / name).shapes()


@pytest.mark.parametrize("name", ["m.safetensors", "m.bin", "m.json"])
def test_what_would_be_waited_for_is_named(tmp_path: Path, name: str):
    os.mkfifo(tmp_path / name)
    assert "named pipe" in str(what_it_is(tmp_path / name))
    with pytest.raises(CheckpointError, match="named pipe"):
        open_shard(tmp_path / name).shapes()


def test_a_device_behind_a_link_is_no_weights(tmp_path: Path):
    (tmp_path / "m.bin").symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match="it is a device"):
        open_shard(tmp_path / "m.bin").shapes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({1: torch.ones(2)}, "something under 1, which is no name"),
        ({"a": torch.ones(2), (1, 2): torch.ones(2)}, r"something under \(1, 2\)"),
        ([torch.ones(2)], "no plain table"),
    ],
)
def test_a_pickle_with_other_keys_is_refused(tmp_path: Path, content: object, said: str):
    torch.save(content, tmp_path / "m.bin")
    with pytest.raises(CheckpointError, match=said):
        open_shard(tmp_path / "m.bin").shapes()


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (torch.zeros(1).expand(1000, 1000), "1000000 numbers, but the file holds 1 of them"),
        (torch.eye(3).to_sparse(), "no plain tensor"),
    ],
)
def test_a_pickle_holds_the_numbers_that_it_names(tmp_path: Path, tensor: torch.Tensor, said: str):
    torch.save({"a": tensor, "b": torch.ones(4)[1:3]}, tmp_path / "m.bin")
    shard = open_shard(tmp_path / "m.bin")
    assert shard.read("b").tolist() == [1, 1]
    with pytest.raises(CheckpointError, match=f"m.bin: 'a' is .*{said}"):
        shard.read("a")


def test_weights_are_never_written_through_a_link(tmp_path: Path):
    (tmp_path / "thesis").write_text("mine")
    (tmp_path / "m.safetensors").symlink_to("thesis")
    save_shard(tmp_path / "m.safetensors", {"a": torch.ones(2)})
    assert (tmp_path / "thesis").read_text() == "mine"
    assert open_shard(tmp_path / "m.safetensors").read("a").tolist() == [1, 1]


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x0580, 0x0308, 0x8B20 - 1])
def test_the_length_of_a_header_is_no_sign_of_another_format(tmp_path: Path, length: int) -> None:
    """The first bytes of safetensors are a number, which may be those of a pickle, of ONNX, of gzip."""
    whole = save({"a": torch.ones(2)}, {"format": "pt", "producer": "pytorch"})
    header = whole[8 : 8 + int.from_bytes(whole[:8], "little")]
    path = tmp_path / "model.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + header.ljust(length) + whole[8 + len(header) :])
    assert what_it_is(path) is None
    assert torch.equal(open_shard(path).read("a"), torch.ones(2))
