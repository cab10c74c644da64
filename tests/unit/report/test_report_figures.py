import itertools
import math
import re

import pytest

from tests.helpers import report_sample as sample
from tests.helpers.htmltree import Element, parse
from unispect.core.findings import Figure, Interval, Preset, Series
from unispect.report.figures import SHAPES, Drawing, draw, numbers_of, styles_for

NAN = math.nan


def figure(panels: dict[str, tuple[Series, ...]], x_label: str = "layer", y_label: str = "bits") -> Figure:
    return Figure("f", "Title", x_label, y_label, panels, Preset.PAPER)


def drawn(*series: Series, **labels: str) -> Element:
    made = figure({"panel": series}, **labels)
    return parse(str(draw(made, styles_for([made])).panels[0][1]))


def lines(svg: Element, style: int) -> list[str]:
    """Path data of one series' lines, one after the other."""
    found = [p.attributes["d"] or "" for own in svg.all("g", f"s{style}") for p in own.all("path", "line")]
    return [f"M{line}" for path in found for line in path.split("M")[1:]]


def bands(svg: Element) -> list[str]:
    return [p.attributes["d"] or "" for p in svg.all("path", "band")]


def points(svg: Element, style: int) -> list[str]:
    """What is drawn at each point of one series, from its place on."""
    (path,) = (p.attributes["d"] or "" for own in svg.all("g", f"s{style}") for p in own.all("path", "points"))
    return path.split("M")[1:]


def coordinates(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]


def test_a_line_goes_through_every_point_in_proportion():
    (path,) = lines(drawn(Series("a", (0, 1, 2, 3), (1.0, 2.0, 3.0, 4.0))), 1)
    xs, ys = zip(*coordinates(path), strict=True)
    assert len(xs) == 4
    assert [round(b - a, 0) for a, b in itertools.pairwise(xs)] == [106, 106, 106]
    steps = [a - b for a, b in itertools.pairwise(ys)]
    assert all(step > 0 for step in steps)
    assert max(steps) - min(steps) < 0.1


def test_each_series_has_its_own_colour_and_shape():
    svg = drawn(*[Series(label, (0, 1), (index, index + 1)) for index, label in enumerate("abc")])
    shapes = {points(svg, style)[0].partition("m")[2] for style in (1, 2, 3)}
    assert len(shapes) == 3
    assert all(len(lines(svg, style)) == 1 for style in (1, 2, 3))


def test_a_dashed_series_is_dashed_in_plot_and_legend():
    made = figure({"p": (Series("a", (0, 1), (0, 1)), Series("b", (0, 1), (1, 0), dash=True))})
    drawing = draw(made, styles_for([made]))
    svg = parse(str(drawing.panels[0][1]))
    assert [["dash" in line.classes for line in svg.one("g", f"s{style}").all("path", "line")] for style in (1, 2)] == [
        [False],
        [True],
    ]
    assert ["dash" in parse(str(key.swatch)).one("path", "line").classes for key in drawing.keys] == [False, True]


def test_the_band_encloses_the_line():
    svg = drawn(Series("a", (0, 1, 2), (1.0, 2.0, 3.0), (0.5, 1.5, 2.5), (1.5, 2.5, 3.5)))
    (band,) = bands(svg)
    line = coordinates(lines(svg, 1)[0])
    corners = coordinates(band)
    for x, y in line:
        at = [corner for corner_x, corner in corners if corner_x == x]
        assert min(at) < y < max(at)


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_values_that_do_not_exist_leave_a_gap(bad: float):
    svg = drawn(Series("a", range(5), (1, 2, bad, 4, 5), (0, 1, bad, 3, 4), (2, 3, bad, 5, 6)))
    assert [len(coordinates(line)) for line in lines(svg, 1)] == [2, 2]
    assert len(points(svg, 1)) == 4
    assert bands(svg)[0].count("M") == 2


def test_a_half_missing_band_is_left_out_not_drawn_to_zero():
    svg = drawn(Series("a", range(3), (5, 5, 5), (4, 4, 4), (6, NAN, 6)))
    assert not [y for band in bands(svg) for x, y in coordinates(band) if 100 < x < 250]
    assert len(points(svg, 1)) == 3


def test_a_banded_point_alone_shows_its_width():
    svg = drawn(Series("a", (3,), (1.0,), (0.5,), (1.5,)))
    (whisker,) = (coordinates(p.attributes["d"] or "") for p in svg.all("path", "whisker"))
    assert abs(whisker[0][1] - whisker[1][1]) > 50
    assert len(points(svg, 1)) == 1


