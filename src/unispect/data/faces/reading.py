"""Which values of a face a text names.

Strict: a value counts as named when its name, or one of a few listed names for the same thing, stands there as whole
words, for eyes and hair beside these words. Nothing is guessed from the rest of the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from unispect.data.faces.world import ATTRIBUTES, VALUES

SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "brown": ("dark brown",),
        "blonde": ("blond",),
        "gray white": ("gray", "grey", "white", "grey white"),
        "shoulder straight": ("straight shoulder length", "shoulder length straight"),
        "shoulder afro": ("afro",),
        "long wavy": ("wavy long",),
        "long straight": ("straight long",),
        "buzz cut": ("buzzcut", "buzz"),
        "none": ("no accessories", "no accessory", "nothing", "without accessories"),
        "clear eyeglasses": ("eyeglasses", "glasses", "spectacles"),
        "visible earrings": ("earrings", "earring"),
        "headband": ("head band", "hairband"),
        "scarf around neck": ("scarf",),
    }
)
"""Other names that count."""

_NOUN = {"eye color": "eyes?", "hair color": "hair"}
_BETWEEN = r"(?: (?:long|short|wavy|straight|curly|afro|shoulder|length|color|and)){0,3}"


def read_value(attribute: str, text: str) -> str | None:
    """The one value of a known attribute that a reply names, None if it names none or several."""
    return _only(_longest(attribute, _plain(text), "", ""))


def read_description(text: str) -> dict[str, str | None]:
    """Attribute -> the one value that a text names, None if it names none or several."""
    plain = _plain(text)
    values: dict[str, str | None] = {}
    for attribute in ATTRIBUTES:
        if attribute in _NOUN:  # colours of eyes and hair share words
            noun = _NOUN[attribute]
            named = _longest(attribute, plain, rf"{noun} colou?r (?:is |are )?", "")
            named = named or _longest(attribute, plain, "", rf"{_BETWEEN} {noun}")
            named = named or _longest(attribute, plain, rf"{noun} (?:is|are) ", "")
        else:
            named = _longest(attribute, plain, "", "")
        values[attribute] = _only(named)
    return values


def _longest(attribute: str, plain: str, before: str, behind: str) -> list[str]:
    """The values named between two patterns; "light brown" does not also name "brown"."""
    names = {name: value for value in VALUES[attribute] for name in (value, *SYNONYMS.get(value, ()))}
    either = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    found = re.findall(rf"(?<!\w){before}({either})(?!\w){behind}", plain)
    return list(dict.fromkeys(names[name] for name in found))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z]+", text.lower()))


def _only(values: Sequence[str]) -> str | None:
    return values[0] if len(values) == 1 else None
