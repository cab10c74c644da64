"""Replies as records and back: what a later stage needs to run a model over prompt and reply again."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from unispect.core.errors import StoreError
from unispect.core.replies import ImageReply, Reply, TextReply
from unispect.core.units import JSON, Record
from unispect.data.images import stored_picture


def record_of(unit: str, reply: Reply) -> Record:
    """The record of one reply; a picture goes beside it as PNG."""
    if isinstance(reply, TextReply):
        payload: dict[str, JSON] = {
            "text": reply.text,
            "tokens": list(reply.tokens),
            "log_probabilities": [round(value, 6) for value in reply.log_probabilities],
            "finished": reply.finished,
        }
        return Record(unit, payload)
    content = io.BytesIO()
    reply.image.save(content, format="PNG")
    arrays = {"tokens": reply.tokens, "latents": reply.latents}
    payload = {
        "seed": reply.seed,
        **{name: None if array is None else _packed(np.asarray(array)) for name, array in arrays.items()},
        "replay": {name: _packed(v) if isinstance(v, np.ndarray) else v for name, v in reply.replay.items()},  # type: ignore[dict-item]
    }
    return Record(unit, payload, pictures={"drawn": content.getvalue()})


def reply_of(record: Record) -> Reply:
    """The reply that a record holds.

    Raises:
        StoreError: the record holds none.
    """
    payload = record.payload
    if "text" in payload:
        return TextReply(
            text=str(payload["text"]),
            tokens=tuple(cast(Sequence[int], payload["tokens"])),
            log_probabilities=tuple(cast(Sequence[float], payload["log_probabilities"])),
            finished=bool(payload["finished"]),
        )
    if "drawn" not in record.pictures:
        raise StoreError(f"record {record.unit} holds no reply")
    image = stored_picture(record.pictures["drawn"], f"the picture drawn for unit {record.unit}").convert("RGB")
    replay = cast(Mapping[str, JSON], payload["replay"])
    return ImageReply(
        image=image,
        seed=cast(int, payload["seed"]),
        tokens=_unpacked(payload["tokens"]),
        latents=_unpacked(payload["latents"]),
        replay={name: _unpacked(value) if _is_packed(value) else value for name, value in replay.items()},
    )


def _packed(array: np.ndarray) -> dict[str, JSON]:
    """An array as JSON: little-endian bytes in base64, with type and shape."""
    little = array.astype(array.dtype.newbyteorder("<"))
    return {
        "dtype": little.dtype.str,
        "shape": list(array.shape),
        "base64": base64.b64encode(little.tobytes()).decode(),
    }


def _is_packed(value: JSON) -> bool:
    return isinstance(value, Mapping) and set(value) == {"dtype", "shape", "base64"}


def _unpacked(value: JSON) -> np.ndarray | None:
    if value is None:
        return None
    packed = cast(Mapping[str, JSON], value)
    array = np.frombuffer(base64.b64decode(str(packed["base64"])), dtype=np.dtype(str(packed["dtype"])))
    native = array.astype(array.dtype.newbyteorder("="))
    return native.reshape(cast(Sequence[int], packed["shape"]))