def test_panels_share_their_axes():
    made = figure({"low": (Series("a", (0, 1), (0, 1)),), "high": (Series("a", (0, 9), (0, 100)),)})
    low, high = (parse(str(svg)) for _, svg in draw(made, styles_for([made])).panels)
    assert [t.text for t in low.all("text")] == [t.text for t in high.all("text")]
    assert coordinates(lines(low, 1)[0])[1][0] < 60


def test_zero_is_marked_when_the_axis_crosses_it():
    def zero_lines(*ys: float) -> int:
        return len(drawn(Series("a", (0, 1), ys)).all("path", "zero"))

    assert (zero_lines(-1, 1), zero_lines(1, 2)) == (1, 0)


def test_ticks_are_round_and_few():
    def ticks(*ys: float) -> list[str]:
        return [one.text for one in drawn(Series("a", (0, 1), ys)).all("text", "y")]

    assert ticks(0, 1) == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert ticks(-1.2, 2.1) == ["−1", "0", "1", "2"]
    assert ticks(5000, 5003) == ["5 000", *(f"5 00{n}" for n in (1, 2, 3))]


def test_a_pointer_is_told_all_values_at_its_place():
    banded = Series("a", (0, 1), (1.0, 2.0), (0.5, 1.5), (1.5, 2.5))
    svg = drawn(banded, Series("b", (1, 2), (7.0, NAN)))
    assert [one.text for one in svg.all("title")] == [
        "layer 0\na: 1.00 [0.50, 1.50]",
        "layer 1\na: 2.00 [1.50, 2.50]\nb: 7.00",
        "layer 2\nb: undefined",
    ]


@pytest.mark.parametrize(
    "panels", [{"p": ()}, {"p": (Series("a", (), ()),)}, {"p": (Series("a", (0, 1), (NAN, NAN)),)}, {}]
)
def test_figures_without_values_are_drawn_without_values(panels: dict):
    made = figure(panels)
    drawing = draw(made, styles_for([made]))
    assert len(drawing.panels) == len(panels)
    assert not [path for _, svg in drawing.panels for path in lines(parse(str(svg)), 1) if coordinates(path)]


def test_a_constant_line_is_inside_the_drawing():
    (path,) = lines(drawn(Series("a", (0, 1), (7, 7))), 1)
    assert all(20 < y < 170 for _, y in coordinates(path))


@pytest.mark.parametrize("text", sample.HOSTILE)
def test_hostile_labels_are_text(text: str):
    svg = drawn(Series(text, (0, 1), (0, 1)), x_label=text, y_label=text)
    assert {one.tag for one in svg if one.tag} <= {"svg", "g", "path", "text", "title"}
    assert not [
        name for one in svg for name in one.attributes if name.startswith("on") or name in ("href", "style", "id")
    ]
    assert max(len(one.text) for one in svg.all("text")) > 3


def test_plain_colours_never_reach_the_page():
    made = sample.encoding().figures[0]
    for _, svg in draw(made, styles_for([made])).panels:
        assert not re.search(r"(fill|stroke|color|style)[=:]|#", svg)


def test_a_label_looks_the_same_in_every_figure_of_a_section():
    first = figure({"p": (Series("text", (0, 1), (0, 1)), Series("image", (0, 1), (1, 2)))})
    second = figure({"p": (Series("image", (0, 1), (0, 1)),)})
    styles = styles_for([first, second])
    assert [key.style for key in draw(second, styles).keys] == [2]


def test_with_too_many_labels_for_a_section_no_figure_shows_two_alike():
    many = figure({"p": tuple(Series(str(index), (0, 1), (0, 1)) for index in range(len(SHAPES)))})
    few = figure({"p": (Series("0", (0, 1), (0, 1)), Series("extra", (0, 1), (1, 2)))})
    styles = styles_for([many, few])
    assert styles["0"] == styles["extra"]
    drawing: Drawing = draw(few, styles)
    assert len({key.style for key in drawing.keys}) == 2


def test_the_numbers_of_a_figure_are_all_there():
    made = figure(
        {
            "m": (Series("a", (0, 1), (1.0, 2.0), (0.5, 1.5), (1.5, 2.5)), Series("b", (1, 2), (7.0, 8.0))),
            "k": (Series("a", (0.5,), (3.0,)),),
        }
    )
    table = numbers_of(made)
    assert table.columns == ("panel", "layer", "a", "b")
    assert table.rows == (
        ("m", 0, Interval(1.0, 0.5, 1.5, 0, 0), None),
        ("m", 1, Interval(2.0, 1.5, 2.5, 0, 0), 7.0),
        ("m", 2, None, 8.0),
        ("k", 0.5, 3.0, None),
    )


def test_lengths_that_disagree_are_refused():
    with pytest.raises(ValueError, match="zip"):
        drawn(Series("a", (0, 1), (1.0,)))
