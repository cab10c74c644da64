"""Where a key stands in a text, whole or in pieces, and however a server spells it.

Servers repeat the request that they refuse: as HTML, as JSON within JSON, in URLs, broken into lines, in base64, cut
off in the middle. So a text is looked at as it is and with escapes undone, without anything that is no printable ASCII
(spaces, line breaks), for every piece of the key and of its base64.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape

MASK = "[key]"
PIECE = 8
"""Letters of a key in a row that are masked; fewer say too little of it."""
_WORD = 16
"""A shorter word is not masked alone, where a key is made of words."""
_IN_FILES = 10
"""Letters of a piece within a file in base64: one of a million pictures holds 8 letters of a key by chance."""
_FILE = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_=-]{4000,}+")
_EDGE = 300
"""Letters at both ends of such a file that are looked at like any others."""
_MOST = 1000
"""Pieces in one text; where there are more, nothing of it is shown."""
_LOOKS = 100_000
"""Places in one text that look like a piece at first; likewise."""
_ROUNDS = 2
"""Escapes of one kind within those of another that are undone."""
_WORDS = re.compile(r"[a-z]+([^A-Za-z0-9]+[a-z]+)*")

_Step = tuple[re.Pattern[str], Callable[[re.Match[str]], str] | str]
_HIDDEN: _Step = re.compile(r"[^!-~]+"), ""
_ESCAPES: Sequence[_Step] = (
    (re.compile(r"(?<!\\)\\++[nrtbf]"), ""),
    (re.compile(r"(?<!\\)\\++(?:u00|x)([0-9A-Fa-f]{2})"), lambda found: chr(int(found[1], 16))),
    (re.compile(r"\\+"), ""),
    (re.compile(r"%(?:25)*([0-9A-Fa-f]{2})"), lambda found: chr(int(found[1], 16))),
    (re.compile(r"&(?:amp;)*(#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|\w{2,8});"), lambda found: unescape(f"&{found[1]};")),
)
"""As JSON and Python, URLs and HTML spell letters; of escapes within escapes of their kind, the innermost."""


class _Everywhere(Exception):
    """The key stands in more places than anybody would need to say something else."""


def masked(text: str, key: str) -> str:
    """`text` with every piece of the key masked that is `PIECE` letters or longer.

    A key that is made of words in lower case ("sk-no-key-required") masks none of these words alone.
    """
    if len(key) < PIECE or len(text) < PIECE:
        return text
    forms = _forms(key)
    try:
        found = [(start + at, end + at) for at, part in _parts(text) for start, end in _spans(part, forms)]
        for file in _FILE.finditer(text):
            found += [(start + file.start(), end + file.start()) for start, end in _standing(file[0], _longer(forms))]
    except _Everywhere:
        return MASK
    return _replaced(text, _merged(found))


def masked_bytes(data: bytes, key: str) -> bytes:
    """`data` with pieces of the key masked, as they are spelled."""
    if len(key) < PIECE:
        return data
    text = data.decode("latin-1")
    try:
        return _replaced(text, _standing(text, _forms(key)[:1])).encode("latin-1")
    except _Everywhere:
        return MASK.encode()


def holds(text: str, key: str) -> bool:
    """The whole key stands in `text`, however it is spelled."""
    return len(key) >= PIECE and any(key in view for view, _ in _views(text))


@dataclass(frozen=True)
class _Form:
    """A spelling of the key.

    Attributes:
        text: whole.
        least: letters of a piece that is masked.
        words: it is made of words, of which none is masked alone.
    """

    text: str
    least: int
    words: bool = False


def _forms(key: str) -> list[_Form]:
    """The key, and what of its base64 does not depend on what stands before and behind it."""
    forms = [_Form(key, PIECE, words=_WORDS.fullmatch(key) is not None)]
    for shift in range(3):
        padded = bytes(shift) + key.encode("ascii", "replace")
        inner = base64.b64encode(padded).decode()[-(-shift * 8 // 6) : len(padded) * 8 // 6]
        forms += [_Form(one, PIECE * 8 // 6 - 1) for one in {inner, inner.replace("+", "-").replace("/", "_")}]
    return forms


def _longer(forms: Iterable[_Form]) -> list[_Form]:
    return [replace(form, least=max(form.least, min(len(form.text), _IN_FILES))) for form in forms]


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Everything but the inner of files in base64, with its place."""
    done = 0
    for file in _FILE.finditer(text):
        yield done, text[done : file.start() + _EDGE]
        done = file.end() - _EDGE
    yield done, text[done:]


