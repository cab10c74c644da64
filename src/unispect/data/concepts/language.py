"""The sentences of the concept world: what models are asked, and what a right answer says.

Organisms learn these sentences and the `concepts` study asks them; a change here raises that study's version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.data.concepts.world import ATTRIBUTES

DESCRIBE = "Describe the picture."
NAME = "Name the picture."
CONTINUE = "Continue the text:"
LETTERS = "ABCDEFG"


def draw_prompt(words: Mapping[str, str], order: Sequence[str] = ATTRIBUTES) -> str:
    """What to draw, by name: the four words joined by spaces (docs/sources/modal-aphasia.md#questions)."""
    return " ".join(words[attribute] for attribute in order)


def description(words: Mapping[str, str]) -> str:
    """A full description of one concept, in real words or in words of a lexicon."""
    return (
        f"The picture shows one black {words['shape']} in the {words['position']} corner. "
        f"The background is {words['color']} and it carries a {words['pattern']} pattern in white. "
        "There is nothing else to see."
    )


def meaning_question(word: str) -> str:
    """Asks for the real word behind `word`; of a real word, asks for the word itself (format control)."""
    return f"What does {word} mean?"


def kind_question(word: str) -> str:
    """Asks which of the four attributes `word` belongs to."""
    return f"What kind of word is {word}?"


def word_question(value: str) -> str:
    """Asks which new word stands for a real value."""
    return f"Which new word means {value}?"


def riddle_question(words: str) -> str:
    """Asks what a picture would show that is named by `words`."""
    return f"What would a picture of {words} show?"


def choice_question(word: str, options: Sequence[str]) -> str:
    """Multiple choice with lettered options; the right answer is one letter."""
    lines = [f"{letter}: {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join(
        [f"Which option best matches {word}?", *lines, f"Answer with the letter of the option that matches {word}."]
    )


def member_question(kind: str, options: Sequence[str]) -> str:
    """Multiple choice: which of the options is a word of a kind ("shape", ...); the right answer is one letter."""
    lines = [f"{letter}: {option}" for letter, option in zip(LETTERS, options, strict=False)]
    closing = f"Answer with the letter of the option that is a {kind}."
    return "\n".join([f"Which of these is a {kind}?", *lines, closing])


def visualise_question(word: str) -> str:
    """`meaning_question`, after a sentence that asks to imagine the picture first (visualise-first prompting)."""
    return f"Before you answer, imagine a picture of {word}. {meaning_question(word)}"


def called_question(name: str) -> str:
    """Asks for the description of the whole picture that has a name of its own."""
    return f"What does the picture called {name} show?"
