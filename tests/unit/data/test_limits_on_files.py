"""Files that are none, or larger than anything that is meant, are refused by name before they are read."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from unispect.core import texts
from unispect.core.errors import DataError
from unispect.data import images, prompts
from unispect.data.folders import picture_in
from unispect.data.images import MOST_BYTES, open_picture, stored_picture
from unispect.data.mmbench import read_mmbench
from unispect.data.posters.subjects import load_subjects
from unispect.data.prompts import load_prompts
from unispect.data.safety.sources import own_scenario


def picture(side: int = 8, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(file, kind)
    return file.getvalue()


READERS = {
    "a picture": open_picture,
    "MMBench": lambda path: list(read_mmbench(path)),
    "a list": lambda path: load_prompts(f"text:{path}"),
    "GenEval": lambda path: load_prompts(f"geneval:{path}"),
    "DPG-Bench": lambda path: load_prompts(f"dpg-bench:{path}"),
    "WISE": lambda path: load_prompts(f"wise:{path}"),
    "subjects": load_subjects,
    "a scenario": own_scenario,
}


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_is_not_waited_for(reader: str, tmp_path: Path):
    os.mkfifo(tmp_path / "x")
    with pytest.raises(DataError, match=r"x: it is a named pipe, not a file"):
        READERS[reader](tmp_path / "x")


@pytest.mark.parametrize("reader", [name for name in READERS if name != "MMBench"])  # which is read row by row
def test_a_giant_is_refused_by_its_size(reader: str, tmp_path: Path):
    with (tmp_path / "x").open("wb") as file:
        file.truncate(20 * 10**9)
    with pytest.raises(DataError, match=r"x: it holds 20,000,000,000 bytes, and at most "):
        READERS[reader](tmp_path / "x")


@pytest.mark.slow
def test_a_giant_table_without_lines_lacks_its_columns(tmp_path: Path):
    with (tmp_path / "x").open("wb") as file:
        file.truncate(20 * 10**9)
    with pytest.raises(DataError, match="lacks the columns index, image, l2-category"):
        list(read_mmbench(tmp_path / "x"))


def test_a_giant_in_a_folder_of_pictures_stops_the_plan(tmp_path: Path):
    (tmp_path / "fine.png").write_bytes(picture())
    with (tmp_path / "x.png").open("wb") as file:
        file.write(picture())
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(DataError, match=rf"x\.png: it holds {MOST_BYTES + 1:,} bytes, and at most {MOST_BYTES:,}"):
        load_prompts(f"images:{tmp_path}")
    with (tmp_path / "x.png").open("wb") as file:  # what is no picture and not called one is not read
        file.truncate(MOST_BYTES + 1)
    (tmp_path / "x.png").rename(tmp_path / "x.bin")
    assert picture_in(tmp_path / "x.bin") == ("files .bin", picture_in(tmp_path / "x.bin")[1])


def test_lines_are_counted_before_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(texts, "MAX_LINES", 3)
    (tmp_path / "a.txt").write_text("1\n2\n3\n")
    assert len(load_prompts(f"text:{tmp_path / 'a.txt'}").items) == 3
    for end in ("\n", "\r"):
        (tmp_path / "a.txt").write_bytes(f"1{end}2{end}3{end}4{end}".encode())
        with pytest.raises(DataError, match=r"a\.txt has more than 3 lines"):
            load_prompts(f"text:{tmp_path / 'a.txt'}")


def test_pixels_are_counted_before_they_are_unpacked(monkeypatch: pytest.MonkeyPatch):
    data = picture()
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("unpacked"))
    monkeypatch.setattr(images, "MOST_STORED", 63)
    with pytest.raises(DataError, match="the picture of unit 1 has 8 x 8 pixels, more than 63"):
        stored_picture(data, "the picture of unit 1")
    monkeypatch.setattr(images, "MOST_PIXELS", 63)
    with pytest.raises(DataError, match="picture it is refused: it unpacks to more than 63 pixels"):
        images.decoded(data, "it")


def test_sides_are_measured_before_they_are_unpacked(monkeypatch: pytest.MonkeyPatch):
    data = picture()
    assert images.decoded(data, "it").size == (8, 8)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("unpacked"))
    monkeypatch.setattr(images, "LONGEST_SIDE", 7)
    with pytest.raises(DataError, match="picture it is refused: of its 8 x 8 pixels, a side has more than 7; cut it"):
        images.decoded(data, "it")


def test_a_prompt_that_no_model_reads_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prompts, "MOST_CHARACTERS", 8)
    (tmp_path / "a.txt").write_text("a red sun\ta kind\n")
    with pytest.raises(DataError, match=r"a\.txt, line 1 has 9 characters, more than 8; divide it"):
        load_prompts(f"text:{tmp_path / 'a.txt'}")
    (tmp_path / "a.txt").write_text("a red su\n")
    assert len(load_prompts(f"text:{tmp_path / 'a.txt'}").items) == 1


@pytest.mark.parametrize("data", [b"", b"no picture", picture()[:50], picture(kind="BMP")], ids=["0", "1", "2", "3"])
def test_a_stored_picture_that_is_no_png_is_named(data: bytes):
    with pytest.raises(DataError, match="the picture of unit 1 cannot be read"):
        stored_picture(data, "the picture of unit 1")


def test_a_stored_picture_comes_as_it_is_stored():
    file = io.BytesIO()
    whole = Image.linear_gradient("L")
    whole.save(file, "PNG")
    found = stored_picture(file.getvalue(), "it")
    assert (found.mode, found.tobytes()) == ("L", whole.tobytes())


@pytest.mark.parametrize("size", [(5, 3), (7, 600), (300, 256)])
def test_transparent_pictures_are_put_over_white_whole(size: tuple[int, int]):
    mask = Image.linear_gradient("L").resize(size)
    clear = Image.merge("RGBA", (mask, mask.rotate(180), mask, mask))
    whole = Image.alpha_composite(Image.new("RGBA", size, "white"), clear).convert("RGB")
    file = io.BytesIO()
    clear.save(file, "PNG")
    assert images.decoded(file.getvalue(), "it").tobytes() == whole.tobytes()
