"""What a reader must know of records of any study before their numbers: parts of prompts, and mixed precisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from unispect.core.prompts import Goal, Prompt
from unispect.core.units import JSON, Entry, Unit, canonical_json


def cautions(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Sentences about finished records, model by model."""
    models = dict.fromkeys(entry.unit.model for entry in entries)
    own = {model: [entry for entry in entries if entry.unit.model == model] for model in models}
    return tuple(line for model, some in own.items() for line in (*_cut(model, some), *_mixed(model, some)))


def pictures_asked_for(units: Iterable[Unit]) -> dict[str, Prompt]:
    """The distinct texts that pictures are drawn or states are taken of, as a model would draw them; by their text."""
    texts = (_text(unit) for unit in units if unit.settings.get("goal") == Goal.IMAGE or "draw" in unit.kind)
    return {text: Prompt.of(text) for text in texts if text}


def _cut(model: str, entries: Sequence[Entry]) -> Iterator[str]:
    """How many prompts were read in part, and how many of them became one and the same."""
    prompts: dict[str, tuple[int, str]] = {}
    records = 0
    for entry in entries:
        cut = entry.record.payload.get("cut")
        if isinstance(cut, Mapping):
            records += 1
            prompts[canonical_json(entry.unit.inputs.get("prompt"))] = (cast(int, cut["tokens"]), str(cut["read"]))
    if not prompts:
        return
    tokens = sorted(count for count, _ in prompts.values())
    between = f"{tokens[0]:,}" if tokens[0] == tokens[-1] else f"{tokens[0]:,} to {tokens[-1]:,}"
    yield (
        f"{_name(model)} read only the beginning of {_count(len(prompts), 'prompt')} ({_count(records, 'record')}): "
        f"{between} tokens at the end were left out, so the replies are to a part of what was asked."
    )
    shared = Counter(read for _, read in prompts.values())
    alike = sum(count for count in shared.values() if count > 1)
    if alike:
        became = sum(count > 1 for count in shared.values())
        yield (
            f"{_name(model)}: {alike} different prompts became {_count(became, 'input')} when they were cut; their "
            "replies are no independent observations."
        )


def _mixed(model: str, entries: Sequence[Entry]) -> Iterator[str]:
    """Whether records were made in several precisions or on several kinds of devices."""
    found = Counter(
        f"{made.dtype} on {made.device}" for entry in entries if (made := entry.record.made) is not None and made.dtype
    )
    if len(found) > 1:
        parts = ", ".join(f"{count:,} in {where}" for where, count in sorted(found.items()))
        yield f"Records of {_name(model)} were made in several ways: {parts}. They may differ by that alone."


def _text(unit: Unit) -> str:
    prompt: JSON = unit.inputs.get("prompt")
    if isinstance(prompt, Mapping):
        prompt = prompt.get("text")
    return prompt if isinstance(prompt, str) else ""


def _name(model: str) -> str:
    return model.partition("@")[0]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
