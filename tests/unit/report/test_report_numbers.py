import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.htmltree import parse
from unispect.core.findings import Interval, Table
from unispect.report.bars import cell_bar, interval_bar, scale_for, scale_of, share_bar
from unispect.report.numbers import decimals_for, estimate, limits, number
from unispect.report.tables import show_table

THIN = "\N{NARROW NO-BREAK SPACE}"


def interval(value: float, low: float, high: float) -> Interval:
    return Interval(value, low, high, 10, 10)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (1234567, f"1{THIN}234{THIN}567"),
        (-3, "−3"),
        (True, "yes"),
        (0.12345, "0.123"),
        (-0.5, "−0.500"),
        (12.345, "12.35"),
        (123.45, "123.5"),
        (1234.5, f"1{THIN}234"),
        (0.00021, "2.1×10⁻⁴"),
        (3e-41, "3.0×10⁻⁴¹"),
        (-2e12, "−2.0×10¹²"),
        (math.nan, "undefined"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_numbers_as_text(value: float, text: str):
    assert number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e8, max_value=1e8))
def test_a_number_is_never_shown_as_a_false_zero_and_reads_back(value: float):
    shown = number(value).replace(THIN, "").replace("−", "-")
    if "×10" in shown:
        mantissa, exponent = shown.split("×10")
        read = float(mantissa) * 10.0 ** float(exponent.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
        assert read == pytest.approx(value, rel=0.06)
    else:
        assert float(shown) == pytest.approx(value, rel=0.51, abs=0)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.512, 0.702, "[0.51, 0.70]"),
        (0.5123, 0.5423, "[0.512, 0.542]"),
        (-0.03, 1, "[−0.03, 1.00]"),
        (-0.0004, 0.19, "[>−0.01, 0.19]"),
        (120.4, 260.2, "[120, 260]"),
        (1e-9, 0.19, "[0.00, 0.19]"),
        (math.nan, 1.0, "no interval"),
        (-math.inf, 0.5, "[−∞, 0.50]"),
        (1.0, 1.0, "[1.00, 1.00]"),
    ],
)
def test_limits_have_the_digits_the_width_deserves(low: float, high: float, text: str):
    assert limits(interval(0.6, low, high)) == text


def test_an_estimate_has_the_digits_of_its_interval():
    assert estimate(interval(0.61234, 0.5, 0.7)) == "0.61"
    assert estimate(interval(-0.0004, -0.1, 0.1)) == "0.00"
    assert estimate(interval(1e-12, -0.1, 0.1)) == "0.00"
    assert estimate(interval(math.nan, math.nan, math.nan)) == "undefined"


def test_one_narrow_interval_does_not_lengthen_a_column():
    wide = [interval(0.5, 0.4, 0.6)] * 3
    assert decimals_for([*wide, interval(0.5, 0.499999, 0.500001)]) == 2


# Bars


@pytest.mark.parametrize(
    ("values", "span"),
    [
        ((0.2, 0.9), (0, 1)),
        ((-0.2, 0.9), (-1, 1)),
        ((2.24, 2.38), (0, 2.5)),
        ((-37.0, 4.0), (-40, 5)),
        ((-1.33, 1.2), (-1.5, 1.5)),
        ((0.0, math.nan), (0, 1)),
        ((0.0,), (0, 1)),
    ],
)
def test_the_scale_holds_every_value_and_zero(values: tuple[float, ...], span: tuple[float, float]):
    scale = scale_for(values)
    assert scale is not None
    assert (scale.low, scale.high) == span


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5))
def test_no_mark_leaves_the_scale(values: list[float]):
    scale = scale_for(values)
    assert scale is not None
    assert scale.low - 1e-9 <= min(values) <= max(values) <= scale.high + 1e-9
    assert scale.low < scale.high
    for value in values:
        assert 10 <= scale.x_of(value, 190, 10) <= 180


def test_nothing_finite_has_no_scale():
    assert scale_for([math.nan, math.inf]) is None
    assert interval_bar(interval(math.nan, 0, 1)) == ""


def test_a_bar_places_its_marks_in_proportion():
    bar = parse(str(interval_bar(interval(0.5, 0.25, 0.75), chance=0.0)))
    assert bar.one("path", "span").attributes["d"] == "M52.5,13H137.5"
    assert bar.one("circle").attributes["cx"] == "95"
    assert (bar.one("path", "chance").attributes["d"] or "").startswith("M10,")
    assert [text.text for text in bar.all("text")] == ["0", "1"]


