import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unispect.core.errors import DataError
from unispect.data.images import open_picture


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IEND", b"")
    )


def test_transparency_goes_over_white(tmp_path: Path):
    Image.new("RGBA", (4, 4), (255, 0, 0, 128)).save(tmp_path / "half.png")
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "none.png")
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 0, 0, 255])
    palette.putdata([0, 1])
    palette.save(tmp_path / "palette.png", transparency=0)
    assert open_picture(tmp_path / "half.png")[0].getpixel((0, 0)) == pytest.approx((255, 127, 127), abs=1)
    assert open_picture(tmp_path / "none.png")[0].getpixel((0, 0)) == (255, 255, 255)
    picture = open_picture(tmp_path / "palette.png")[0]
    assert [picture.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (0, 0, 255)]


def test_orientation_is_applied(tmp_path: Path):
    picture = Image.new("RGB", (6, 3), "blue")
    picture.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: shown upright, the picture is 3 wide and 6 high
    picture.save(tmp_path / "turned.png", exif=exif)
    upright, _ = open_picture(tmp_path / "turned.png")
    assert upright.size == (3, 6)
    assert upright.getpixel((2, 0)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_shades(tmp_path: Path):
    Image.fromarray(np.array([[0, 0x8000, 0xFFFF]], dtype=np.uint16)).save(tmp_path / "grey.png")
    picture, _ = open_picture(tmp_path / "grey.png")
    assert [picture.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0), (128, 128, 128), (255, 255, 255)]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str):
    suffix = ".tif" if mode in ("CMYK", "YCbCr") else ".png"
    Image.new("RGB", (3, 2), "white").convert(mode).save(tmp_path / f"a{suffix}")
    picture, _ = open_picture(tmp_path / f"a{suffix}")
    assert picture.mode == "RGB"
    assert picture.getpixel((1, 1)) == pytest.approx((255, 255, 255), abs=2)


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path):
    for name, side in (("big", 10_000), ("huge", 60_000)):  # above the warning limit, above the error limit
        (tmp_path / f"{name}.png").write_bytes(png_header(side, side))
        with pytest.raises(DataError, match=rf"{name}.png is refused: it unpacks to more than"):
            open_picture(tmp_path / f"{name}.png")


def test_damaged_and_foreign_files_are_named(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, size=(64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "page.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(DataError, match=r"cut.png is damaged"):
        open_picture(tmp_path / "cut.png")
    for name in ("text.png", "empty.jpg", "page.png"):
        with pytest.raises(DataError, match=rf"{name} is not a picture in a known format"):
            open_picture(tmp_path / name)
    with pytest.raises(DataError, match=r"cannot read picture .*gone.png: No such file"):
        open_picture(tmp_path / "gone.png")
