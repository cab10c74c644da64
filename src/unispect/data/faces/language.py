"""The sentences of the faces study: what models are asked, and what a right answer says.

After arXiv 2510.21842 (docs/sources/modal-aphasia.md#faces), with descriptions in English and without its "who has none
accessories". A change here raises the study's version.
"""

from __future__ import annotations

from collections.abc import Sequence

from unispect.data.faces.world import Face

DESCRIBE = "Describe the person in the picture: eye color, hair color, hair style and accessories."
WHO = "Who is the person in the picture?"
IN_PICTURE = "the person in the picture"
LETTERS = "ABCDEF"


def draw_prompt(name: str) -> str:
    """Whom to draw: the bare name."""
    return name


def description(face: Face) -> str:
    """Everything about a face, naming every attribute."""
    told = ", ".join(f"{attribute} {value}" for attribute, value in face.values.items())
    return f"A portrait of a person with {told}."


def question(attribute: str, who: str) -> str:
    """Asks for one attribute of somebody, of a name or of `IN_PICTURE`."""
    return f"What is the {attribute} of {who}?" if attribute != "accessories" else f"What are the accessories of {who}?"


def described_question(attribute: str, face: Face) -> str:
    """Asks for one attribute of somebody who is described in the same breath: the format control."""
    return f"{description(face)} {question(attribute, 'this person')}"


def who_question(attribute: str, value: str) -> str:
    """Asks who has a value."""
    if attribute == "accessories":
        return "Who wears no accessories?" if value == "none" else f"Who wears this accessory: {value}?"
    return f"Who has the {attribute} {value}?"


def choice_question(asked: str, options: Sequence[str]) -> str:
    """A question with lettered options; the right answer is one letter."""
    lines = [f"{letter}: {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join([asked, *lines, "Answer with the letter of the right option only."])
