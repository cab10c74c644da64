"""Where a text stands among the positions of a prompt, in every family's tokens."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from unispect.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from unispect.core.encoded import Encoded
    from unispect.models.base import UnifiedModel

_HALF = "\N{REPLACEMENT CHARACTER}"
"""What the first bytes of a character read as, where tokens are bytes and its last ones are not there."""


def spans(
    model: UnifiedModel, encoded: Encoded, texts: Sequence[str], *, whole: bool = True
) -> list[tuple[range, ...]]:
    """Positions of a text in every prompt: one range for each place where it stands, in reading order.

    They are the tokens that hold at least one character of the text, and may hold more, such as the space before it.
    Only the user's own text is searched, and no place goes across a picture.

    Args:
        model: that encoded the prompts.
        encoded: from `model.encode`, for either goal.
        texts: one per prompt; case and spaces count.
        whole: a place that a letter, digit or underscore touches is none, so that "red" is not found in "checkered".

    Raises:
        UsageError: there are not as many texts as prompts, or one is empty.
        DataError: a prompt does not hold its text, or the model reads only what stands before it.
    """
    if len(texts) != len(encoded):
        raise UsageError(f"{len(encoded)} prompts need as many texts to look for, not {len(texts)}")
    if not all(texts):
        raise UsageError("an empty text stands nowhere in a prompt: name one that does")
    found = [tuple(_places(model, encoded, sample, text, whole)) for sample, text in enumerate(texts)]
    for sample, (own, text) in enumerate(zip(found, texts, strict=True)):
        if not own:
            cut = encoded.cut_at(sample)
            reason = f", of which the model does not read the last {cut.tokens} tokens" if cut else ""
            raise DataError(f"{model.card.id}: prompt {sample} of the batch does not hold {text!r}{reason}")
    return found


def _places(model: UnifiedModel, encoded: Encoded, sample: int, text: str, whole: bool) -> Iterator[range]:
    ids = cast(Any, encoded.inputs).ids[sample].tolist()
    pattern = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)" if whole else re.escape(text))
    for segment in encoded.segments[sample]:
        if (segment.modality, segment.role) == ("text", "prompt"):
            for inside in _tokens(model, ids[segment.start : segment.stop], pattern):
                yield range(segment.start + inside.start, segment.start + inside.stop)


def _tokens(model: UnifiedModel, ids: Sequence[int], pattern: re.Pattern[str]) -> Iterator[range]:
    """Tokens of every match of a pattern in a run of text."""

    def read(tokens: int) -> str:
        return cast(Any, model).processor.tokenizer.decode(ids[:tokens], skip_special_tokens=False)

    counts = range(len(ids) + 1)
    for match in pattern.finditer(read(len(ids))):
        # A character of several tokens begins with the first of them and is whole with the last.
        begin = bisect_right(counts, match.start(), key=lambda tokens: len(read(tokens))) - 1
        end = bisect_left(counts, match.end(), key=lambda tokens: len(read(tokens).rstrip(_HALF)))
        yield range(begin, end)
