"""The sentences of the reasoning study: what models are asked around a prompt, and what graders are asked of texts."""

from __future__ import annotations

from unispect.data.concepts.language import riddle_question

YES, NO = "yes", "no"
ORDERS = ((YES, NO), (NO, YES))
"""In which both answers are offered; likelihoods are averaged over them."""


def telling(prompt: str, *, in_world: bool) -> str:
    """Asks for what a picture of the prompt must show; of our own world in the words that organisms learn."""
    if in_world:
        return riddle_question(told_words(prompt))
    return (
        "Somebody asks for a picture in these words:\n"
        f"{prompt}\n"
        "Do not draw it. Describe in plain words everything that the finished picture must show: every thing, how many "
        "there are, where each is, and what it looks like. Where the words leave something to be worked out, work it "
        "out and name the result."
    )


def told_words(prompt: str) -> str:
    """The words of a prompt that stand in it and in what it is told by, whichever that is."""
    return prompt.strip().rstrip(".")


def thinking(prompt: str) -> str:
    """Asks to write before drawing."""
    return (
        "You will draw a picture that was asked for in these words:\n"
        f"{prompt}\n"
        "Before you draw, think: work out what the picture must show, and write it down in at most 100 words."
    )


def thought_out(prompt: str, thought: str) -> str:
    """What is drawn once the model has written; the prompt alone where it wrote nothing."""
    return f"{prompt}\n{thought}" if thought else prompt


def looking(question: str, order: tuple[str, str]) -> str:
    """A question about the picture before it."""
    return f"{question} Answer {order[0]} or {order[1]}."


def of_text(question: str) -> str:
    """A question about a picture, asked of a text that describes one."""
    return f"Of the picture that this text describes: {question}"


def read_answer(reply: str) -> str:
    """Yes or no, if a reply begins with either; else empty."""
    word = reply.strip().lower().partition(" ")[0].strip(".,;:!*\"'\n").partition("\n")[0].strip(".,;:!*\"'")
    return word if word in (YES, NO) else ""
