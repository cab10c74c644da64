"""Which prompts decide how states are measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest

from unispect.core.prompts import Modality
from unispect.data.items import PromptItem


def calibration_items(items: Sequence[PromptItem], modality: Modality, most: int) -> list[PromptItem]:
    """Up to `most` prompts of a modality, taken in turns from its kinds."""
    kinds: dict[str, list[PromptItem]] = {}
    for item in items:
        if item.modality == modality:
            kinds.setdefault(item.kind, []).append(item)
    in_turns: Iterable[PromptItem | None] = chain.from_iterable(zip_longest(*kinds.values()))
    return [item for item in in_turns if item is not None][:most]
