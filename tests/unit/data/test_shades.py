"""Black is black and white is white, whatever the samples of a file are; what it does not say is not guessed."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from unispect.core.errors import DataError
from unispect.data.images import decoded

RAMP = np.linspace(0, 1, 256).reshape(16, 16)
SAMPLE_FORMAT, LEAST, MOST, PHOTOMETRIC = 339, 340, 341, 262


def file_of(values: np.ndarray, form: str = "TIFF", **tags) -> bytes:
    content = io.BytesIO()
    named = {int(tag.removeprefix("tag_")): value for tag, value in tags.items()}
    Image.fromarray(values).save(content, form, **({"tiffinfo": named} if named else {}))
    return content.getvalue()


def png(depth: int, colours: int, values: np.ndarray, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG as the standard has it: samples of 16 bits, and chunks before the pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def shades(data: bytes) -> list[int]:
    """The first, the middle and the last of a grey picture's shades."""
    found = np.asarray(decoded(data, "a"))
    assert (found == found[..., :1]).all()
    return [int(found.reshape(-1, 3)[place, 0]) for place in (0, len(found.reshape(-1, 3)) // 2, -1)]


def tiff_of_12_bits(values: list[int]) -> bytes:
    """Two samples in three bytes, from the left."""
    pairs = zip(values[::2], values[1::2], strict=True)
    packed = b"".join(bytes((a >> 4, (a & 15) << 4 | b >> 8, b & 255)) for a, b in pairs)
    tags = [(256, 4, len(values)), (257, 4, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    tags += [(278, 4, 1), (279, 4, len(packed))]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    at = 8 + len(packed) + len(packed) % 2
    return (
        b"II*\0"
        + struct.pack("<I", at)
        + packed.ljust(at - 8, b"\0")
        + struct.pack("<H", len(tags))
        + entries
        + bytes(4)
    )


def pnm(kind: str, most: int, values: np.ndarray, note: str = "") -> bytes:
    return f"P{kind}\n{note}{values.shape[1]} {values.shape[0]}\n{most}\n".encode() + values.astype(">u2").tobytes()


RIGHT = {
    "floats from 0 to 1": file_of(RAMP.astype("float32")),
    "floats whose range is said": file_of((RAMP * 2 - 1).astype("float32"), tag_340=-1.0, tag_341=1.0),
    "whole numbers of 32 bits whose range is said": file_of((RAMP * 255).astype("int32"), tag_340=0, tag_341=255),
    "16 bits": file_of((RAMP * 65535).astype("uint16")),
    "16 bits, the other byte first": file_of((RAMP * 65535).astype(">u2")),
    "12 in 16 bits, as is said": file_of((RAMP * 4095).astype("uint16"), tag_341=4095),
    "12 bits": tiff_of_12_bits([0, 2048, 2048, 4095]),
    "PNG of 16 bits": png(16, 0, RAMP * 65535),
    "PNG of 12 bits, scaled up": png(16, 0, (RAMP * 4095).astype(int) << 4, (b"sBIT", b"\x0c")),
    "PNG of 12 bits, filled up": png(
        16, 0, ((RAMP * 4095).astype(int) << 4) | ((RAMP * 4095).astype(int) >> 8), (b"sBIT", b"\x0c")
    ),
    "PNG of 12 bits, not scaled": png(16, 0, (RAMP * 4095).astype(int), (b"sBIT", b"\x0c")),
    "PNG of 16 bits in colour": png(16, 2, np.repeat((RAMP * 65535)[..., None], 3, 2)),
    "PNG of 16 bits with alpha": png(16, 4, np.stack([RAMP * 65535, np.full_like(RAMP, 65535)], 2)),
    "JPEG 2000 of 16 bits": file_of((RAMP * 65535).astype("uint16"), "JPEG2000"),
    "PGM of 12 bits": pnm("5", 4095, RAMP * 4095, "# from a camera\n"),
    "PGM of 16 bits": pnm("5", 65535, RAMP * 65535),
}


@pytest.mark.parametrize("data", RIGHT.values(), ids=RIGHT)
def test_samples_of_many_bits_keep_their_shades(data: bytes) -> None:
    black, grey, white = shades(data)
    assert (black, white) == (0, 255)
    assert abs(grey - 128) <= 1


def test_white_may_be_zero() -> None:
    for values in (RAMP * 65535).astype("uint16"), (RAMP * 255).astype("uint8"), RAMP.astype("float32"):
        data = file_of(values, tag_262=0)
        upright = shades(file_of(values))
        found = shades(data)
        if values.dtype == np.uint8:  # Pillow writes such files turned, and turns them back
            assert found == upright
        else:
            assert (found[0], found[2]) == (255, 0)


REFUSED = {
    "whole numbers of 32 bits": (file_of((RAMP * 255).astype("int32")), "32 bits with a sign, from 0 to 255"),
    "many of them": (file_of((RAMP * 2**31 - 2**30).astype("int32")), "does not say which of them are black"),
    "12 in 16 bits": (file_of((RAMP * 4095).astype("uint16")), "reach 4095 of 65535"),
    "PNG of 12 in 16 bits": (file_of((RAMP * 4095).astype("uint16"), "PNG"), "reach 4095 of 65535"),
    "PNG of 8 in 16 bits": (file_of((RAMP * 255).astype("uint16"), "PNG"), "reach 255 of 65535"),
    "PNG of 14 in 16 bits": (file_of((RAMP * 16383).astype("uint16"), "PNG"), "reach 16383 of 65535"),
    "PNG of 12 in 16 bits in colour": (png(16, 2, np.repeat((RAMP * 4095)[..., None], 3, 2)), "reach 15 of 255"),
    "PNG of 14 in 16 bits in colour": (png(16, 2, np.repeat((RAMP * 16383)[..., None], 3, 2)), "reach 63 of 255"),
    "PNG of 12 in 16 bits with alpha": (
        png(16, 4, np.stack([RAMP * 4095, np.full_like(RAMP, 65535)], 2)),
        "reach 15 of 255",
    ),
    "JPEG 2000 of 12 in 16 bits": (file_of((RAMP * 4095).astype("uint16"), "JPEG2000"), "reach 4095 of 65535"),
    "PGM of 12 in 16 bits": (pnm("5", 65535, RAMP * 4095), "reach 4095 of 65535"),
    "PPM of 12 in 16 bits": (pnm("6", 65535, np.repeat((RAMP * 4095)[..., None], 3, 2)), "reach 16 of 255"),
    "negative floats": (file_of((RAMP * 2 - 1).astype("float32")), "go from -1 to 1, where black is 0 and white is 1"),
    "floats to 255": (file_of((RAMP * 255).astype("float32")), "go from 0 to 255"),
    "floats of nearly nothing": (file_of((RAMP * 1e-3).astype("float32")), "would come out nearly black"),
    "NaN": (file_of(np.where(RAMP > 0.5, np.nan, RAMP).astype("float32")), "NaN or infinite"),
    "infinity": (file_of(np.where(RAMP > 0.5, np.inf, RAMP).astype("float32")), "NaN or infinite"),
    "beyond what is said": (file_of((RAMP * 300).astype("int32"), tag_340=0, tag_341=255), "go from 0 to 300"),
    "signed bytes": (file_of((RAMP * 127).astype("uint8"), tag_339=2), "signed"),
}


@pytest.mark.parametrize(("data", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_said_is_refused_with_the_mend(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        decoded(data, "a.tif")
    assert "a.tif" in str(caught.value)
    assert "8 bits per sample" in str(caught.value) or "NaN" in str(caught.value)


def test_a_dark_picture_that_says_how_it_is_scaled_stays_dark() -> None:
    dark = (RAMP * 200).astype(int) << 4
    assert shades(png(16, 0, dark, (b"sBIT", b"\x0c"))) == [0, 6, 12]
    assert shades(pnm("5", 4095, RAMP * 400)) == [0, 12, 25]


def test_a_black_picture_is_black() -> None:
    for values in np.zeros((4, 4), "uint16"), np.zeros((4, 4), "float32"), np.zeros((4, 4), "uint8"):
        assert shades(file_of(values)) == [0, 0, 0]


def test_transparency_of_16_bits_goes_over_white() -> None:
    grey = np.array([[0x1234, 0xFFFF], [0x8000, 0x1234]])
    found = np.asarray(decoded(png(16, 0, grey, (b"tRNS", b"\x12\x34")), "a"))[..., 0]
    assert found.tolist() == [[255, 255], [128, 255]]
    alpha = np.stack([np.full((2, 2), 0), np.array([[0, 65535], [65535, 0]])], 2)
    alpha[0, 1, 0] = 65535
    found = np.asarray(decoded(png(16, 4, alpha), "a"))[..., 0]
    assert found.tolist() == [[255, 255], [0, 255]]


def test_lab_is_turned_into_colours() -> None:
    for lab, rgb in (
        ((128, 128, 128), (119, 119, 119)),
        ((255, 128, 128), (255, 255, 255)),
        ((0, 128, 128), (0, 0, 0)),
    ):
        content = io.BytesIO()
        Image.new("LAB", (2, 2), lab).save(content, "TIFF")
        assert decoded(content.getvalue(), "a").getpixel((0, 0)) == pytest.approx(rgb, abs=2)


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_four_inks_are_as_much_colour_as_they_are(form: str) -> None:
    """JPEG keeps them turned, as Adobe's programs do; TIFF does not."""
    for ink, rgb in (((0, 0, 0, 0), (255, 255, 255)), ((255, 0, 0, 0), (0, 255, 255)), ((0, 0, 0, 255), (0, 0, 0))):
        content = io.BytesIO()
        Image.new("CMYK", (8, 8), ink).save(content, form)
        assert decoded(content.getvalue(), "a").getpixel((4, 4)) == pytest.approx(rgb, abs=3)


@pytest.mark.parametrize("mode", ["1", "L", "P", "PA", "LA", "RGBA", "RGBX", "YCbCr", "HSV"])
def test_other_modes_keep_black_and_white(mode: str) -> None:
    picture = Image.new("RGB", (4, 2), "black")
    picture.paste("white", (2, 0, 4, 2))
    content = io.BytesIO()
    form = "TIFF" if mode not in ("HSV", "PA") else "PNG"
    (picture.convert(mode) if form == "TIFF" else picture.convert("P")).save(content, form)
    found = decoded(content.getvalue(), "a")
    assert found.getpixel((0, 0)) == pytest.approx((0, 0, 0), abs=2)
    assert found.getpixel((3, 1)) == pytest.approx((255, 255, 255), abs=2)


def test_kinds_that_cannot_be_unpacked_are_named_with_the_mend() -> None:
    data = bytearray(file_of(RAMP.astype("float32")))
    at = data.index(struct.pack("<HHI", 258, 3, 1))
    data[at + 8 : at + 10] = struct.pack("<H", 64)
    with pytest.raises(DataError, match=r"a.tif is damaged, or of a kind of TIFF that is not read .*save it as a PNG"):
        decoded(bytes(data), "a.tif")
