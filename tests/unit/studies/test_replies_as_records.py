import json

import numpy as np
import pytest
from PIL import Image

from unispect.core.errors import StoreError
from unispect.core.replies import ImageReply, TextReply
from unispect.core.units import Record, canonical_json
from unispect.studies.response.replies import record_of, reply_of


def stored(record):
    """As a store gives it back: payload through JSON."""
    return Record(record.unit, json.loads(canonical_json(record.payload)), pictures=record.pictures)


def test_text_comes_back():
    reply = TextReply('<script>"\ud800', (1, 2, 3), (-0.25, -1.5, 0.0), finished=False)
    assert reply_of(stored(record_of("u", reply))) == reply


@pytest.mark.parametrize("dtype", ["<i8", "<i4", "<f4", "<f2", ">f4"])
def test_pictures_come_back_with_what_replays_them(dtype):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8))
    array = (100 * rng.normal(size=(2, 3))).astype(dtype)
    reply = ImageReply(image, 7, tokens=np.arange(5), latents=array, replay={"guidance": 5.0, "noise": array})
    found = reply_of(stored(record_of("u", reply)))
    assert isinstance(found, ImageReply)
    assert found.image.tobytes() == image.tobytes()
    assert found.seed == 7
    assert np.array_equal(found.tokens, reply.tokens)
    assert np.array_equal(found.latents, array)
    assert found.latents.dtype.newbyteorder("<") == np.dtype(dtype).newbyteorder("<")
    assert found.replay["guidance"] == 5.0
    assert np.array_equal(found.replay["noise"], array)


def test_a_picture_without_tokens_comes_back_without():
    found = reply_of(stored(record_of("u", ImageReply(Image.new("RGB", (4, 4)), 1))))
    assert found.tokens is None
    assert found.latents is None


def test_a_record_without_reply_is_named():
    with pytest.raises(StoreError, match="record u holds no reply"):
        reply_of(Record("u", {"k": 3}))
