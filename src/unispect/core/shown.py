"""Texts that are safe to look at, and objects as a notebook shows them.

A text may come from a model: what would be invisible in it, reorder its neighbours or not fit into a file is spelled
out. The pieces of HTML carry no script and take the notebook's own colours.
"""

from __future__ import annotations

import base64
import html
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unispect.core.cards import ModelCard


MOST_ROWS = 40
"""Of a table that is shown; frames hold all of them."""

_STYLE = (
    "<style>.unispect{font-size:13px;line-height:1.45}.unispect table{border-collapse:collapse;margin:.3em 0}"
    ".unispect th,.unispect td{text-align:left!important;vertical-align:top;padding:.2em .8em .2em 0;"
    "border-bottom:1px solid color-mix(in srgb,currentColor 18%,transparent)}.unispect .soft{opacity:.7}"
    ".unispect .num{font-variant-numeric:tabular-nums;white-space:nowrap}.unispect figure{display:inline-block;"
    "margin:0 12px 12px 0;width:132px;vertical-align:top}.unispect img{width:128px;image-rendering:pixelated;"
    "border:1px solid color-mix(in srgb,currentColor 30%,transparent)}.unispect figcaption{font-size:12px;"
    "overflow-wrap:anywhere}</style>"
)


_FORMULA = (*"=+-@＝＋－＠", "\t", "\r", "\n")
"""How a text begins that a spreadsheet may run: it reads full-width signs too, and passes over ends of lines."""


def spreadsheet_cell(value: object) -> object:
    """The value as a spreadsheet may have it: a text that it would run as a formula has an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def valid(text: str) -> str:
    """The text as UTF-8 can hold it: lone surrogates are U+FFFD, and two that form a pair are their character."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


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


def text(value: object, most: int = 400) -> str:
    """A text as HTML."""
    return html.escape(visible(clip(str(value), most)))


def box(*parts: str) -> str:
    """Pieces of HTML as one output."""
    return f'<div class="unispect">{_STYLE}{"".join(parts)}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of HTML below a head of texts, the first `MOST_ROWS` of them and how many more there are."""
    every = list(rows)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in every[:MOST_ROWS])
    more = f'<p class="soft">and {len(every) - MOST_ROWS:,} more</p>' if len(every) > MOST_ROWS else ""
    return f"<table><tr>{''.join(f'<th>{text(name)}</th>' for name in head)}</tr>{body}</table>{more}"


def card(one: ModelCard) -> str:
    """What is known about a model."""
    size = "unknown" if one.parameters is None else f"{one.parameters:,.1f} million"
    facts: Mapping[str, object] = {
        "family": one.family,
        "draws by": one.paradigm,
        "encoders": one.encoders,
        "parameters": size,
        "pictures": f"{one.image_size} pixels, {one.image_tokens} tokens",
        "can": ", ".join(sorted(one.capabilities)),
        "weights": one.hub or "shipped with unispect",
        "revision": one.revision,
        "licence": one.licence,
        "planted control": one.planted,
        "not as published": "; ".join(one.differences),
        "adapters": "; ".join(one.adapters),
        "notes": " ".join(one.notes),
    }
    rows = [(f'<span class="soft">{text(name)}</span>', text(value)) for name, value in facts.items() if value]
    return f"<b>{text(one.id)}</b>{table(('', ''), rows)}"


def picture(png: bytes, caption: Iterable[str], alt: str) -> str:
    """A picture with lines of HTML below it."""
    data = base64.b64encode(png).decode("ascii")
    lines = "<br>".join(line for line in caption if line)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{text(alt)}"><figcaption>{lines}</figcaption></figure>'
    )


def drawing(svg: str, alt: str) -> str:
    """A drawing as a picture, on white paper: nothing in it can run."""
    data = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    style = "width:auto;max-width:100%;image-rendering:auto;background:#fff"
    return f'<img style="{style}" alt="{text(alt)}" src="data:image/svg+xml;base64,{data}">'
