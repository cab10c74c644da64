"""Thinking before answering or drawing: what the model is told for it, and its thoughts as part of a prompt.

Source: docs/sources/bagel.md#layout and #writing. The wording belongs to the model as its weights do.
"""

from __future__ import annotations

from dataclasses import dataclass

from unispect.core.errors import UsageError
from unispect.core.prompts import Goal

_FIRST = "You should first think about the {} process in the mind and then {}. \n"
_WHERE = "The {} process is enclosed within <think> </think> tags, i.e. <think> {} process here </think> {} here"
SYSTEM = {
    Goal.TEXT: _FIRST.format("reasoning", "provide the user with the answer")
    + _WHERE.format("reasoning", "reasoning", "answer"),
    Goal.IMAGE: _FIRST.format("planning", "generate the image") + _WHERE.format("planning", "planning", "image"),
}
"""What stands in front of a prompt, by what the reply will be."""


@dataclass(frozen=True)
class ChainOfThought:
    """How thoughts are written before a picture is drawn; thoughts before an answer are part of the answer.

    Attributes:
        most: tokens of them; the authors count the token that begins them too, so their 1000 are 999 here.
        temperature: 0 takes the most likely token.
    """

    most: int = 999
    temperature: float = 0.0

    def check(self) -> None:
        """Raises `UsageError` for settings that make no sense."""
        if self.most < 1 or self.temperature < 0:
            raise UsageError(
                f"thoughts of {self.most} tokens at temperature {self.temperature}: there must be a token, and the "
                "temperature cannot be negative"
            )