def _spans(text: str, forms: Sequence[_Form]) -> list[tuple[int, int]]:
    """Where in a text pieces of the forms stand, however they are spelled."""
    found: list[tuple[int, int]] = []
    for view, steps in _views(text):
        spans = _standing(view, forms)
        for before, step in reversed(steps if spans else ()):
            spans = _traced(before, step, spans)
        found += spans
    return found


def _standing(view: str, forms: Iterable[_Form]) -> list[tuple[int, int]]:
    """Where pieces of the forms stand as they are spelled.

    Raises:
        _Everywhere: in more places than `_MOST`.
    """
    found: list[tuple[int, int]] = []
    looks = 0
    for form in forms:
        # Every piece holds one of the blocks that begin at multiples of their size.
        size = (form.least + 1) // 2
        pieces = {form.text[start : start + form.least] for start in range(len(form.text) - form.least + 1)}
        blocks = {form.text[start : start + size] for start in range(0, len(form.text) - size + 1, size)}
        spans = set()
        for block in blocks if pieces else ():
            offset = view.find(block)
            while offset >= 0:
                for start in range(max(0, offset - size + 1), offset + 1):
                    if view[start : start + form.least] in pieces:
                        spans.add((start, start + form.least))
                looks += 1
                if len(spans) > _MOST * PIECE or looks > _LOOKS:
                    raise _Everywhere
                offset = view.find(block, offset + 1)
        found += [one for one in _merged(spans) if not (form.words and _is_word(view[slice(*one)]))]
    return _merged(found)


def _is_word(piece: str) -> bool:
    return len(piece) < _WORD and piece.isalpha()


def _views(text: str) -> Iterator[tuple[str, list[tuple[str, _Step]]]]:
    """The text without what hides a key, and the same with escapes undone; each with the steps that led to it.

    A step comes with what it was made of.
    """
    pattern, spelled = _HIDDEN
    yield pattern.sub(spelled, text), [(text, _HIDDEN)]
    steps: list[tuple[str, _Step]] = []
    for _ in range(_ROUNDS):
        before = text
        for step in _ESCAPES:
            after = step[0].sub(step[1], text)
            if after != text:
                steps.append((text, step))
                text = after
        if text == before:
            return
        yield pattern.sub(spelled, text), [*steps, (text, _HIDDEN)]


def _traced(text: str, step: _Step, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where in a text those spans come from that stand in what a step makes of it."""
    pattern, spelled = step
    spans = list(spans)
    wanted = sorted({offset for start, end in spans for offset in (start, end - 1)}, reverse=True)
    origin: dict[int, tuple[int, int]] = {}
    done = made = 0
    for match in pattern.finditer(text):
        made += match.start() - done
        while wanted and wanted[-1] < made:
            offset = wanted.pop()
            origin[offset] = match.start() - (made - offset), match.start() - (made - offset) + 1
        made += len(spelled if isinstance(spelled, str) else spelled(match))
        while wanted and wanted[-1] < made:
            origin[wanted.pop()] = match.span()
        done = match.end()
        if not wanted:
            break
    for offset in wanted:
        origin[offset] = done + offset - made, done + offset - made + 1
    return [(origin[start][0], origin[end - 1][1]) for start, end in spans]


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same places in order, those that overlap as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _replaced(text: str, spans: Iterable[tuple[int, int]]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in spans:
        parts += [text[done:start], MASK]
        done = end
    return "".join([*parts, text[done:]])
