"""Folders of pictures: known by what they hold, chosen by name, read once, and everything passed over is counted."""

import io
import os
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image, features

from tests.helpers.planted_states import CARD
from unispect.core.errors import DataError, UsageError
from unispect.data.folders import files_in
from unispect.data.images import open_picture, suffixes
from unispect.data.items import LeftOut
from unispect.data.memory import Memory
from unispect.data.prompts import load_prompts, prompt_of
from unispect.studies.base import Options
from unispect.studies.encoding import plan as encoding
from unispect.studies.response import plan as response


def picture(format: str = "PNG", colour: str = "red") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(content, format)
    return content.getvalue()


def left_out(spec: str) -> dict[str, str]:
    return {skip.what: skip.reason for skip in load_prompts(spec).skips}


def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file is opened from now on."""
    counts: Counter[str] = Counter()
    original = os.open

    def counted(path, *args, **kwargs):
        counts[Path(path).name] += 1
        return original(path, *args, **kwargs)

    monkeypatch.setattr("os.open", counted)
    return counts


WRITTEN = {
    "a.JPG": "JPEG",
    "b.jfif": "JPEG",
    "c.jpe": "JPEG",
    "d.avif": "AVIF",
    "e": "PNG",
    "f.dat": "WEBP",
    "g.png": "TIFF",
    "h.jp2": "JPEG2000",
    "i.ppm": "PPM",
    "j.txt": "GIF",
    "k.ico": "ICO",
    "l.qoi": "QOI",
    "m.Bmp": "BMP",
}


def test_pictures_are_known_by_what_they_hold(tmp_path: Path) -> None:
    written = {name: form for name, form in WRITTEN.items() if form != "AVIF" or features.check("avif")}
    for number, (name, form) in enumerate(written.items()):
        (tmp_path / name).write_bytes(picture(form, f"hsl({20 * number}, 80%, 50%)"))
    prompts = load_prompts(f"images:{tmp_path}")
    assert [item.id for item in prompts.items] == list(written)
    assert prompts.skips == ()
    for item in prompts.items:
        (found,) = prompt_of(item.inputs, item.locations).images
        assert (found.mode, found.size) == ("RGB", (16, 16))


def test_what_is_passed_over_is_counted_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(picture())
    for name, content in {
        "one.txt": b"a red square",
        "two.txt": b"another",
        "three.HEIC": b"\0\0\0\x18ftypheic" + bytes(40),
        "model.safetensors": bytes(100),
        "README": b"BM as words begin, too",
        "empty.png": b"",
        ".DS_Store": b"x",
        ".cache/1.png": picture(),
        "page.pdf": b"%PDF-1.4",
        "figure.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    (tmp_path / "broken.png").symlink_to(tmp_path / "gone.png")
    os.mkfifo(tmp_path / "pipe")
    prompts = load_prompts(f"images:{tmp_path}")
    assert [item.id for item in prompts.items] == ["one.png"]
    found = {skip.what: skip.reason for skip in prompts.skips}
    assert set(found) == {
        "2 files .txt",
        "1 files .heic",
        "1 files .safetensors",
        "1 files called README",
        "1 files .pdf",
        "1 files .eps",
        "1 empty files",
        "1 hidden files",
        "1 hidden folders",
        "1 links to folders",
        "1 broken links",
        "1 special files",
    }
    assert found["2 files .txt"].startswith("no picture in a known format (PNG, JPEG,")
    plan = encoding.plan(CARD, Options(data=f"images:{tmp_path}"))
    assert set(prompts.skips) <= set(plan.skips)


def test_files_shorter_than_any_mark_are_counted(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(picture())
    for number in range(256):
        (tmp_path / f"{number:03}").write_bytes(bytes((number,)))
    assert left_out(f"images:{tmp_path}").keys() == {"256 files without a suffix"}


def test_a_folder_without_pictures_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(UsageError, match=r"holds no prompts \(1 files .heic: no picture in a known format"):
        load_prompts(f"images:{tmp_path}")


def test_files_and_folders_that_cannot_be_read_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fine.png", "locked.png", "shut/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture())
    original, scan = os.open, os.scandir

    def refuse(path, *args, **kwargs):
        if Path(path).name == "locked.png":
            raise PermissionError(13, "Permission denied")
        return original(path, *args, **kwargs)

    def shut(path):
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("os.open", refuse)
    monkeypatch.setattr("os.scandir", shut)
    assert left_out(f"images:{tmp_path}") == {
        "1 files": "cannot be read: Permission denied",
        "1 folders": "cannot be read: Permission denied",
    }


def test_a_file_that_is_called_a_picture_and_is_none_stops_the_plan(tmp_path: Path) -> None:
    (tmp_path / "page.jpg").write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match=r"page.jpg is not a picture in a known format"):
        load_prompts(f"images:{tmp_path}")


def test_files_come_in_the_order_of_their_names_with_the_first_folder_as_their_kind(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/deep/1.PNG", "a/x.jpg", "top.png", ".hidden/1.png", "a/.thumb.png", "a.b/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [(one.name, one.kind) for one in files_in(tmp_path) if not isinstance(one, LeftOut)]
    assert found == [("a/x.jpg", "a"), ("a.b/1.png", "a.b"), ("b/2.png", "b"), ("b/deep/1.PNG", "b"), ("top.png", "")]


def test_names_are_the_same_however_a_system_spells_their_letters(tmp_path: Path) -> None:
    names = []
    for form in ("NFC", "NFD"):
        folder = tmp_path / form
        path = folder / unicodedata.normalize(form, "Bären") / unicodedata.normalize(form, "é.png")
        path.parent.mkdir(parents=True)
        path.write_bytes(picture())
        names.append([(item.id, item.kind) for item in load_prompts(f"images:{folder}").items])
    assert names[0] == names[1] == [("B\u00e4ren/\u00e9.png", "B\u00e4ren")]


def test_a_limit_reads_what_is_chosen_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        path = tmp_path / ("cats" if number % 2 else "dogs") / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture(colour=f"hsl({9 * number}, 80%, 50%)"))
        path.with_suffix(".txt").write_text("a caption")
    counts = opened(monkeypatch)
    prompts = load_prompts(f"images:{tmp_path}", limit=2)
    assert [item.id for item in prompts.items] == ["cats/01.png", "cats/03.png", "dogs/00.png", "dogs/02.png"]
    assert {name: count for name, count in counts.items() if name.endswith(".png")} == {
        "01.png": 1, "03.png": 1, "00.png": 1, "02.png": 1,
    }  # fmt: skip
    assert sum(counts.values()) <= 8  # beside them, the first bytes of captions that came before


def test_plans_of_one_command_read_each_picture_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(picture(colour=f"hsl({60 * number}, 80%, 50%)"))
    decoded: Counter[int] = Counter()
    load = Image.open

    def count(*args, **kwargs):
        decoded[0] += 1
        return load(*args, **kwargs)

    counts, memory = opened(monkeypatch), Memory()
    monkeypatch.setattr(Image, "open", count)
    for study in (encoding, response):
        for _ in range(2):
            study.plan(CARD, Options(data=f"images:{tmp_path}", memory=memory))
    assert counts == {f"{number}.png": 1 for number in range(6)}
    assert decoded[0] == 6


def test_a_larger_limit_only_adds_pictures(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(picture(colour=f"hsl({45 * (number // 2)}, 80%, 50%)"))  # each twice
    few, more = (load_prompts(f"images:{tmp_path}", limit=limit).items for limit in (2, 3))
    assert [item.id for item in few] == ["0.png", "2.png"]
    assert [item.id for item in more] == ["0.png", "2.png", "4.png"]


def test_what_the_names_of_pictures_end_in() -> None:
    assert {".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".webp", ".tif", ".tiff", ".bmp", ".gif"} <= suffixes()
    assert not {".pdf", ".eps", ".txt", ".mpg", ".heic"} & suffixes()


def test_a_picture_from_a_table_of_a_folder_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(picture("JPEG", "blue"))
    assert open_picture(tmp_path / "x")[0].getpixel((3, 3))[2] > 250
