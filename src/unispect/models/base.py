"""The seam that every unified model implements, and nothing else.

A model knows no study. It promises:

* a batch of one equals a batch of many (docs/scale.md, "What a batch can change", says how far and where);
* every sample draws from a generator of its own, seeded from its unit;
* `segments` label every position of every sample;
* what it cannot do raises `Unsupported`, and what it does not read of a prompt is said in `Encoded.cut`;
* its settings cannot be replaced: they stand on its card, and other settings are another name;
* a probe sees the numbers the model computes: nothing is folded, normalised or cast on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from PIL.Image import Image

from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling, Reply, TextReply, TextSampling

if TYPE_CHECKING:  # models behind an API are asked where there is no torch
    from torch import Tensor, nn

    from unispect.models.attention import LayerAttention
    from unispect.models.edits import Edits, Stack


@runtime_checkable
class UnifiedModel(Protocol):
    """A loaded model that reads and writes both text and pictures."""

    card: ModelCard

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        """Template, tokens and pixels for a batch: the one place where an input is decided."""
        ...

    def write(self, encoded: Encoded, how: TextSampling) -> list[TextReply]:
        """One text reply per sample of an input encoded for `Goal.TEXT`."""
        ...

    def draw(self, encoded: Encoded, how: ImageSampling) -> list[ImageReply]:
        """One picture per sample of an input encoded for `Goal.IMAGE`."""
        ...

    def score(self, encoded: Encoded, answers: Sequence[Sequence[str]]) -> list[Tensor]:
        """For every sample the natural log-likelihood [answers] of each complete answer, end token included.

        `score(encoded, [[reply.text]])` equals the sum of a finished reply's `log_probabilities` whenever the text
        tokenises to the reply's tokens.
        """
        ...

    def states(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerState]:
        """The states of the prompt (and of the reply that follows it), one layer at a time, in order.

        Layer 0 is the input of the first block, layer i the raw output of block i. Never holds more than two layers.
        With replies, rows of the response carry the role "response"; rows of the prompt are those of the prompt alone.
        Replies of a kind named in `card.no_states` raise `Unsupported` with the reason that stands there. Rows of a
        model that is spread over several devices lie where their layer does.
        """
        ...


@runtime_checkable
class ReadsPart(Protocol):
    """A model that reads no more of some prompts than their beginning, as its authors have it."""

    def left_out(self, prompt: Prompt, goal: Goal) -> int:
        """Tokens at the end of a prompt that the model does not read; `encode` says so as `Encoded.cut`."""
        ...


@runtime_checkable
class DrawsApart(Protocol):
    """A model that draws in a second network, whose states are not those of its backbone ("probe_decoder")."""

    def decoder_states(
        self, encoded: Encoded, replies: Sequence[Reply], *, at: int = LAST, edits: Edits | None = None
    ) -> Iterator[LayerState]:
        """The states inside the network that drew the pictures, one layer at a time, in order.

        Layer 0 is the input of its first joint block, layer i the raw output of block i; they have nothing to do with
        the layers of `states`. Rows of the prompt may have seen those of the picture. `at` chooses the step. `edits`
        are those of `Intervenes`, of either stack; positions of the decoder are those of the rows here.
        """
        ...


@runtime_checkable
class Attends(Protocol):
    """A model whose attention can be read out (`unispect.models.attention`): "attend"."""

    def attention(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerAttention]:
        """The attention of the backbone over the rows that `UnifiedModel.states` gives, one layer at a time, in order.

        Probabilities [heads, queries, keys] of every sample, or what of them lies between groups of segments, are made
        when they are asked for; no layer is kept. Layer i is block i, from 1. What raises `Unsupported` for states
        raises it here, and so does a card without "attend".
        """
        ...


@runtime_checkable
class Intervenes(Protocol):
    """A model whose states can be changed while it runs (`unispect.models.edits`): "intervene".

    It does what `UnifiedModel` does, with `edits` of every sample. An edit of one sample changes no other, whatever the
    batch; rows replaced by what a `Read` found there change no bit. Where drawing is guided, an edit says in which
    branch it is made. Edits of a prompt hold for all that follows it: caches keep what was made of edited rows.

    All four raise `UsageError` for a layer, position or width that the model does not have and for values that are not
    finite, and `Unsupported` where the card lacks "intervene".
    """

    @property
    def stacks(self) -> Mapping[Stack, tuple[int, int]]:
        """What can be edited -> how many blocks it has, and how wide its states are."""
        ...

    def write(self, encoded: Encoded, how: TextSampling, *, edits: Edits | None = None) -> list[TextReply]:
        """See `UnifiedModel.write`."""
        ...

    def draw(self, encoded: Encoded, how: ImageSampling, *, edits: Edits | None = None) -> list[ImageReply]:
        """See `UnifiedModel.draw`."""
        ...

    def score(self, encoded: Encoded, answers: Sequence[Sequence[str]], *, edits: Edits | None = None) -> list[Tensor]:
        """See `UnifiedModel.score`."""
        ...

    def states(
        self,
        encoded: Encoded,
        replies: Sequence[Reply] | None = None,
        *,
        at: int = LAST,
        edits: Edits | None = None,
    ) -> Iterator[LayerState]:
        """See `UnifiedModel.states`: what stands there after the edits."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A model whose replies are asked for elsewhere and paid for."""

    def bill(self) -> Mapping[str, str]:
        """What asking came to so far, in words: cost, tokens, replies from before. Holds no key."""
        ...

    def close(self) -> None:
        """Lets go of what it keeps open; calling it again does nothing."""
        ...