def test_bars_of_one_claim_share_a_scale():
    both = [interval(0.5, 0.4, 0.6), interval(3.0, 2.0, 4.0)]
    drawn = [parse(str(interval_bar(one, 0.0, scale_of(both, 0.0)))) for one in both]
    assert [[text.text for text in bar.all("text")] for bar in drawn] == [["0", "4"]] * 2
    assert float(drawn[0].one("circle").attributes["cx"] or 0) < float(drawn[1].one("circle").attributes["cx"] or 0)


def test_a_share_is_filled_up_to_its_estimate():
    bar = parse(str(share_bar(interval(0.25, 0.1, 0.5), 0.2)))
    assert [bar.one("path", name).attributes["d"] for name in ("fill", "span", "chance")] == [
        "M0,5H25",
        "M10,5H50",
        "M20,0v10",
    ]


def test_an_axis_says_no_idle_digits():
    bar = parse(str(interval_bar(interval(-1.2, -1.33, -1.0), chance=0.0)))
    assert [text.text for text in bar.all("text")] == ["−1.5", "0"]


def test_a_bar_with_one_infinite_limit_shows_the_estimate_only():
    bar = parse(str(interval_bar(interval(0.5, -math.inf, 0.75))))
    assert [line.attributes["class"] for line in bar.all("path")] == ["axis"]


# Tables


def cells(table: Table, column: int) -> list[str]:
    return [row.cells[column].text for row in show_table(table).rows]


def test_a_column_of_numbers_shares_its_decimals():
    table = Table("t", "T", ("a", "p"), ((0.5, 0.25), (0.125, 3e-41), (1.0, 0.0)))
    assert cells(table, 0) == ["0.500", "0.125", "1.000"]
    assert cells(table, 1) == ["0.250", "3.0×10⁻⁴¹", "0.000"]


def test_kinds_of_cells():
    table = Table("t", "T", ("a",), ((None,), (True,), (12,), (math.nan,), (interval(0.5, 0.4, 0.6),)))
    assert cells(table, 0) == ["—", "yes", "12", "undefined", "0.50"]


def test_bars_of_a_column_share_a_scale_that_is_stated():
    table = Table("t", "T", ("m", "x"), (("a", interval(0.5, 0.4, 0.6)), ("b", interval(-0.5, -0.6, -0.4))))
    shown = show_table(table)
    assert shown.scales == "Bars span −1 to 1."
    marks = [parse(str(row.cells[1].bar)).all("path")[-1].attributes["d"] for row in shown.rows]
    assert marks == ["M74.0,4h0", "M26.0,4h0"]


def test_a_single_interval_gets_no_bar_because_there_is_nothing_to_compare():
    shown = show_table(Table("t", "T", ("x",), ((interval(0.5, 0.4, 0.6),),)))
    assert shown.scales == ""
    assert shown.rows[0].cells[0].bar == ""


def test_column_styles_and_groups():
    long = "a sentence that is certainly longer than one line"
    table = Table("t", "T", ("m", "x", "y"), (("a", 1, long), ("a", 2, ""), ("b", None, "")))
    shown = show_table(table)
    assert [column.style for column in shown.columns] == ["short", "num", "long"]
    assert [row.start for row in shown.rows] == ["", "", "start"]


def test_groups_within_groups_and_what_repeats():
    rows = (("a", "x", "p", 1), ("a", "x", "q", 1), ("a", "y", "q", 1), ("b", "y", "q", 1), ("b", "y", "q", 1))
    shown = show_table(Table("t", "T", ("m", "w", "k", "n"), rows))
    assert [row.start for row in shown.rows] == ["", "", "minor", "start", ""]
    assert [row.repeats for row in shown.rows] == [0, 2, 1, 0, 3]


def test_a_long_title_over_numbers_leaves_them_numbers():
    shown = show_table(Table("t", "T", ("bits at the embedding, with the template",), ((1.5,),)))
    assert shown.columns[0].style == "num"


def test_a_cell_without_an_estimate_has_no_bar():
    assert cell_bar(interval(math.nan, 0, 1), scale_for([0.0, 1.0])) == ""
