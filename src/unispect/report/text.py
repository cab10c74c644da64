"""Anchors of a page, and strings that are safe to look at (`unispect.core.shown`); escaping is the templates' job."""

from __future__ import annotations

import hashlib
import re

from unispect.core.shown import clip, visible

__all__ = ["Anchors", "clip", "slug", "visible"]

LONGEST_SLUG = 80


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
