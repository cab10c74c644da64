"""The files of a set of weights, with what is quantised in them read as the floats that it stands for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unispect.core.errors import CheckpointError
from unispect.models.json_file import read_json
from unispect.models.ledger import FileLedger
from unispect.models.quantised.ao import ao
from unispect.models.quantised.bnb import eight_bits, four_bits
from unispect.models.quantised.compressed import compressed
from unispect.models.quantised.gguf_file import GgufShard
from unispect.models.quantised.methods import SECTIONS, require_no_dfloat11, require_read
from unispect.models.quantised.scaled import markers, scaled
from unispect.models.quantised.tensors import Dequantised, Packed, Stored
from unispect.models.shards import FLOATS, Shard

_CONFIGURATIONS = ("config.json", "llm_config.json")
_BYTES = ("F8_", "float8", "I8", "U8", "int8", "uint8")
"""Beginnings of names of dtypes of eight bits."""
_LEFT = (".weight_scale", ".scale_weight", ".weight_scale_inv")


def dequantised(shards: Sequence[Shard], name: str, ledger: FileLedger) -> list[Shard]:
    """Files of weights in which quantised tensors read as floats, one by one; as they are where none is quantised.

    How weights were quantised is noted in the ledger, and so comes to stand on the model's card.

    Args:
        shards: the files of one set of weights.
        name: of the set, for the note.
        ledger: of the folder, whose configuration says how they were quantised.

    Raises:
        CheckpointError: the quantisation is not read, or what belongs to a tensor is missing or does not fit; names
            file, tensor and what to do, before any large tensor is read.
        MissingExtra: the package that owns the format is not installed.
    """
    stored = Stored(shards)
    where, config = _config(ledger)
    require_no_dfloat11(stored.dtypes, {key: shard.path for key, shard in stored.holder.items()})
    found: dict[str, Packed] = {}
    taken: dict[str, str] = {}
    for one in _packed(stored, config, where):
        for part in one.parts:
            if part in taken and taken[part] != one.key:
                raise stored.refused(part, f"belongs to {taken[part]!r} and to {one.key!r}; fetch the checkpoint again")
            taken[part] = one.key
        found[one.key] = one
    _require_none_left(stored, taken, quantised=bool(found))
    schemes = Counter(one.scheme for one in found.values())
    numbers = sum(math.prod(one.shape) for one in found.values())
    for shard in shards:
        for key, kind in shard.dtypes().items() if isinstance(shard, GgufShard) else ():
            if kind not in FLOATS:
                schemes[f"{kind} of GGUF"] += 1
                numbers += math.prod(shard.shapes()[key])
    if not schemes:
        if config:
            raise CheckpointError(
                f"{where}: quantization_config says that the weights are quantised, and no tensor of {name} is; take "
                "the section out of the file if they are as they were before"
            )
        return list(shards)
    hidden = frozenset({*taken, *markers(stored)})
    whole = [Dequantised(shard, _of(shard, found), hidden) if found else shard for shard in shards]
    total = sum(math.prod(shape) for shard in whole for shape in shard.shapes().values())
    ways = ", ".join(f"{count} {'tensors' if count > 1 else 'tensor'} in {way}" for way, count in schemes.most_common())
    ledger.note(
        f"The weights are quantised ({name}): {ways}, {numbers / total:.0%} of their numbers. They were dequantised "
        "while loading; activations are not quantised."
    )
    return whole


def _packed(stored: Stored, config: Mapping[str, Any], where: str) -> Iterator[Packed]:
    yield from four_bits(stored)
    yield from eight_bits(stored)
    parts: set[str] = set()
    for one in ao(stored):
        parts |= {*one.parts}
        yield one
    yield from compressed(stored, config, where)
    if not parts:  # parts of torchao's are 8-bit floats with scales of their own
        yield from scaled(stored, config)


def _of(shard: Shard, found: Mapping[str, Packed]) -> dict[str, Packed]:
    own = shard.shapes()
    return {key: one for key, one in found.items() if one.parts[0] in own}


def _config(ledger: FileLedger) -> tuple[str, Mapping[str, Any]]:
    """Where a folder's configuration says that its weights are quantised, and how; empty where it does not.

    Raises:
        CheckpointError: in a way that is not read.
    """
    for name in _CONFIGURATIONS:
        path = ledger.folder / name
        content = read_json(path) if path.is_file() else {}
        for inner in (content, *(value for value in content.values() if isinstance(value, dict))):
            for key in SECTIONS:
                if inner.get(key):
                    require_read(key, inner[key], str(path))
                    ledger.read(path)
                    return str(path), inner[key]
    return "", {}


def _require_none_left(stored: Stored, taken: Mapping[str, str], *, quantised: bool) -> None:
    """Refuses weights of eight bits that no format claims, and scales that scale nothing."""
    for key, kind in stored.dtypes.items():
        if key in taken or isinstance(stored.holder[key], GgufShard):
            continue
        if key.endswith(".weight") and kind.startswith(_BYTES):
            raise stored.refused(
                key,
                f"is {kind} without what it takes to make it floats (bitsandbytes: SCB; compressed-tensors: "
                "weight_scale, and quantization_config in config.json); fetch the checkpoint again, or take weights of "
                "16 bits or more",
            )
        if quantised and key.endswith(_LEFT):
            weight = f"{key.rpartition('.')[0]}.weight"
            what = f"is {stored.dtypes[weight]}" if weight in stored.dtypes else "is missing"
            raise stored.refused(key, f"is a scale, but {weight!r} {what}; fetch the checkpoint again")
