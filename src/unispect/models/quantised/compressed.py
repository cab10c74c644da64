"""Integers of compressed-tensors (`int-quantized`, `naive-quantized`, `pack-quantized`), by its own decompression.

What was quantised how stands in the configuration; its FP8 needs no package and is read by `scaled`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from unispect.core.errors import CheckpointError
from unispect.models.quantised.tensors import Packed, Stored

METHOD = "compressed-tensors"
_READ = ("int-quantized", "naive-quantized", "pack-quantized")
_SCALES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


def compressed(stored: Stored, config: Mapping[str, Any], where: str) -> Iterator[Packed]:
    """The tensors in integers.

    Args:
        stored: the set of weights.
        config: its `quantization_config`.
        where: that stands, for messages.

    Raises:
        CheckpointError: the format is another, or what belongs to a tensor is missing or does not fit.
        MissingExtra: compressed-tensors is not installed.
    """
    roots = [key for key in stored.dtypes if key.endswith(".weight_packed")]
    roots += [key for key, kind in stored.dtypes.items() if key.endswith(".weight") and kind == "I8"]
    if config.get("quant_method") != METHOD or not roots:
        return
    from compressed_tensors.compressors import BaseCompressor  # pyright: ignore
    from compressed_tensors.compressors.format import infer_module_format  # pyright: ignore

    schemes = _schemes(config, where)
    for root in roots:
        module = root.rpartition(".")[0]
        scheme = _scheme_of(module, schemes)
        if scheme is None:
            raise stored.refused(
                root, f"is quantised, but no group of quantization_config in {where} targets it; {_AGAIN}"
            )
        kind = str(getattr(scheme.format or infer_module_format(torch.nn.Linear, scheme), "value", scheme.format))
        if kind not in _READ:
            raise stored.refused(
                root, f"is {kind!r} by {METHOD}, which is not read here; take weights of 16 bits or more"
            )
        compressor: Any = BaseCompressor.get_value_from_registry(kind)
        words = f"int{scheme.weights.num_bits} by {METHOD} ({kind})"
        names = compressor.compression_param_names(scheme)
        parts = {name: stored.needed(root, f"{module}.{name}", words) for name in names}
        rest = [f"{module}.{name}" for name in ("weight_g_idx", "input_scale", "input_zero_point")]
        scale = stored.dtypes[parts["weight_scale"]]
        if scale not in _SCALES:
            raise stored.refused(parts["weight_scale"], f"is {scale}, but must be a scale of 16 or 32 bits; {_AGAIN}")
        if rest[0] in stored.dtypes:
            raise stored.refused(
                rest[0], "says that columns were reordered, which is not read here; save without actorder"
            )
        shape = _shape(stored, parts.get("weight_shape"), root)
        _require_scale(stored, parts["weight_scale"], shape, scheme.weights)
        beside = [part for part in rest if part in stored.dtypes]
        read = _decompressed(stored, parts, compressor, scheme)
        every = (root, *(part for part in parts.values() if part != root), *beside)
        yield Packed(f"{module}.weight", shape, _SCALES[scale], words, every, read)


def _schemes(config: Mapping[str, Any], where: str) -> list[Any]:
    import pydantic
    from compressed_tensors.quantization import QuantizationConfig  # pyright: ignore

    try:
        return list(QuantizationConfig.model_validate(dict(config)).config_groups.values())
    except (pydantic.ValidationError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{where}: quantization_config is none of {METHOD} ({reason}); {_AGAIN}") from error


def _scheme_of(module: str, schemes: list[Any]) -> Any:
    """The scheme that names a module, or else one for a class of modules, of which nothing is known here."""
    from compressed_tensors.utils.match import match_name  # pyright: ignore

    named = [one for one in schemes if any(match_name(module, target) for target in one.targets)]
    classes = [one for one in schemes if {"Linear", "Embedding"} & set(one.targets)]
    return next(iter([*named, *classes]), None)


def _shape(stored: Stored, noted: str | None, root: str) -> tuple[int, ...]:
    if noted is None:
        return stored.shapes[root]
    if stored.shapes[noted] != (2,):
        raise stored.refused(noted, f"should be two numbers, and is of shape {list(stored.shapes[noted])}; {_AGAIN}")
    rows, columns = (int(n) for n in stored.read(noted).tolist())
    words = stored.shapes[root]
    if len(words) != 2 or words[0] != rows or columns < 1 or words[1] > columns:
        raise stored.refused(
            noted, f"says {[rows, columns]}, which {root!r} of shape {list(words)} cannot hold; {_AGAIN}"
        )
    return rows, columns


def _require_scale(stored: Stored, key: str, shape: tuple[int, ...], args: Any) -> None:
    found = stored.shapes[key]
    groups = shape[-1] // args.group_size if args.group_size and args.group_size > 0 else 1
    fits = {"tensor": [(), (1,)], "channel": [(shape[0], 1)], "group": [(shape[0], groups)]}
    if found not in fits.get(str(getattr(args.strategy, "value", args.strategy)), [found]):
        raise stored.refused(key, f"of shape {list(found)} is no scale of a weight of shape {list(shape)}; {_AGAIN}")


def _decompressed(stored: Stored, parts: Mapping[str, str], compressor: Any, scheme: Any) -> Any:
    def read() -> Tensor:
        return compressor.decompress({name: stored.read(part) for name, part in parts.items()}, scheme)["weight"]

    return read


_AGAIN = "fetch the checkpoint again, or take weights of 16 bits or more"
