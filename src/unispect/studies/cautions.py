"""What a reader must know of records of any study before their numbers: parts of prompts, and mixed precisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from unispect.core.prompts import Goal, Prompt
from unispect.core.units import JSON, Entry, Unit, canonical_json
from unispect.runs.records import cut_among, unfinished, ways_of


@dataclass
class _Seen:
    """What was seen of one model's records: prompts that were cut, and how records were made."""

    cut: dict[str, tuple[int, str]] = field(default_factory=dict)
    records: int = 0
    ways: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        cut = entry.record.payload.get("cut")
        if isinstance(cut, Mapping):
            self.records += 1
            self.cut[canonical_json(entry.unit.inputs.get("prompt"))] = (cast(int, cut["tokens"]), str(cut["read"]))


def cautions(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Sentences about finished records, model by model."""
    seen: dict[str, _Seen] = {}
    for (model, dtype, device), count in ways_of(entries).made.items():
        one = seen.setdefault(model, _Seen())
        if dtype:
            one.ways[f"{dtype} on {device}"] += count
    for entry in cut_among(entries):
        seen[entry.unit.model].add(entry)
    lines = [line for model, one in seen.items() for line in (*_cut(model, one), *_mixed(model, one))]
    return (*lines, *_repeated(entries))


def pictures_asked_for(units: Iterable[Unit]) -> dict[str, Prompt]:
    """The distinct texts that pictures are drawn or states are taken of, as a model would draw them; by their text."""
    texts = (_text(unit) for unit in units if unit.settings.get("goal") == Goal.IMAGE or "draw" in unit.kind)
    return {text: Prompt.of(text) for text in texts if text}


def under_two_seeds(units: Iterable[Unit]) -> tuple[str, tuple[Unit, Unit]] | None:
    """The first text that is drawn under two seeds, and both units; None where every text is drawn once."""
    first: dict[str, Unit] = {}
    for unit in units:
        text = _text(unit) if "draw" in unit.kind else ""
        if not text:
            continue
        key = canonical_json([unit.kind, unit.inputs, unit.settings])
        if first.setdefault(key, unit).seed != unit.seed:
            return text, (first[key], unit)
    return None


def losses_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """One sentence per reason for which units left nothing to measure."""
    reasons = Counter((entry.record.status, entry.record.error) for entry in unfinished(entries))
    sentences = [
        f"{count} of {len(entries)} units {status}: {error}" for (status, error), count in reasons.most_common(5)
    ]
    rest = sum(count for _, count in reasons.most_common()[5:])
    return (*sentences, f"{rest} more units failed for other reasons.") if rest else tuple(sentences)


def _cut(model: str, seen: _Seen) -> Iterator[str]:
    """How many prompts were read in part, and how many of them became one and the same."""
    prompts, records = seen.cut, seen.records
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


def _repeated(entries: Iterable[Entry]) -> Iterator[str]:
    """How many requests gave a provider's same picture under every seed that it was sent."""
    drawn: dict[str, dict[str, list[str]]] = {}
    for entry in entries:
        sent, picture = entry.record.payload.get("sent"), entry.record.blobs.get("picture")
        if picture and isinstance(sent, Mapping) and "seed" in sent:
            request = canonical_json([entry.unit.kind, entry.unit.inputs, entry.unit.settings])
            drawn.setdefault(entry.unit.model, {}).setdefault(request, []).append(picture)
    for model, requests in drawn.items():
        several = [pictures for pictures in requests.values() if len(pictures) > 1]
        if alike := sum(len(set(pictures)) == 1 for pictures in several):
            yield (
                f"{_name(model)} was sent seeds, and {alike:,} of {_count(len(several), 'prompt')} drawn under several "
                "gave the same picture under each: repetitions of one picture, and no independent observations."
            )


def _mixed(model: str, seen: _Seen) -> Iterator[str]:
    """Whether records were made in several precisions or on several kinds of devices."""
    if len(seen.ways) > 1:
        parts = ", ".join(f"{count:,} in {where}" for where, count in sorted(seen.ways.items()))
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
