"""Strings made safe to look at: what a reader sees is what the string holds.

Escaping for HTML is the template engine's job; this module deals with characters that would be invisible, reorder
their neighbours, or could not be written to a file at all.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST_SLUG = 80
_PLAIN = frozenset("\n\t")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """`text` with control, format, bidirectional and unencodable characters spelled out.

    Each becomes its code point, such as `⟨U+202E⟩`. Line feeds and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(character if character in _PLAIN else _spelled(character) for character in text)


def _spelled(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return f"⟨U+{ord(character):04X}⟩"


def clip(text: str, limit: int) -> str:
    """The first `limit` characters of `text`, and how many there were when that is not all."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text):,} characters in all)"


def slug(text: str) -> str:
    """Lower-case letters, digits and hyphens: fit for an anchor or a file name; "x" when nothing is left.

    What is too long is cut, with a digest of all of it, so that a slug depends on its text and on no other.
    """
    made = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"
    if len(made) <= LONGEST_SLUG:
        return made
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{made[:LONGEST_SLUG]}-{digest}"


class Anchors:
    """Hands out anchors that are unique on one page."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, *parts: str) -> str:
        base = "-".join(slug(part) for part in parts)
        name, count = base, 1
        while name in self._taken:
            count += 1
            name = f"{base}-{count}"
        self._taken.add(name)
        return name
