import hashlib
import io

import pytest
from PIL import Image

from unispect.core.errors import DataError
from unispect.core.units import Record, Unit
from unispect.data.concepts.render import render
from unispect.data.concepts.world import ATTRIBUTES, Concept
from unispect.studies.judges import find_judge

judge = find_judge("rules")
CONCEPT = Concept("star", "purple", "zigzag", "top right")


def unit(kind, study="concepts"):
    return Unit(study, 1, kind, "m", {"concept": CONCEPT.values})


def png(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def stored(kind, data):
    """A record as a store gives it back, and the way to its picture."""
    sha256 = hashlib.sha256(data).hexdigest()
    return Record(unit(kind).id, blobs={"picture": sha256}), {sha256: data}.__getitem__


def text(kind, said):
    return judge(unit(kind), Record(unit(kind).id, {"text": said}), no_blob)


def no_blob(sha256):
    raise AssertionError("no picture is needed")


def test_a_drawn_picture_is_graded():
    said = judge(unit("draw"), *stored("draw", png(render(CONCEPT, 64))))
    assert (said.unit, said.judge) == (unit("draw").id, "rules")
    assert said.payload["values"] == CONCEPT.values
    assert all(0.5 <= sure <= 1 for sure in said.payload["confidence"].values())


def test_a_picture_of_nothing_has_no_values():
    said = judge(unit("draw"), *stored("draw", png(Image.new("RGB", (64, 64)))))
    assert said.payload["values"] == dict.fromkeys(ATTRIBUTES)


def test_a_picture_that_has_not_been_stored_yet_is_graded():
    record = Record(unit("draw").id, pictures={"picture": png(render(CONCEPT, 64))})
    assert judge(unit("draw"), record, no_blob).payload["values"] == CONCEPT.values


def test_what_is_no_picture_is_an_error_that_names_the_unit():
    with pytest.raises(DataError, match=unit("draw").id):
        judge(unit("draw"), *stored("draw", b"not a picture"))


def test_a_description_is_read_attribute_by_attribute():
    said = text("describe", "a red or blue star at the top left")
    assert said.payload["values"] == {"shape": "star", "color": None, "pattern": None, "position": "top left"}


@pytest.mark.parametrize(("reply", "value"), [("purple", "purple"), ("It means star.", "star"), ("red, blue", None)])
def test_a_recalled_meaning_is_one_value_or_none(reply, value):
    assert text("recall", reply).payload == {"value": value}


@pytest.mark.parametrize(
    ("of", "record"),
    [
        (unit("likelihood"), Record("", {"scores": [0.0]})),
        (unit("draw", "encoding"), Record("", {})),
        (unit("draw"), Record("", status="failed", error="x")),
    ],
)
def test_other_units_and_unfinished_records_are_not_judged(of, record):
    assert judge(of, record, no_blob) is None
