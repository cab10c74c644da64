"""Only pixels can damage a picture: whatever stands beside them in a file, it is measured, and upright."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from unispect.core.errors import DataError
from unispect.data import images
from unispect.data.images import decoded
from unispect.data.metadata import ORIENTATION, png_chunks, without_metadata

PIXELS = np.random.default_rng(9).integers(0, 255, (6, 4, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)


def saved(form: str = "PNG", **how) -> bytes:
    content = io.BytesIO()
    PICTURE.save(content, form, **how)
    return content.getvalue()


def chunk(name: bytes, content: bytes, *, sum: int | None = None) -> bytes:
    crc = zlib.crc32(name + content) if sum is None else sum
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def with_chunk(extra: bytes, *, last: bool = False) -> bytes:
    data = saved()
    at = data.index(b"IEND") - 4 if last else 33  # behind the header
    return data[:at] + extra + data[at:]


def text(kind: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    {"zTXt": info.add_text, "iTXt": info.add_itxt}[kind]("workflow", "x" * 2_000_000, zip=True)
    return saved(pnginfo=info)


def exif(orientation: int) -> bytes:
    found = Image.Exif()
    found[ORIENTATION] = orientation
    return found.tobytes()


ODD = {
    "huge profile": lambda: saved(icc_profile=bytes(2_000_000)),
    "huge zTXt": lambda: text("zTXt"),
    "huge iTXt": lambda: text("iTXt"),
    "text with a wrong checksum": lambda: with_chunk(chunk(b"tEXt", b"a\0b", sum=1)),
    "text behind the pixels": lambda: with_chunk(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(3_000_000))), last=True),
    "cut profile": lambda: with_chunk(chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(99))[:5])),
    "profile of an unknown kind": lambda: with_chunk(chunk(b"iCCP", b"icc\0\7abc")),
    "short gamma": lambda: with_chunk(chunk(b"gAMA", b"")),
    "short resolution": lambda: with_chunk(chunk(b"pHYs", b"\0\0\1")),
    "short sRGB": lambda: with_chunk(chunk(b"sRGB", b"")),
    "odd chromaticities": lambda: with_chunk(chunk(b"cHRM", b"\0\1\2\3\4")),
    "no EXIF": lambda: with_chunk(chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff")),
    "EXIF of one byte": lambda: with_chunk(chunk(b"eXIf", b"M")),
    "animation without frames": lambda: with_chunk(chunk(b"acTL", b"\0")),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_a_png_is_measured_whatever_stands_beside_its_pixels(make) -> None:
    assert np.array_equal(np.asarray(decoded(make(), "a.png")), PIXELS)


def test_what_is_left_of_a_png_is_its_pixels() -> None:
    bare = without_metadata(text("zTXt"))
    assert bare
    assert [name for name, _, _ in png_chunks(bare.data)] == [b"IHDR", b"IDAT", b"IEND"]
    assert without_metadata(b"GIF89a") is None


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_png_with_damaged_metadata_is_still_held_upright(orientation: int) -> None:
    data = saved(exif=exif(orientation), icc_profile=bytes(2_000_000))
    assert decoded(data, "a.png").tobytes() == decoded(saved(exif=exif(orientation)), "a.png").tobytes()
    assert decoded(data, "a.png").size == ((6, 4) if orientation in (6, 8) else (4, 6))


def jpeg_with(marker: int, content: bytes) -> bytes:
    data = saved("JPEG", quality=95)
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + data[2:]


@pytest.mark.parametrize(
    ("marker", "content"),
    [
        (0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"),
        (0xE1, b"Exif\0\0"),
        (0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(range(200))),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta"),
        (0xE2, b"ICC_PROFILE\0\1\3abc"),
        (0xE2, b"MPF\0II*\0\x08\0\0\0\5\0" + bytes(30)),
        (0xED, b"Photoshop 3.0\x008BIM\4\4\0\0\xff\xff\xff\xff"),
        (0xEE, b"Adob"),
        (0xFE, b""),
        (0xFE, bytes(65_000)),
    ],
    ids=[
        "EXIF",
        "no EXIF",
        "EXIF of 65,535 tags",
        "XMP",
        "profile",
        "MPF",
        "Photoshop",
        "Adobe",
        "no note",
        "long note",
    ],
)
def test_a_jpeg_is_measured_whatever_stands_beside_its_pixels(marker: int, content: bytes) -> None:
    plain = decoded(saved("JPEG", quality=95), "a.jpg")
    assert decoded(jpeg_with(marker, content), "a.jpg").tobytes() == plain.tobytes()


def test_what_is_left_of_a_jpeg_and_a_webp_has_the_same_pixels_and_says_how_they_are_held() -> None:
    for form in ("JPEG", "WEBP"):
        data = saved(form, exif=exif(6), icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
        bare = without_metadata(data)
        assert bare
        assert bare.orientation == 6
        assert b"ICC" not in bare.data
        with Image.open(io.BytesIO(data)) as whole, Image.open(io.BytesIO(bare.data)) as cut:
            assert whole.tobytes() == cut.tobytes()


def test_a_webp_is_measured_whatever_stands_beside_its_pixels() -> None:
    data = saved("WEBP", lossless=True, exif=exif(1))
    at = data.index(b"EXIF")
    broken = data[: at + 4] + struct.pack("<I", 2**31) + data[at + 8 :]  # longer than the file
    odd = data[:at] + b"XMP " + struct.pack("<I", 3) + b"abc" + data[at:]  # not filled up to an even length
    for found in (broken, odd, data[:at] + b"EXIF" + struct.pack("<I", 5) + b"\xff\xd8abc\0"):
        whole = found[:4] + struct.pack("<I", len(found) - 8) + found[8:]
        assert np.array_equal(np.asarray(decoded(whole, "a.webp")), PIXELS)


def test_a_transparent_webp_keeps_its_transparency() -> None:
    content = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(content, "WEBP", exif=exif(1))
    bare = without_metadata(content.getvalue())
    assert bare
    assert decoded(bare.data, "a.webp").getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize("form", ["raw", "tiff_lzw", "jpeg"])
@pytest.mark.parametrize(
    "tag", [(34675, 7, 10**6), (700, 1, 10**6), (270, 2, 10**6), (34665, 4, 1), (305, 99, 4), (33432, 2, 2**31)]
)
def test_a_tiff_is_measured_whatever_its_tags_say(form: str, tag: tuple[int, int, int]) -> None:
    """A profile, notes, text or EXIF that lie beyond the end of the file, and a tag of no known type."""
    content = io.BytesIO()
    PICTURE.save(content, "TIFF", compression=form)
    data = content.getvalue()
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    entries = [data[first + 2 + 12 * i : first + 14 + 12 * i] for i in range(count)]
    entries.append(struct.pack("<HHII", *tag, 2**24))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    odd = data[:4] + struct.pack("<I", len(data)) + data[8:] + directory
    assert decoded(odd, "a.tif").tobytes() == decoded(data, "a.tif").tobytes()
    bare = without_metadata(odd)
    assert bare
    assert decoded(bare.data, "a.tif").tobytes() == decoded(data, "a.tif").tobytes()


def test_colour_profiles_are_not_applied() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert decoded(saved(icc_profile=profile), "a.png").tobytes() == PIXELS.tobytes()


def test_limits_on_pixels_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_PIXELS", 20)
    for data in (saved(), saved(icc_profile=bytes(2_000_000)), text("zTXt")):
        with pytest.raises(DataError, match=r"unpacks to more than 20 pixels"):
            decoded(data, "a.png")


def test_pillow_s_own_limits_are_left_alone() -> None:
    before = (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY, Image.MAX_IMAGE_PIXELS)
    decoded(text("zTXt"), "a.png")
    assert before == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY, Image.MAX_IMAGE_PIXELS)


def test_damaged_pixels_are_still_refused_by_name() -> None:
    data = saved()
    at = data.index(b"IDAT") + 8
    for damaged in (data[: len(data) // 2], data[:at] + b"\0\0\0\0" + data[at + 4 :], text("zTXt")[:-200]):
        with pytest.raises(DataError, match=r"picture a.png is damaged"):
            decoded(damaged, "a.png")


def test_a_file_on_the_disk_too(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(text("iTXt"))
    assert decoded((tmp_path / "a.png").read_bytes(), "a").size == (4, 6)
