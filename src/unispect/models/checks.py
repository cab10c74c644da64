"""What every model checks before it runs, and what the positions of a text reply are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from unispect.core.cards import Capability, ModelCard
from unispect.core.encoded import Cut, Encoded
from unispect.core.errors import StateError, Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.core.replies import Reply, TextReply, TextSampling
from unispect.core.units import digest

if TYPE_CHECKING:
    from torch import Tensor

Inputs = TypeVar("Inputs")
P = ParamSpec("P")
Found = TypeVar("Found")


def require(card: ModelCard, capability: Capability) -> None:
    """Raises `Unsupported` when the card does not hold the capability."""
    if capability not in card.capabilities:
        raise Unsupported(card.id, capability, "; ".join(card.notes))


def named(method: Callable[Concatenate[Any, P], Found]) -> Callable[Concatenate[Any, P], Found]:
    """A model's method, with the model's name in front of what is said of numbers that are not finite."""

    @wraps(method)
    def run(self: Any, *args: P.args, **kwargs: P.kwargs) -> Found:
        try:
            return method(self, *args, **kwargs)
        except StateError as error:
            raise StateError(f"{self.card.id}: {error}") from error

    return run


def cuts(prompts: Sequence[Prompt], left_out: Callable[[Prompt], int], ids: Sequence[Tensor]) -> tuple[Cut | None, ...]:
    """What is left out of every prompt, given how many tokens of it are and the token ids that it became."""
    found: list[Cut | None] = []
    for prompt, read in zip(prompts, ids, strict=True):
        tokens = left_out(prompt)
        pictures = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in prompt.images] if tokens else []
        found.append(Cut(tokens, digest([read.tolist(), pictures])) if tokens else None)
    return tuple(found)


def check_states(card: ModelCard, goal: Goal) -> None:
    """Raises `Unsupported`, with the card's reason, when the backbone holds no rows of replies of this kind."""
    if goal in card.no_states:
        raise Unsupported(card.id, "probe", card.no_states[goal])


def inputs_for(encoded: Encoded, goal: Goal | None, kind: type[Inputs]) -> Inputs:
    """A model's own inputs of an encoded batch, which is for that goal, or for any.

    Raises:
        UsageError: the batch was encoded for the other goal, or is none.
    """
    if not isinstance(encoded, Encoded):
        raise UsageError(f"encode the prompts first: model.encode(prompts, goal), not {type(encoded).__name__}")
    if goal not in (None, encoded.goal):
        raise UsageError(f"these prompts were encoded for {encoded.goal} and cannot be used for {goal}")
    assert isinstance(encoded.inputs, kind)
    return encoded.inputs


def check_seeds(seeds: Sequence[int], samples: int) -> None:
    if len(seeds) != samples:
        raise UsageError(f"{samples} samples need as many seeds, not {len(seeds)}")


def check_text_sampling(how: TextSampling, samples: int) -> None:
    if how.max_new_tokens < 1:
        raise UsageError(f"max_new_tokens must be at least 1, not {how.max_new_tokens}")
    if how.temperature:
        check_seeds(how.seeds, samples)


def check_replies(encoded: Encoded, replies: Sequence[Reply]) -> None:
    """One reply per prompt, of the kind the prompts were encoded for."""
    if len(replies) != len(encoded):
        raise UsageError(f"{len(encoded)} prompts but {len(replies)} replies")
    for reply in replies:
        if isinstance(reply, TextReply) != (encoded.goal is Goal.TEXT):
            raise UsageError(f"a prompt encoded for {encoded.goal} cannot be followed by a {type(reply).__name__}")


def text_reply_segments(start: int, reply: TextReply, *ends: int) -> tuple[Segment, ...]:
    """What the positions of a text reply are, from `start` on; a token that ends it is template."""
    stop = start + len(reply.tokens)
    last = bool(reply.tokens) and reply.tokens[-1] in ends
    said = Segment(start, stop - last, "text", "response")
    return tuple(part for part in (said, Segment(stop - last, stop, "text", "template")) if len(part))
