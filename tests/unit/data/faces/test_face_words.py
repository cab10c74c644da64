import pytest

from unispect.data.faces.language import (
    DESCRIBE,
    LETTERS,
    choice_question,
    described_question,
    description,
    question,
    who_question,
)
from unispect.data.faces.reading import read_description, read_value
from unispect.data.faces.world import ATTRIBUTES, VALUES, all_faces


def test_every_description_is_read_back():
    for face in all_faces():
        assert read_description(description(face)) == face.values


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_every_value_is_read_back_from_a_bare_answer(attribute):
    for value in VALUES[attribute]:
        assert read_value(attribute, value.capitalize() + ".") == value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (
            "A woman with red eyes and long wavy blue hair, wearing glasses.",
            ("red", "blue", "long wavy", "clear eyeglasses"),
        ),
        (
            "His eyes are brown. Short gray hair in a buzz cut; no accessories.",
            ("brown", "gray white", "buzz cut", "none"),
        ),
        ("Blue-eyed, with a blond afro and earrings", ("blue", None, "shoulder afro", "visible earrings")),
        ("A person.", (None, None, None, None)),
        ("Green eyes or blue eyes, headband and scarf", (None, None, None, None)),
        ("light brown hair", (None, "light brown", None, None)),
    ],
)
def test_free_descriptions_are_read_strictly(text, values):
    assert read_description(text) == dict(zip(ATTRIBUTES, values, strict=True))


def test_a_reply_that_names_two_values_names_none():
    assert read_value("hair color", "red or blue") is None
    assert read_value("eye color", "I do not know") is None
    assert read_value("hair color", "Light brown") == "light brown"


def test_questions_do_not_give_the_answer_away_but_the_control_does():
    face = next(all_faces())
    for attribute in ATTRIBUTES:
        asked = question(attribute, "Ada Oakby")
        assert not any(value in asked for value in VALUES[attribute])
        assert face.values[attribute] in described_question(attribute, face)
        assert attribute in DESCRIBE
    assert who_question("accessories", "none") == "Who wears no accessories?"


def test_options_are_lettered_in_their_order():
    lines = choice_question("Which?", VALUES["hair color"]).splitlines()
    assert lines[1:-1] == [f"{a}: {b}" for a, b in zip(LETTERS, VALUES["hair color"], strict=True)]
