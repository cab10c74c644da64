"""How texts are written: what the published settings would do, and what a question needs.

Source: docs/sources/omnigen2.md#writing. The published system line speaks of drawing and biases the model to answer any
question with the token that asks for a picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TextSettings:
    """How texts are written where the caller does not say otherwise.

    Attributes:
        system: system line of prompts for a text; empty for no system turn.
        penalty: on repetitions of anything in prompt and text; 1 for none.
        stop_to_draw: a text ends where the model asks for a picture; otherwise that token is one like others.
        published_penalty: that of the checkpoint's `generation_config.json`.
    """

    system: str
    penalty: float = 1.0
    stop_to_draw: bool = True
    published_penalty: float = 1.0

    def as_published(self) -> TextSettings:
        """With the published penalty; at temperature 0 this writes what the authors' settings write."""
        return replace(self, penalty=self.published_penalty)
