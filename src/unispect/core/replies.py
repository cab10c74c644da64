"""What comes out of a model, and how it was asked to sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from unispect.core.units import JSON

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class TextSampling:
    """How text is sampled.

    Attributes:
        seeds: one per sample; sample i draws only from a generator seeded with `seeds[i]`. May be empty at
            temperature 0.
        max_new_tokens: the end token counts.
        temperature: 0 takes the most likely token.
        top_p: nucleus mass; 1 keeps every token.
        log_probabilities: replies carry those of their tokens, which takes one more pass over each.
    """

    seeds: tuple[int, ...] = ()
    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    log_probabilities: bool = True


@dataclass(frozen=True)
class ImageSampling:
    """How pictures are sampled; `None` takes the model's published default.

    Attributes:
        seeds: one per sample; sample i draws only from a generator seeded with `seeds[i]`.
        guidance: classifier-free guidance weight w in l_unc + w (l_cond - l_unc); 1 runs no unconditional branch.
        temperature: 0 takes the most likely token (or no noise after the start, for continuous decoders); what others
            act on is up to the family (docs/ports.md).
        steps: decoding steps, for decoders that have a choice.
    """

    seeds: tuple[int, ...]
    guidance: float | None = None
    temperature: float | None = None
    steps: int | None = None


@dataclass(frozen=True)
class TextReply:
    """One written reply.

    Attributes:
        text: decoded and stripped, special tokens removed.
        tokens: new token ids, the end token included when `finished`; none from models that do not show them.
        log_probabilities: natural log-probability of each of `tokens` under the model (temperature 1), from a pass over
            prompt and reply by themselves; none where they were not asked for. From behind an API: what the provider
            says of each token that it does not show.
        finished: the end token was reached before `max_new_tokens`.
        refusal: what a provider said instead of answering, where it sets that apart; the text is this, then.
        thoughts: what the model said to itself before it answered, where that was told from `text` already
            (`core.thoughts`); a model that runs here leaves them in its text, and studies tell them apart.
    """

    text: str
    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    finished: bool
    refusal: str = ""
    thoughts: str = ""


@dataclass(frozen=True)
class ImageReply:
    """One drawn reply.

    Attributes:
        image: RGB, at the model's native size.
        seed: what the sample's generator was seeded with.
        tokens: image token ids in raster order, for discrete decoders.
        latents: final latents, for continuous decoders.
        replay: what else is needed to repeat any step (start noise, guidance, temperature, ...).
        sent: what a provider was told of how to sample, where one drew it.
    """

    image: Image
    seed: int
    tokens: np.ndarray | None = None
    latents: np.ndarray | None = None
    replay: Mapping[str, object] = field(default_factory=dict)
    sent: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def left(self) -> dict[str, JSON]:
        """What a record keeps beside the picture: `sent`, where a provider was told anything."""
        return {"sent": dict(self.sent)} if self.sent else {}


Reply = TextReply | ImageReply
