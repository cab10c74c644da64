"""Heat maps show every number they hold, in its place, and tell nothing by shade alone."""

import math
import re
from importlib.resources import files

import pytest
import vl_convert

from tests.helpers import report_sample as sample
from tests.helpers.htmltree import Element, parse
from unispect.core.findings import Figure, Series
from unispect.report.figures import draw, numbers_of, styles_for
from unispect.report.heat import DARKEST, shade
from unispect.report.vega import specification
from unispect.viewer.charts import specifications

ROWS = (
    Series("word", (0, 1, 2), (0.25, 0.5, 1.25), (0.125, 0.25, 0.75), (0.5, 0.75, 1.5)),
    Series("last row", (0, 2), (-0.5, math.nan)),
)


def figure(*rows: Series, label: str = "layer") -> Figure:
    return Figure("f", "Title", label, "accuracy", {"panel": rows}, None, scale=(0.0, 1.0))


def drawn(*rows: Series, label: str = "layer") -> Element:
    made = figure(*rows, label=label)
    return parse(str(draw(made, styles_for([made])).panels[0][1]))


def cells(svg: Element) -> list[str]:
    return [cell.one("text").text for cell in svg.all("g", "cell")]


def test_every_number_stands_in_its_row_and_column():
    svg = drawn(*ROWS)
    assert cells(svg) == ["0.25", "0.50", "1.25", "−0.50", "–", "–"]
    places = [
        (float(found[0]), float(found[1]))
        for cell in svg.all("g", "cell")
        if (found := re.findall(r"[\d.]+", cell.one("path").attributes["d"] or ""))
    ]
    xs, ys = sorted({x for x, _ in places}), sorted({y for _, y in places})
    assert places == [(x, y) for y in ys for x in xs]
    assert [one.text for one in svg.all("text", "y")] == ["word", "last row"]
    assert {"0", "1", "2", "layer", "accuracy"} <= {one.text for one in svg.all("text")}


def test_numbers_fit_their_cells_however_small_they_are():
    """Chance-corrected shares of chance exactly are 1e-16, and would run over their neighbours."""
    svg = drawn(Series("word", (0, 1, 2), (1.1e-16, -3.8e-3, -0.006)))
    assert cells(svg) == ["0.00", "0.00", "−0.01"]
    fine = Figure("f", "Title", "layer", "bits", {"panel": (Series("word", (0,), (0.0012,)),)}, None, scale=(0.0, 0.01))
    assert cells(parse(str(draw(fine, styles_for([fine])).panels[0][1]))) != ["0.00"]


def test_a_pointer_is_told_value_limits_and_place():
    assert [one.text for one in drawn(*ROWS).all("title")] == [
        "word, layer 0: 0.25 [0.12, 0.50]",
        "word, layer 1: 0.50 [0.25, 0.75]",
        "word, layer 2: 1.25 [0.75, 1.50]",
        "last row, layer 0: −0.50",
        "last row, layer 1: nothing measured",
        "last row, layer 2: nothing measured",
    ]


def test_larger_numbers_are_darker_between_the_ends_of_the_scale():
    assert [shade(value, (0.0, 1.0)) for value in (-1, 0, 0.5, 1, 2)] == [0, 0, DARKEST / 2, DARKEST, DARKEST]
    assert shade(0.25, (0.25, 1.0)) == 0
    shades = [cell.one("path").attributes.get("fill-opacity") for cell in drawn(*ROWS).all("g", "cell")]
    assert shades == ["0.125", "0.25", "0.5", "0", None, None]


def test_numbers_can_be_read_on_the_darkest_cell_in_both_themes():
    css = files("unispect.report").joinpath("style.css").read_text("utf-8")
    names = ("paper", "ink", "series-1")
    themes = [re.findall(rf"--{name}: (#\w{{6}})", css) for name in names]
    for paper, ink, fill in zip(*themes, strict=True):
        ground = [DARKEST * f + (1 - DARKEST) * p for f, p in zip(rgb(fill), rgb(paper), strict=True)]
        assert contrast(ground, rgb(ink)) >= 4.5
    assert len(themes[0]) == 2


def rgb(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def contrast(one: list[float], other: list[float]) -> float:
    """By WCAG 2.2."""

    def luminance(colour: list[float]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_legend_shows_the_scale_and_takes_no_style_from_lines():
    made = figure(*ROWS)
    lines = Figure("l", "L", "layer", "bits", {"p": (Series("a", (0,), (1.0,)),)}, None)
    assert styles_for([made, lines]) == {"a": 1}
    keys = draw(made, {}).keys
    assert [key.label for key in keys] == ["0.00", "0.25", "0.50", "0.75", "1.00"]
    opacities = [parse(str(key.swatch)).one("path").attributes["fill-opacity"] for key in keys]
    assert opacities == ["0", "0.125", "0.25", "0.375", "0.5"]


def test_panels_of_one_figure_have_the_same_columns():
    made = Figure("f", "T", "layer", "y", {"a": (Series("r", (0, 3), (1, 1)),), "b": (Series("r", (1,), (1,)),)}, None)
    panels = draw(Figure(**{**vars(made), "scale": (0.0, 1.0)}), {}).panels
    assert [cells(parse(str(svg))) for _, svg in panels] == [["1.00", "–", "1.00"], ["–", "1.00", "–"]]


@pytest.mark.parametrize("rows", [(), (Series("a", (), ()),)])
def test_a_map_of_nothing_is_empty(rows: tuple[Series, ...]):
    assert str(draw(figure(*rows), {}).panels[0][1]) == ""


@pytest.mark.parametrize("text", sample.HOSTILE)
def test_hostile_labels_are_text(text: str):
    svg = drawn(Series(text, (0, 1), (0, 1)), label=text)
    assert {one.tag for one in svg if one.tag} <= {"svg", "g", "path", "text", "title"}
    assert not [
        name for one in svg for name in one.attributes if name.startswith("on") or name in ("href", "style", "id")
    ]


def test_the_numbers_are_in_the_table_and_in_files_for_a_paper():
    made = figure(*ROWS)
    assert [row[:2] for row in numbers_of(made).rows] == [("panel", 0), ("panel", 1), ("panel", 2)]
    svg = vl_convert.vegalite_to_svg(specification(made), allowed_base_urls=[])
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {"0.25", "0.50", "1.25", "word", "last row", "layer"} <= set(texts)
    assert {"−0.50", "-0.50"} & set(texts)


def test_the_viewer_keeps_the_drawing_of_the_page():
    assert specifications(figure(*ROWS)) == [("panel", "")]
