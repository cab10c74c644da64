import io

import numpy as np
import pyarrow
import pytest
from dicebear import Avatar, Style
from PIL import Image
from pyarrow import parquet
from resvg_py import svg_to_bytes
from watching import watch

STYLE = {
    "meta": {"creator": {"name": "x"}, "license": {"name": "x"}, "source": {"name": "x"}},
    "canvas": {"width": 10, "height": 10, "elements": [{"type": "component", "name": "eyes"}]},
    "components": {
        "eyes": {
            "width": 10,
            "height": 10,
            "variants": {
                name: {"elements": [{"type": "element", "name": "rect", "attributes": {"id": name}}]} for name in "ab"
            },
        }
    },
}


@watch(
    "pillow",
    "A 16-bit grey picture opens in mode `I;16`, and `convert` clips it at 255 instead of scaling it.",
    met="data/images.py, which scales it before",
    source="`src/libImaging/Convert.c`",
    seen="13.0.0",
)
def test_sixteen_bits_are_clipped_not_scaled():
    file = io.BytesIO()
    Image.fromarray(np.array([[0, 255, 256, 65535]], dtype=np.uint16)).save(file, "PNG")
    picture = Image.open(file)
    assert picture.mode == "I;16"
    assert np.asarray(picture.convert("L")).tolist() == [[0, 255, 255, 255]]


@watch(
    "pillow",
    "A picture whose height shrinks more than its width is resized along its height first, any other along its width"
    " first; up to 12.3 all were along their width first, which gives other pixels.",
    met="every picture that a model sees (models/processing/pictures.py and its likes)",
    source="`src/libImaging/Resample.c`, Pillow pull request 9549",
    seen="13.0.0",
)
def test_pictures_are_resized_along_one_side_first():
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (33, 24, 3), dtype=np.uint8))

    def resized(*steps: tuple[int, int]) -> bytes:
        made = picture
        for size in steps:
            made = made.resize(size, Image.Resampling.BICUBIC)
        return made.tobytes()

    assert resized((40, 20)) == resized((24, 20), (40, 20)) != resized((40, 33), (40, 20))
    assert resized((12, 40)) == resized((12, 33), (12, 40)) != resized((24, 40), (12, 40))


@watch(
    "dicebear-core",
    "An unknown option is refused, unless its name ends in Variant, Color or Probability: then it is passed"
    " over, and so is"
    " an unknown variant, whose part then is missing.",
    met="data/faces/portrait.py",
    source="`dicebear/validator.py`",
    seen="10.7.0",
)
def test_misspelt_options_are_passed_over():
    style = Style(STYLE)

    def drawn(**options: str) -> str:
        return Avatar(style, {"seed": "x", **options}).to_string()

    assert 'id="a"' in drawn(eyesVariant="a")
    assert 'id="' not in drawn(eyesVariant="c").partition("</defs>")[2]
    drawn(eyezVariant="a")
    with pytest.raises(Exception, match="Invalid options"):
        drawn(eyez="a")


@watch(
    "resvg-py",
    "`width` and `height` are the size of the picture, `#rrggbb` is painted exactly, and colours of newer CSS such as"
    " `oklch()` come out black.",
    met="data/faces/portrait.py, whose style has `#rrggbb` alone",
    source="resvg, crate `svgtypes`",
    seen="0.5.0",
)
def test_colours_are_painted_exactly_or_black():
    def painted(colour: str) -> tuple[int, ...]:
        square = f'<rect width="4" height="4" fill="{colour}"/>'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4">{square}</svg>'
        picture = Image.open(io.BytesIO(bytes(svg_to_bytes(svg_string=svg, width=8, height=8, skip_system_fonts=True))))
        assert picture.size == (8, 8)
        return picture.convert("RGB").getpixel((4, 4))

    assert painted("#12c8fe") == (0x12, 0xC8, 0xFE)
    assert painted("oklch(0.7 0.2 140)") == (0, 0, 0)


@watch(
    "pyarrow",
    "A table made from rows has the first row's keys alone, and a column of empty mappings cannot be written.",
    met="runs/table.py, which collects names and types over all rows and writes mappings as JSON",
    source="`python/pyarrow/table.pxi`, `cpp/src/parquet/arrow`",
    seen="20.0.0 to 26.0.1",
)
def test_rows_are_not_all_looked_at(tmp_path):
    assert pyarrow.Table.from_pylist([{"a": 1}, {"a": 2, "b": 3}]).column_names == ["a"]
    with pytest.raises(pyarrow.ArrowNotImplementedError):
        parquet.write_table(pyarrow.table({"a": [{}]}), tmp_path / "a.parquet")


@watch(
    "pyarrow",
    "A column of a given type keeps missing values as null and refuses values of another type.",
    met="runs/export.py",
    source="`python/pyarrow/src/arrow/python/python_to_arrow.cc`",
    seen="20.0.0 to 26.0.1",
)
def test_columns_have_one_type():
    schema = pyarrow.schema([("a", pyarrow.float64())])
    assert pyarrow.table({"a": [1.5, None]}, schema=schema)["a"].to_pylist() == [1.5, None]
    with pytest.raises(pyarrow.ArrowInvalid):
        pyarrow.table({"a": ["x"]}, schema=schema)
