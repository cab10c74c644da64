import pytest

from unispect.data.concepts.language import description
from unispect.data.concepts.reading import SYNONYMS, named_values, read_description, read_meaning
from unispect.data.concepts.world import ATTRIBUTES, VALUES, all_concepts


def test_our_own_descriptions_are_read_back():
    for concept in all_concepts():
        assert read_description(description(concept.values)) == concept.values


@pytest.mark.parametrize("value", [value for attribute in ATTRIBUTES for value in VALUES[attribute]])
def test_every_value_alone_is_read_as_itself(value):
    assert read_meaning(value) == value
    assert read_meaning(f"It means {value.upper()}.") == value


@pytest.mark.parametrize(("value", "others"), SYNONYMS.items())
def test_listed_names_count(value, others):
    for other in others:
        assert read_meaning(f"a {other}!") == value


@pytest.mark.parametrize("text", ["", "no idea", "red or blue", "a red circle", "starry", "redder", "topleft"])
def test_none_or_several_names_are_no_meaning(text):
    assert read_meaning(text) is None


def test_circle_and_circles_are_different_words():
    assert read_meaning("circle") == "circle"
    assert read_meaning("circles") == "circles"
    assert named_values("a circle on circles")["shape"] == ("circle",)


def test_ambiguity_of_one_attribute_leaves_the_others():
    text = "A star, or a plus, in the top-left corner, on red stripes."
    assert read_description(text) == {"shape": None, "color": "red", "pattern": "striped", "position": "top left"}


def test_the_same_value_twice_is_still_one():
    assert read_meaning("cyan, that is turquoise") == "turquoise"