GROUPS = (
    "token embeddings",
    "backbone",
    "text head",
    "vision encoder",
    "vision aligner",
    "image embeddings",
    "image head",
    "image tokenizer",
)
"""What parameters can serve, in every family; a model may lack some.

"image embeddings" bring the picture being drawn into the backbone, the "image head" draws it from states, and the
"image tokenizer" stands between pixels and image tokens or latents.
"""


@dataclass(frozen=True)
class Losses:
    """Mean losses per predicted token, in nats; None when the batch held no such target."""

    draw: Tensor | None
    tell: Tensor | None

    def total(self, draw_weight: float = 1.0, tell_weight: float = 1.0) -> Tensor:
        terms = [w * loss for w, loss in ((draw_weight, self.draw), (tell_weight, self.tell)) if loss is not None]
        if not terms:
            raise ValueError("the batch has neither a picture nor a text to learn from")
        return sum(terms[1:], start=terms[0])


@dataclass(frozen=True)
class Example:
    """Something to learn: the reply that should follow a prompt (text for `Goal.TEXT`, a picture for `Goal.IMAGE`).

    Attributes:
        prompt: what is asked.
        reply: a text; or a picture, as an image or as what `Trainable.targets` made of it, which a caller may keep.
        unconditional: learn to draw the picture with the prompt taken out, for the other branch of guidance.
        seed: of the noise and the masks that the loss of the example draws, where a model has any.
    """

    prompt: Prompt
    reply: str | Image | Tensor
    unconditional: bool = False
    seed: int = 0


@runtime_checkable
class Trainable(Protocol):
    """A model that can learn in both directions."""

    @property
    def network(self) -> nn.Module:
        """Holds every parameter."""
        ...

    def loss(self, batch: Sequence[Example]) -> Losses:
        """Draw loss over the examples whose reply is a picture, tell loss over the others.

        The mean over examples does not depend on how they are batched: each draws its noise from its own seed.
        """
        ...

    def targets(self, pictures: Sequence[Image]) -> Tensor:
        """What pictures are learned as, [pictures, ...] on the model's device: image tokens or latents."""
        ...

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """Group name (`GROUPS`) -> names in `network.named_parameters()`, a partition."""
        ...
