import json

import pytest
from PIL import Image

from tests.helpers.reference import need_reference
from unispect.core.errors import DataError
from unispect.data.faces.photographs import METADATA, load_photographs
from unispect.data.faces.world import Face


def row(number, **changes):
    about = {
        "gender": "male",
        "eye_color": "dark_brown",
        "hair_color": "gray_white",
        "hair_style": "long_wavy",
        "accessories": "scarf_neck_face",
        "name": f"Somebody {number}",
    }
    return {"image_name": f"face_{number:04}.png", "full_prompt": "...", "attributes": about | changes}


def folder_of(tmp_path, rows, pictures=True):
    for one in rows if pictures else []:
        Image.new("RGB", (8, 8), (len(one["attributes"]["name"]), 0, 0)).save(tmp_path / one["image_name"])
    (tmp_path / METADATA).write_text(json.dumps({"generated_faces": rows}), "utf-8")
    return tmp_path


def test_rows_come_in_the_order_of_their_pictures_with_our_words(tmp_path):
    photographs = load_photographs(folder_of(tmp_path, [row(2, accessories="none"), row(1)]))
    assert [one.id for one in photographs] == ["face_0001", "face_0002"]
    assert photographs[0].face == Face("brown", "gray white", "long wavy", "scarf around neck")
    assert photographs[1].face.accessories == "none"
    assert len(photographs[0].sha256) == 64
    assert len(load_photographs(tmp_path, limit=1)) == 1


def test_pictures_may_lie_in_a_folder_of_their_own(tmp_path):
    folder_of(tmp_path, [row(1)])
    (tmp_path / "images").mkdir()
    (tmp_path / "face_0001.png").rename(tmp_path / "images" / "face_0001.png")
    assert load_photographs(tmp_path)[0].path.parent.name == "images"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (row(2, eye_color="violet"), "row 2: face_0002.png has eye_color 'violet', which is none of green, blue"),
        (row(2, name=""), "row 2: face_0002.png has no 'name'"),
        (row(2, name="Somebody 1"), "row 2: name 'Somebody 1' is that of row 1"),
        (row(1, name="Other"), "row 2: picture 'face_0001.png' occurs twice"),
        ({**row(2), "image_name": "../face.png"}, "row 2: 'image_name' is no file name"),
    ],
)
def test_bad_rows_are_named(tmp_path, changed, said):
    folder = folder_of(tmp_path, [row(1)])
    Image.new("RGB", (8, 8)).save(folder / "face_0002.png")
    (folder / METADATA).write_text(json.dumps({"generated_faces": [row(1), changed]}), "utf-8")
    with pytest.raises(DataError) as error:
        load_photographs(folder)
    assert said in str(error.value)


def test_every_bad_row_is_counted(tmp_path):
    rows = [row(number, hair_style="bald") for number in range(1, 16)]
    with pytest.raises(DataError, match=r"row 10: .*and 5 more rows"):
        load_photographs(folder_of(tmp_path, rows))


def test_missing_pictures_and_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"face_0001\.png is neither in the folder"):
        load_photographs(folder_of(tmp_path, [row(1)], pictures=False))
    with pytest.raises(DataError, match=METADATA):
        load_photographs(tmp_path / "nowhere")
    (tmp_path / METADATA).write_text("{", "utf-8")
    with pytest.raises(DataError, match="no JSON"):
        load_photographs(tmp_path)
    (tmp_path / METADATA).write_text("[]", "utf-8")
    with pytest.raises(DataError, match="generated_faces"):
        load_photographs(tmp_path)


def test_the_published_metadata_is_read_whole(tmp_path):
    text = (need_reference("modal_aphasia") / "face_metadata.json").read_text("utf-8")
    rows = json.loads(text)["generated_faces"]
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    data = (tmp_path / "one.png").read_bytes()
    for one in rows:
        (tmp_path / one["image_name"]).write_bytes(data)
    (tmp_path / METADATA).write_text(text, "utf-8")
    photographs = load_photographs(tmp_path)
    assert len({one.face for one in photographs}) == len(photographs) == 600
