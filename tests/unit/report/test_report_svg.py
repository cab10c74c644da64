import pytest

from unispect.report.svg import harmless

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def rebuilt(inside: str, **colours: str) -> str:
    return str(harmless(f'<svg {NAMESPACES} viewBox="0 0 9 9" width="9" height="9">{inside}</svg>', colours))


@pytest.mark.parametrize(
    "inside",
    [
        "<script>x()</script>",
        "<style>*{}</style>",
        "<foreignObject><b>x</b></foreignObject>",
        '<a xlink:href="https://example.org"><path d="M0,0"/></a>',
        '<image href="https://example.org/x.png"/>',
        '<use href="#x"/>',
        '<animate attributeName="href" values="javascript:x()"/>',
        '<path d="M0,0h9" display="none"/>',
        '<rect width="9" height="9" fill="transparent"/>',
    ],
)
def test_elements_that_are_not_shapes_or_text_are_dropped_with_all_they_hold(inside: str):
    made = rebuilt(inside)
    assert made == '<svg class="plot" aria-hidden="true" focusable="false" viewBox="0 0 9 9"></svg>'


def test_only_geometry_and_paint_survive_on_a_shape():
    made = rebuilt(
        '<path onload="x()" style="fill:url(https://example.org)" id="a" class="b" xlink:href="#c" d="M0,0h9" '
        'fill="url(https://example.org)" stroke="red" transform="translate(1,2)"/>'
    )
    assert made.endswith('><path d="M0,0h9" stroke="red" transform="translate(1,2)"/></svg>')


def test_text_is_escaped():
    made = rebuilt("<text x='1'>&lt;script&gt;&amp;\"'</text>")
    assert '<text x="1">&lt;script&gt;&amp;&#34;&#39;</text>' in made


def test_colours_become_what_the_page_says():
    assert 'stroke="var(--ink)"' in rebuilt('<line x2="9" stroke="#010203"/>', **{"#010203": "var(--ink)"})


def test_numbers_are_shortened_and_empty_groups_vanish():
    made = rebuilt('<g><g/></g><g transform="translate(1.23456,2.000001)"><line x2="9"/></g>')
    assert made.endswith('<g transform="translate(1.23,2)"><line x2="9"/></g></svg>')
