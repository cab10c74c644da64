"""A key that is read from the environment when it is sent, and held nowhere."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from unispect.chat.masking import PIECE, holds, masked, masked_bytes
from unispect.core.errors import UsageError

SHORTEST = PIECE
"""Shorter keys are placeholders ("EMPTY") that local servers want; words of replies must not be taken for them."""


@dataclass(frozen=True)
class Secret:
    """The name of an environment variable that holds a key; an empty name for endpoints that want none.

    Raises:
        UsageError: it cannot be the name of a variable. It is not repeated: somebody may have put the key there.
    """

    variable: str = ""

    def __post_init__(self) -> None:
        if self.variable and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.variable):
            raise UsageError(
                "what names the environment variable of a key is no name of a variable (it is not repeated here, since "
                "it could be the key itself); put the key into a variable and name that: --key-from MY_API_KEY"
            )

    def value(self) -> str:
        """The key; empty where none is wanted. Whoever calls this sends it and forgets it.

        Raises:
            UsageError: the variable is not set, or holds what cannot be a key. Says nothing of its content.
        """
        if not self.variable:
            return ""
        key = self._held
        if not key:
            # A key may look like a name; variables are spelled in capitals.
            name = f" {self.variable}" if self.variable.isupper() else ", of which the name is not repeated here,"
            raise UsageError(f"the environment variable{name} is not set; put the key of the chat model there")
        if not (key.isascii() and key.isprintable()) or " " in key:
            # Sent as it is, it would be quoted in the HTTP library's own error.
            raise UsageError(
                f"what the environment variable {self.variable} holds cannot be a key: spaces or odd letters"
            )
        return key

    @property
    def _held(self) -> str:
        return os.environ.get(self.variable, "").strip() if self.variable else ""

    def scrub(self, text: str) -> str:
        """`text` with the key masked, whole and in pieces, wherever it stands and however it is spelled."""
        return masked(text, self._held)

    def scrub_bytes(self, data: bytes) -> bytes:
        """`data` with the key masked, whole and in pieces."""
        return masked_bytes(data, self._held)

    def occurs_in(self, text: str) -> bool:
        """The whole key stands in `text`."""
        return holds(text, self._held)
