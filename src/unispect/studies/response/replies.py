"""Replies as records and back: what a later stage needs to run a model over prompt and reply again."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np

from unispect.core.errors import StoreError
from unispect.core.replies import ImageReply, Reply, TextReply
from unispect.core.typed import read_payload, to_json
from unispect.core.units import Record
from unispect.data.images import stored_picture
from unispect.studies.response.records import Packed, Picture, Text


def record_of(unit: str, reply: Reply) -> Record:
    """The record of one reply; a picture goes beside it as PNG."""
    if isinstance(reply, TextReply):
        said = Text(
            text=reply.text,
            tokens=list(reply.tokens),
            log_probabilities=[round(value, 6) for value in reply.log_probabilities],
            finished=reply.finished,
        )
        return Record(unit, to_json(said))
    content = io.BytesIO()
    reply.image.save(content, format="PNG")
    tokens, latents = (None if one is None else _packed(np.asarray(one)) for one in (reply.tokens, reply.latents))
    replay = {name: to_json(_packed(v)) if isinstance(v, np.ndarray) else v for name, v in reply.replay.items()}
    drawn = Picture(seed=reply.seed, tokens=tokens, latents=latents, replay=replay)
    return Record(unit, to_json(drawn), pictures={"drawn": content.getvalue()})


def reply_of(record: Record) -> Reply:
    """The reply that a record holds.

    Raises:
        StoreError: the record holds none.
    """
    if "text" in record.payload:
        said = read_payload(Text, record)
        return TextReply(said.text, tuple(said.tokens), tuple(said.log_probabilities), said.finished)
    if "drawn" not in record.pictures:
        raise StoreError(f"record {record.unit} holds no reply")
    image = stored_picture(record.pictures["drawn"], f"the picture drawn for unit {record.unit}").convert("RGB")
    drawn = read_payload(Picture, record)
    return ImageReply(
        image=image,
        seed=drawn.seed,
        tokens=drawn.tokens and _unpacked(drawn.tokens),
        latents=drawn.latents and _unpacked(drawn.latents),
        replay={name: _unpacked(Packed(**v)) if _is_packed(v) else v for name, v in drawn.replay.items()},
    )


def _packed(array: np.ndarray) -> Packed:
    little = array.astype(array.dtype.newbyteorder("<"))
    return Packed(dtype=little.dtype.str, shape=list(array.shape), base64=base64.b64encode(little.tobytes()).decode())


def _is_packed(value: object) -> bool:
    return isinstance(value, Mapping) and set(value) == {"dtype", "shape", "base64"}


def _unpacked(packed: Packed) -> np.ndarray:
    array = np.frombuffer(base64.b64decode(packed.base64), dtype=np.dtype(packed.dtype))
    return array.astype(array.dtype.newbyteorder("=")).reshape(packed.shape)
