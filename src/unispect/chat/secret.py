"""A key that is read from the environment when it is sent, and held nowhere."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from unispect.core.errors import UsageError

SHORTEST = 8
"""Shorter keys are placeholders ("EMPTY") that local servers want; words of replies must not be taken for them."""
MASK = "[key]"


@dataclass(frozen=True)
class Secret:
    """The name of an environment variable that holds a key; an empty name for endpoints that want none."""

    variable: str = ""

    def value(self) -> str:
        """The key; empty where none is wanted. Whoever calls this sends it and forgets it.

        Raises:
            UsageError: the variable is not set, or holds what cannot be a key. Says nothing of its content.
        """
        if not self.variable:
            return ""
        key = os.environ.get(self.variable, "").strip()
        if not key:
            raise UsageError(
                f"the environment variable {self.variable} is not set; put the key of the chat model there"
            )
        if not (key.isascii() and key.isprintable()) or " " in key:
            # Sent as it is, it would be quoted in the HTTP library's own error.
            raise UsageError(
                f"what the environment variable {self.variable} holds cannot be a key: spaces or odd letters"
            )
        return key

    def scrub(self, text: str) -> str:
        """`text` with the key masked wherever it stands, also as JSON and URLs spell it."""
        key = os.environ.get(self.variable, "").strip() if self.variable else ""
        if len(key) < SHORTEST:
            return text
        for spelled in sorted(
            {key, quote(key, safe=""), quote_plus(key), json.dumps(key)[1:-1]}, key=len, reverse=True
        ):
            text = text.replace(spelled, MASK)
        return text

    def scrub_bytes(self, data: bytes) -> bytes:
        """`data` with the key masked; what is no text is no key."""
        key = os.environ.get(self.variable, "").strip().encode() if self.variable else b""
        return data.replace(key, MASK.encode()) if len(key) >= SHORTEST else data

    def occurs_in(self, text: str) -> bool:
        """The key stands in `text`."""
        return self.scrub(text) != text
