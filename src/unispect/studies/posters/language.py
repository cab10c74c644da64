"""What a model is asked about a poster. Words of our own: the prompts of arXiv 2510.21842 were not published."""

from __future__ import annotations


def draw_prompt(title: str, year: int, kind: str) -> str:
    """Asks for the picture."""
    return (
        f"Draw, from memory, the original {kind} of {title} ({year}): the whole of it, seen straight from the front, "
        "as close to the real one as you can."
    )


def describe_prompt(title: str, year: int, kind: str) -> str:
    """Asks for the same in words."""
    return (
        f"Describe, from memory, the original {kind} of {title} ({year}): everything that can be seen on it, as close "
        "to the real one as you can. Say who and what is shown and where, poses, clothes, objects, background, "
        "colours, and the main title. Write plain prose of 250 to 400 words."
    )


def visualise_prompt(title: str, year: int, kind: str) -> str:
    """Asks for the words behind an inner picture."""
    return (
        f"Before you answer, picture the original {kind} of {title} ({year}) in your mind, as if you were about to "
        "draw it: the whole first, then part by part, from the top left to the bottom right. Then describe the picture "
        "you have in mind. " + describe_prompt(title, year, kind)
    )
