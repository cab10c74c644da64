"""Plots of effects: a row for each, with what is too small to be worth a name."""

import math
import re

import pytest

from tests.helpers.htmltree import parse
from unispect.core.findings import Figure, Series
from unispect.report.effects import effects, effects_as_table
from unispect.report.figures import draw
from unispect.report.vega import specification
from unispect.viewer.charts import specifications


def row(label: str, *values: float) -> Series:
    estimate, *limits = values
    return Series(label, (0.0,), (estimate,), *((limit,) for limit in limits))


ROWS = (row("telling", 0.5, 0.3, 0.7), row("crowd", -0.1, -0.3, 0.1), row("<b>", 0.0), row("none", math.nan))
FIGURE = Figure("f", "Effects", "factor", "effect", {"told": ROWS}, None, small=0.2)


def places(path: str) -> list[float]:
    return [float(x) for x in re.findall(r"[ML](-?[\d.]+),", path)]


def test_points_and_limits_lie_in_order_and_what_is_too_small_around_zero():
    tree = parse(effects(FIGURE, ROWS))
    (zero,) = tree.all("path", "zero")
    nothing = places(zero.attributes["d"])[0]
    small = re.match(r"M([\d.]+),0h([\d.]+)v", tree.one("path", "small").attributes["d"])
    assert small is not None
    left, width = map(float, small.groups())
    assert left + width / 2 == pytest.approx(nothing, abs=0.11)
    points = [places(path.attributes["d"])[0] for path in tree.all("path", "points")]
    assert len(points) == 3
    assert points[1] < nothing < points[0]
    assert points[2] == pytest.approx(nothing, abs=0.11)
    assert (points[0] - nothing) / (width / 2) == pytest.approx(0.5 / 0.2, abs=0.02)
    low, high = places(tree.all("path", "whisker")[0].attributes["d"])
    assert low < points[0] < high


def test_a_pointer_is_told_values_and_hostile_labels_are_text():
    tree = parse(effects(FIGURE, ROWS))
    assert [title.words for title in tree.all("title")] == [
        "telling: 0.50 [0.30, 0.70]",
        "crowd: −0.10 [−0.30, 0.10]",
        "<b>: 0.00, no interval",
        "none: nothing measured",
    ]


def test_the_same_numbers_stand_in_a_table_and_in_the_specification():
    table = effects_as_table(FIGURE)
    assert table.columns == ("panel", "factor", "effect")
    assert [cells[1] for cells in table.rows] == ["telling", "crowd", "<b>", "none"]
    assert draw(FIGURE, {}).numbers == table
    found = specification(FIGURE)
    assert [one["y"] for one in found["data"]["values"]] == [0.5, -0.1, 0.0, None]
    assert found["params"] == []
    assert found["layer"][0]["encoding"] == {"x": {"datum": -0.2}, "x2": {"datum": 0.2}}
    assert specifications(FIGURE) == [("told", "")]


def test_all_panels_have_one_axis():
    wide = Figure(
        "f", "Effects", "factor", "effect", {"told": ROWS[:1], "gap": (row("x", 3.0, 2.0, 4.0),)}, None, small=0.2
    )
    (_, one), (_, other) = draw(wide, {}).panels
    shades = [parse(svg).one("path", "small").attributes["d"] for svg in (one, other)]
    assert shades[0] == shades[1]


def test_nothing_measured_is_no_drawing():
    assert effects(FIGURE, ()) == ""
