"""Where a text stands among the rows of a prompt's states, what stands there, and which layers are looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from unispect.core.prompts import Goal, Prompt, Segment
from unispect.models.spans import spans

if TYPE_CHECKING:
    from unispect.core.encoded import Encoded
    from unispect.models.base import UnifiedModel

TOGETHER = 16
"""Prompts whose states are in memory at once; of each a few rows are kept."""

Key = tuple[Goal, str, str]
"""Goal, prompt, and a word, or other text, of it."""
Rows = Mapping[str, Sequence[Tensor]]
"""Place -> [layers] of [positions, width]."""
Places = Callable[[Sequence[Segment], range], Mapping[str, Sequence[int]]]
"""Segments of a prompt as it is probed, and where its word stands there -> place -> its positions."""


def rows_at(model: UnifiedModel, wanted: Iterable[Key], layers: Sequence[int], places: Places) -> dict[Key, Rows]:
    """The rows at every place of every prompt, each prompt and word once.

    Raises:
        DataError: a word is not among what the model reads of its prompt.
    """
    found: dict[Key, dict[str, list[Tensor]]] = defaultdict(lambda: defaultdict(list))
    for some in batches(dict.fromkeys(wanted)):
        encoded = model.encode([Prompt.of(prompt) for _, prompt, _ in some], some[0][0])
        words = words_at(model, encoded, [word for _, _, word in some])
        for state in model.states(encoded):
            if state.layer not in layers:
                continue
            for key, word, rows, own, probed in zip(
                some, words, state.rows, encoded.segments, state.segments, strict=True
            ):
                for place, at in places(probed, as_probed(word, own, probed)).items():
                    found[key][place].append(rows[list(at)].clone())
    return {key: dict(own) for key, own in found.items()}


def batches(wanted: Iterable[Key]) -> Iterator[list[Key]]:
    """A few of one goal at a time."""
    by_goal: dict[Goal, list[Key]] = defaultdict(list)
    for key in wanted:
        by_goal[key[0]].append(key)
    for own in by_goal.values():
        yield from (own[start : start + TOGETHER] for start in range(0, len(own), TOGETHER))


def words_at(model: UnifiedModel, encoded: Encoded, words: Sequence[str]) -> list[range]:
    """Where every prompt's word, or other text, stands: of several places the last one.

    Raises:
        DataError: a word is not among what the model reads of its prompt.
    """
    return [places[-1] for places in spans(model, encoded, words)]


def users(segments: Sequence[Segment]) -> range:
    """From the first to the last position of the user's text."""
    own = [segment for segment in segments if (segment.modality, segment.role) == ("text", "prompt")]
    return range(own[0].start, own[-1].stop)


def as_probed(word: range, encoded: Sequence[Segment], probed: Sequence[Segment]) -> range:
    """Where a word stands in a prompt as it is probed, which may lack what surrounds it."""
    shift = users(probed).start - users(encoded).start
    return range(word.start + shift, word.stop + shift)


def spread_layers(blocks: int, most: int) -> list[int]:
    """Layers 0 (the input of the first block) to `blocks`: all of them, or `most` that are evenly spread."""
    if blocks < most:
        return list(range(blocks + 1))
    if most < 2:
        return [blocks]
    return [round(number * blocks / (most - 1)) for number in range(most)]
