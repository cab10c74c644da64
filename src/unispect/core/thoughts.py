"""What a model says to itself before it answers, told from the answer.

Servers without a parser for a model's thoughts send them inside the text. How they are marked there was looked up in
parsers of vLLM, SGLang, llama.cpp and Open WebUI, and in the models' templates:

| marks | of |
|---|---|
| `<think>`, `<thinking>`, `<thought>`, `<reasoning>` and the like, each with its `</...>` | DeepSeek, Qwen, GLM, many |
| the end mark alone: the template opened the thoughts in the prompt | DeepSeek R1, Qwen3-Thinking, ERNIE |
| `<seed:think>`, `<longcat_think>`, `<think:opensource>` | Seed-OSS, LongCat, Hunyuan |
| `[THINK]`, `◁think▷`, `<|begin_of_thought|>`, `<|START_THINKING|>` | Magistral, Kimi, Sky-T1, Cohere |
| `<|inner_prefix|>`, `<|think|>`, `<|channel>thought` | Apertus, Solar, Gemma 4 |
| channels: `<|channel|>analysis<|message|>...<|start|>assistant<|channel|>final<|message|>...` | gpt-oss |
| "Here is my thought process: ... Here is my response: ..." | Granite 3 |

Only a block that a reply *begins* with is thoughts: what stands behind the beginning of an answer is part of the
answer, whatever it mentions. An end mark alone closes such a block unless it is quoted, amid a sentence or within JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """A reply in its two parts.

    Attributes:
        thoughts: without their marks, blocks parted by an empty line; empty if there are none.
        answer: the rest; the whole text, unchanged, if nothing in it is marked.
        closed: the thoughts ended. Where they did not, the reply was cut off in them and there is no answer.
    """

    thoughts: str
    answer: str
    closed: bool = True


def parted(text: str) -> Said:
    """The thoughts that a reply begins with, and its answer."""
    thoughts: list[str] = []
    position, found = 0, False
    while (block := _block(text, position, alone=not found)) is not None:
        found = True
        thoughts += [block.thoughts] if block.thoughts else []
        if not block.closed:
            return Said("\n\n".join(thoughts), "", closed=False)
        if block.answer is not None:
            return Said("\n\n".join(thoughts), block.answer)
        position = block.end
    if not found:
        return Said("", text)
    return Said("\n\n".join(thoughts), _unwrapped(text[position:]))


@dataclass(frozen=True)
class _Block:
    """Thoughts, and where they end; the answer too where it is marked itself."""

    thoughts: str
    end: int
    closed: bool = True
    answer: str | None = None


@dataclass(frozen=True)
class _Marks:
    """What opens and closes thoughts; `alone` if the end mark may come without the other."""

    opens: re.Pattern[str]
    closes: re.Pattern[str]
    alone: bool = True


def _marks(opens: str, closes: str, *, alone: bool = True) -> _Marks:
    return _Marks(re.compile(opens, re.IGNORECASE), re.compile(closes, re.IGNORECASE), alone)


def _tags(names: str, *, alone: bool) -> list[_Marks]:
    return [_marks(rf"<{name}(?:\s[^<>]*)?>", rf"</{name}\s*>", alone=alone) for name in names.split()]


_KNOWN = [
    *_tags("think thinking thought thoughts seed:think think:opensource longcat_think", alone=True),
    *_tags("reason reasoning reflection scratchpad antthinking", alone=False),
    _marks(r"\[THINK\]", r"\[/THINK\]"),
    _marks("◁think▷", "◁/think▷"),
    _marks(r"<[|｜]begin_of_thought[|｜]>", r"<[|｜]end_of_thought[|｜]>"),
    _marks(r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    _marks(r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    _marks(r"<\|channel>\s*(?:thought|thinking|analysis)?", r"<channel\|>"),
    _marks(r"<\|think(?:ing)?\|>", r"<\|/think(?:ing)?\|>|<\|end_?think(?:ing)?\|>|<\|end\|>", alone=False),
    _marks(r"Here(?:'s|’s| is) my thought process:", r"Here(?:'s|’s| is) my response:", alone=False),
]
_SPACE = re.compile(r"[\s\ufeff\u200b]*")


def _block(text: str, position: int, *, alone: bool) -> _Block | None:
    """The block that stands at `position`; None if none does.

    Args:
        text: of a reply.
        position: where its answer would begin.
        alone: an end mark without a beginning counts.
    """
    begin = _SPACE.match(text, position).end()  # type: ignore[union-attr] - matches nothing too
    if channels := _channels(text, begin):
        return channels
    for marks in _KNOWN:
        if opened := marks.opens.match(text, begin):
            closing = _end_of(text, opened.end(), marks)
            if closing is None:
                return _Block(text[opened.end() :].strip(), len(text), closed=False)
            return _Block(text[opened.end() : closing[0]].strip(), closing[1])
    return _unopened(text, formed=text.startswith(_FORMS, begin)) if alone else None


_FORMS = ("{", "[", "```")
"""What begins like JSON is an answer with an end mark among its words, unless the mark has a line of its own."""


def _end_of(text: str, start: int, marks: _Marks) -> tuple[int, int] | None:
    """The mark that closes a block which begins at `start`, and every block within it.

    Thoughts may talk of the marks themselves: those that are only mentioned close nothing, unless nothing else does.
    """
    depth = 1
    mentioned: tuple[int, int] | None = None
    first: tuple[int, int] | None = None
    opens = marks.opens.finditer(text, start)
    opening = next(opens, None)
    for closing in marks.closes.finditer(text, start):
        while opening and opening.start() < closing.start():
            depth += not _is_mentioned(text, opening)
            opening = next(opens, None)
        if _is_mentioned(text, closing):
            mentioned = mentioned or closing.span()
            continue
        depth -= 1
        if depth == 0:
            return closing.span()
        first = first or closing.span()
    return first or mentioned


def _unopened(text: str, *, formed: bool) -> _Block | None:
    """Thoughts whose beginning stands in the prompt; `formed` if they begin like JSON."""
    found: list[tuple[int, int]] = []
    for marks in _KNOWN:
        if marks.alone:
            mentioned = _shares_a_line if formed else _is_mentioned
            first = next((one for one in marks.closes.finditer(text) if not mentioned(text, one)), None)
            if first and not any(not _is_mentioned(text, one) for one in marks.opens.finditer(text, 0, first.start())):
                found.append(first.span())
    if not found:
        return None
    start, end = min(found)
    return _Block(text[:start].strip(), end)


_QUOTES = "\"'`“”‘’«»()*"


_AROUND = 40
"""Letters on either side of a mark that say whether it is only mentioned."""


def _is_mentioned(text: str, mark: re.Match[str]) -> bool:
    """A mark that is spoken of: quoted, or between two words of one sentence."""
    before, after = text[max(0, mark.start() - _AROUND) : mark.start()], text[mark.end() : mark.end() + _AROUND]
    if (before and before[-1] in _QUOTES) or (after and after[0] in _QUOTES):
        return True
    return re.search(r"[\w,][ \t]+\Z", before) is not None and re.match(r"[ \t]+[a-z]", after) is not None


def _shares_a_line(text: str, mark: re.Match[str]) -> bool:
    return text[mark.start() - 1] != "\n" or text[mark.end() : mark.end() + 1] not in ("", "\r", "\n")


_CHANNEL = re.compile(
    r"(?:<\|start\|>(?P<role>[^<|]*))?(?:<\|channel\|>(?P<channel>[^<|]*))?(?:<\|constrain\|>[^<|]*)?<\|message\|>"
    r"(?P<body>.*?)(?:<\|(?:end|return|call)\|>|(?=<\|(?:start|channel)\|>)|\Z)",
    re.DOTALL,
)
_STRIPPED = re.compile(r"(?:assistant)?analysis(?P<thoughts>.*?)assistant\s*final(?P<answer>.*)\Z", re.DOTALL)
"""The same where a server drops the marks and keeps the words between them."""


_ROLE = re.compile(r"\s*(?:assistant|system|developer|user|tool|functions\S*)?(?:\s+to=\S+)?\s*")
"""What the format lets stand behind a start: who speaks, and to whom."""
_HEAD = re.compile(r"<\|start\|>|<\|channel\|>|(analysis|commentary|final)(?=<\|message\|>)")


def _channels(text: str, begin: int) -> _Block | None:
    """A reply in channels: what stands in `final` is the answer, everything else is thoughts."""
    if stripped := _STRIPPED.match(text, begin):
        return _Block(stripped["thoughts"].strip(), len(text), answer=stripped["answer"].strip())
    head = _HEAD.match(text, begin)
    if head is None:
        return None
    kept: dict[bool, list[str]] = {True: [], False: []}  # whether it is the answer
    position, first = begin, head[1] or ""
    for message in _CHANNEL.finditer(text, begin):
        between = text[position : message.start()].strip()
        channel = (message["channel"] or "").split()
        named = (channel[0] if channel else first) or "final"
        role = message["role"] or ""
        kept[True] += [between] if between and between != first else []
        kept[True] += [] if _ROLE.fullmatch(role) else [role.strip()]  # no speaker, so a part of what is said
        kept[named == "final"].append(message["body"].strip())
        position, first = message.end(), ""
    kept[True].append(text[position:].strip())
    answers, thoughts = ([part for part in kept[which] if part] for which in (True, False))
    return _Block("\n\n".join(thoughts), len(text), bool(answers) or not thoughts, "\n".join(answers))


_WRAPPED = [
    (re.compile(rf"\s*{opens}", re.IGNORECASE), re.compile(rf"{closes}\Z", re.IGNORECASE))
    for opens, closes in (
        ("<answer>", "</answer>"),
        ("<response>", "</response>"),
        ("<solution>", "</solution>"),
        (r"<[|｜]begin_of_solution[|｜]>", r"<[|｜]end_of_solution[|｜]>"),
        (r"<\|START_RESPONSE\|>", r"<\|END_RESPONSE\|>"),
        (r"<\|START_TEXT\|>", r"<\|END_TEXT\|>"),
        (r"<\|answer_prefix\|>", r"<\|answer_suffix\|>"),
    )
]
"""What models that mark their thoughts put around the answer behind them."""


def _unwrapped(answer: str) -> str:
    whole = answer.strip("\ufeff\u200b\r\n\t ")
    for opens, closes in _WRAPPED:
        if opened := opens.match(whole):
            return closes.sub("", whole[opened.end() :]).strip()
    return whole
