"""What all families share of the seam in `unispect.models.base`: one class, from which each port is made.

A family's class says what is its own:

* what reads and writes text (`language`), and what the backbone reads of pictures (`features`; `prompt_rows` where that
  is not one row for each placeholder, `prompts` where attention is not causal or positions do not count up);
* how a picture is drawn (`drawn`), and what follows a prompt when a drawn picture is looked at (`code_rows` of image
  tokens; `followed` where these do not simply follow);
* how it learns to draw (`draw_loss`), and from what of a picture (`picture_targets`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.errors import DataError, Unsupported, UsageError, unknown
from unispect.core.prompts import Goal, Prompt, Segment, goal_said, prompts_said
from unispect.core.replies import ImageReply, ImageSampling, Reply, TextReply, TextSampling
from unispect.models.attention import LayerAttention, Looks, sequence_looks
from unispect.models.base import Example, Losses, ReadsPart
from unispect.models.capture import stream_each
from unispect.models.checks import (
    check_replies,
    check_seeds,
    check_states,
    cuts,
    inputs_for,
    named,
    require,
    text_reply_segments,
)
from unispect.models.decode.replay import EDITED
from unispect.models.edits import Asked, Edits, Stack, understood
from unispect.models.embedded import Embedded, columns, edited, embedded_rows
from unispect.models.processing.pictures import target_pixels
from unispect.models.settings import told_on
from unispect.models.text_decoder import TextDecoder

if TYPE_CHECKING:
    from unispect.models.capture import Backbone

DrawSettings = TypeVar("DrawSettings", bound=Any)
Segments = tuple[Segment, ...]
_TOGETHER = 16
"""Pictures to learn from that are encoded at once."""


class Port:
    """A model made of a card, a network, a processor and settings, none of which can be replaced.

    Records name a model by `id@revision`; whatever else decides an outcome therefore shows in the card's id where it is
    not as loaded. A family names its settings in `SETTINGS` and annotates them in its class, with a value where one is
    usual.

    Args:
        card: what is known about the model; its revision should be that of the weights.
        network: filled; its dtype and device are the model's.
        processor: tokenizer, template and picture format.
        settings: in the order of `SETTINGS`; what is None or left out at the end is the class's usual value.
    """

    SETTINGS: ClassVar[tuple[str, ...]] = ("drawing",)
    INPUTS: ClassVar[type]
    """What `Encoded.inputs` holds; its `ids` are the token ids [length_i] of every prompt."""
    GROUPS: ClassVar[Mapping[str, tuple[str, ...]]]
    """Group of parameters (`unispect.models.base.GROUPS`) -> how their names begin."""

    card: ModelCard
    network: Any
    processor: Any
    text_decoder: TextDecoder
    _settled = False

    def __init__(self, card: ModelCard, network: Any, processor: Any, *settings: Any) -> None:
        self.card, self.network, self.processor = card, network, processor
        given = dict(zip(self.SETTINGS[: len(settings)], settings, strict=True))
        for name in self.SETTINGS:
            setattr(self, name, getattr(self, name) if given.get(name) is None else given[name])
        self.text_decoder = self.speaking()
        self.card = self._told_on(card)
        self._settled = True

    def __repr__(self) -> str:
        return f"<{self.card.reference}, which can {', '.join(sorted(self.card.capabilities))}>"

    def _repr_html_(self) -> str:
        return self.card._repr_html_()

    def with_settings(self, **changes: Any) -> Self:
        """The same model, on the same network, with other settings: `model.with_settings(drawing=...)`.

        Its card, and with it every unit and record, has an id of its own as long as a setting differs from the one that
        the model was loaded with.

        Raises:
            UsageError: the model has no such setting.
        """
        for name in changes:
            if name not in self.SETTINGS:
                raise unknown(f"setting of {self.card.id}", name, self.SETTINGS)
        now = {name: getattr(self, name) for name in self.SETTINGS} | changes
        return type(self)(self.card, self.network, self.processor, *now.values())

    def __setattr__(self, name: str, value: Any) -> None:
        if self._settled:
            if name != "card":
                advice = f"use model.with_settings({name}=...)" if name in self.SETTINGS else "load another model"
                raise AttributeError(f"{name} of {self.card.id} is fixed, since records name the model by it: {advice}")
            value = self._told_on(value)
        super().__setattr__(name, value)

    def _told_on(self, card: ModelCard) -> ModelCard:
        return told_on(card, {name: getattr(self, name) for name in self.SETTINGS}, self.processor)

    @property
    def backbone(self) -> Backbone:
        return self.text_decoder.backbone

    @property
    def device(self) -> torch.device:
        return self.backbone.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.backbone.embed_tokens.weight.dtype

    # What a family gives.

    def language(self) -> tuple[Backbone, Callable[[Tensor], Tensor]]:
        """The backbone that reads text, and what makes text logits [rows, vocabulary] of its final states."""
        raise NotImplementedError

    def features(self, pixels: Tensor) -> Tensor:
        """What the backbone reads of pictures in prompts [pictures, 3, height, width]: [pictures, positions, width]."""
        raise NotImplementedError

    def drawn(self, inputs: Any, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        """See `UnifiedModel.draw`; there is a seed for every sample, and edits only where the card says "intervene"."""
        raise NotImplementedError

    def code_rows(self, codes: Tensor) -> Tensor:
        """Input embeddings [..., width] of image tokens [...], where `followed` is not the family's own."""
        raise NotImplementedError

    def draw_loss(self, examples: Sequence[Example], inputs: Any, finished: Tensor) -> Tensor:
        """Mean loss of drawing the `finished` targets [examples, ...] behind the encoded prompts of the examples."""
        raise NotImplementedError

    def picture_targets(self, pixels: Tensor) -> Tensor:
        """What pictures [pictures, 3, side, side] in -1..1, float32 on the model's device, are learned as."""
        raise NotImplementedError

    # What a family may say otherwise.

    def speaking(self) -> TextDecoder:
        """What the model writes with."""
        return TextDecoder(*self.language(), self.processor.closing, self.processor.decode, self.processor.answer_ids)

    def tokenised(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Any, tuple[Segments, ...]]:
        """`INPUTS` of a batch, and what every position is."""
        return self.processor.encode(prompts, goal)

    def prompt_rows(self, inputs: Any, *, together: bool = False) -> list[Tensor]:
        """Input embeddings [length_i, width] of every prompt; equal texts share one tensor.

        Args:
            inputs: from `encode`.
            together: run all pictures through what sees them at once. One by one, the default, what is seen of them
                does not depend on the batch in its last digits.
        """
        seen = None
        if inputs.pixels is not None:
            groups = [inputs.pixels] if together else inputs.pixels.split(1)
            seen = torch.cat([self.features(pixels).flatten(0, 1) for pixels in groups])
        pictures = torch.cat(inputs.ids).to(self.device) == self.processor.placeholder
        return embedded_rows(self.backbone.embed_tokens, inputs.ids, pictures, seen)

    def prompts(self, inputs: Any, *, together: bool = False) -> Sequence[Embedded]:
        """Every prompt as the backbone is run on it; see `prompt_rows`."""
        return [Embedded(rows) for rows in self.prompt_rows(inputs, together=together)]

    def followed(
        self, prompts: Sequence[Any], replies: Sequence[ImageReply], at: int
    ) -> Sequence[tuple[Embedded, Segments]]:
        """Every prompt with its drawn picture behind it as step `at` saw it, and what the new positions are.

        Here: the picture was drawn token by token, and has states of the finished reply only.
        """
        found = []
        for prompt, reply in zip(prompts, replies, strict=True):
            rows = torch.cat([prompt.rows, self.code_rows(self._drawn_tokens(reply, at))])
            found.append((Embedded(rows), (Segment(len(prompt), len(rows), "image", "response"),)))
        return found

    @property
    def drawn_positions(self) -> int:
        """Positions of the backbone that a drawn picture takes behind its prompt, where they count against its
        limit.
        """
        return 0

    def check_redrawing(self, prompts: Sequence[Prompt]) -> None:
        """Raises `Unsupported` for pictures that the model cannot draw from, of a model that draws from some."""

    def longest(self, inputs: Any) -> int:
        """Positions of the longest prompt."""
        return max(map(len, inputs.ids))

    def alone(
        self, prompts: Sequence[Any], segments: Sequence[Segments]
    ) -> tuple[Sequence[Embedded], Sequence[Segments]]:
        """What prompts for a picture are probed as without one, and what their positions are."""
        return prompts, segments

    def text_behind(self, prompt: Any, rows: Tensor) -> Embedded:
        """A prompt with the input embeddings [length, width] of a text behind it."""
        return replace(prompt, rows=torch.cat([prompt.rows, rows]))

    def inside(self, encoded: Encoded) -> Mapping[Stack, Sequence[Segments]]:
        """Of every prompt, what positions are in a stack of `stacks` where they are not those of `Encoded.segments`."""
        return {}

    def layers(self, sequences: Sequence[Any]) -> Iterator[tuple[Tensor, ...]]:
        """The backbone's input, then the raw output of every block, of every sequence [length_i, width]."""
        return stream_each(self.backbone, *columns(sequences))

    def looks(self, sequence: Any) -> Iterator[Looks]:
        """The attention of every block of the backbone over one sequence, run by itself."""
        return sequence_looks(self.backbone, sequence)

    # The seam.

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        """See `UnifiedModel.encode`; texts, pictures and one prompt alone are taken as well, and a goal by its name."""
        prompts, goal = prompts_said(prompts), goal_said(goal)
        require(self.card, "write" if goal is Goal.TEXT else "draw")
        if any(prompt.images for prompt in prompts):
            if goal is Goal.TEXT:
                require(self.card, "see")
            elif "redraw" not in self.card.capabilities:
                reason = "from a prompt that holds a picture, which no one trained it to do"
                raise Unsupported(self.card.id, "draw", reason)
            else:
                self.check_redrawing(prompts)
        inputs, segments = self.tokenised(prompts, goal)
        longest = self.longest(inputs) + (self.drawn_positions if goal is Goal.IMAGE else 0)
        limit = int(cast(Any, self.backbone).config.max_position_embeddings)
        if longest > limit:
            raise DataError(f"a prompt takes {longest} positions, {self.card.id} has {limit}; shorten it")
        if not isinstance(self, ReadsPart):
            return Encoded(goal, segments, inputs)
        return Encoded(goal, segments, inputs, cuts(prompts, lambda prompt: self.left_out(prompt, goal), inputs.ids))

    @named
    @torch.inference_mode()
    def write(self, encoded: Encoded, how: TextSampling, *, edits: Edits | None = None) -> list[TextReply]:
        """See `UnifiedModel.write` and `Intervenes.write`."""
        require(self.card, "write")
        inputs, asked = inputs_for(encoded, Goal.TEXT, self.INPUTS), self.checked(encoded, edits)
        return self.text_decoder.write(edited(self.prompts(inputs), asked and asked.of()), how, said=inputs.ids)

    @named
    @torch.inference_mode()
    def draw(self, encoded: Encoded, how: ImageSampling, *, edits: Edits | None = None) -> list[ImageReply]:
        """See `UnifiedModel.draw` and `Intervenes.draw`, and `drawn` for what replies of this family hold."""
        require(self.card, "draw")
        inputs = inputs_for(encoded, Goal.IMAGE, self.INPUTS)
        check_seeds(how.seeds, len(encoded))
        asked = self.checked(encoded, edits, apart=True)
        if asked is None:
            return self.drawn(inputs, how)
        pairs = zip(self.drawn(inputs, how, asked), asked.changing(), strict=True)
        return [replace(own, replay={**own.replay, EDITED: True}) if changed else own for own, changed in pairs]

    @named
    @torch.inference_mode()
    def score(self, encoded: Encoded, answers: Sequence[Sequence[str]], *, edits: Edits | None = None) -> list[Tensor]:
        """See `UnifiedModel.score` and `Intervenes.score`."""
        require(self.card, "score")
        inputs, asked = inputs_for(encoded, Goal.TEXT, self.INPUTS), self.checked(encoded, edits)
        return self.text_decoder.score(edited(self.prompts(inputs), asked and asked.of()), answers)

    @torch.no_grad()
    def states(
        self,
        encoded: Encoded,
        replies: Sequence[Reply] | None = None,
        *,
        at: int = LAST,
        edits: Edits | None = None,
    ) -> Iterator[LayerState]:
        """See `UnifiedModel.states` and `Intervenes.states`, and `followed` for what `at` chooses of a drawn picture.

        One pass over prompt and reply gives the states of writing and drawing themselves; of the branches of guidance
        it is the one that has the whole prompt. Rows of a prompt are the same with and without a reply, which it cannot
        see. A token that ends a text is template. Text is written token by token and has states of the finished reply
        only. Edits change what is computed of a reply, not the reply itself, which is that of the call that drew it.
        """
        sequences, segments = self._run_on(encoded, replies, at)
        asked = self.checked(encoded, edits)
        sequences = edited(sequences, asked and asked.of())
        return self._by_layer(sequences, segments, 0 if replies is None else at)

    @torch.no_grad()
    def attention(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerAttention]:
        """See `Attends.attention`, and `states` for the rows. Every sample is run by itself, whatever the device."""
        require(self.card, "attend")
        sequences, segments = self._run_on(encoded, replies, at)
        return self._attention_by_layer(sequences, segments, 0 if replies is None else at)

    def _run_on(
        self, encoded: Encoded, replies: Sequence[Reply] | None, at: int
    ) -> tuple[Sequence[Any], tuple[Segments, ...]]:
        """What `states` are of: every sample as it is run, and what its positions are."""
        require(self.card, "probe")
        inputs = inputs_for(encoded, None, self.INPUTS)
        if at != LAST and (replies is None or encoded.goal is Goal.TEXT):
            raise UsageError(
                f"{self.card.id} takes steps only while it draws: there is no step {at} here (use at=LAST)"
            )
        sequences, segments = self.prompts(inputs), encoded.segments
        if replies is not None:
            check_replies(encoded, replies)
            check_states(self.card, encoded.goal)
            if encoded.goal is Goal.TEXT:
                pairs = self._texts_behind(sequences, segments, cast(Sequence[TextReply], replies))
            else:
                pairs = self.followed(sequences, cast(Sequence[ImageReply], replies), at)
            sequences = [sequence for sequence, _ in pairs]
            segments = tuple(own + added for own, (_, added) in zip(segments, pairs, strict=True))
        elif encoded.goal is Goal.IMAGE:
            sequences, segments = self.alone(sequences, segments)
        return sequences, tuple(segments)

    @property
    def stacks(self) -> Mapping[Stack, tuple[int, int]]:
        """See `Intervenes.stacks`."""
        backbone = cast(Any, self.backbone)
        return {"backbone": (len(backbone.layers), backbone.config.hidden_size)}

    def checked(self, encoded: Encoded, edits: Edits | None, *, apart: bool = False) -> Asked | None:
        """The edits of a batch, None where there are none.

        Args:
            encoded: what they are edits of.
            edits: as a caller gives them.
            apart: a second network is run too.

        Raises:
            Unsupported: the card lacks "intervene".
            UsageError: see `Intervenes`.
        """
        if edits is None or (isinstance(edits, Sequence) and len(edits) == len(encoded) and not any(edits)):
            return None
        require(self.card, "intervene")
        edits = understood(edits, len(encoded), self.card.id)
        sizes: dict[Stack, tuple[int, int]] = {
            stack: own for stack, own in self.stacks.items() if apart or stack == "backbone"
        }
        return Asked(edits, encoded.segments, self.card.id, sizes, self.inside(encoded) if apart else {})

    @torch.no_grad()
    def _by_layer(self, sequences: Sequence[Any], segments: Sequence[Segments], step: int) -> Iterator[LayerState]:
        for layer, states in enumerate(self.layers(sequences)):
            yield LayerState(layer, states, tuple(segments), step)

    @torch.no_grad()
    def _attention_by_layer(
        self, sequences: Sequence[Any], segments: tuple[Segments, ...], step: int
    ) -> Iterator[LayerAttention]:
        for layer, looks in enumerate(zip(*map(self.looks, sequences), strict=True), 1):
            yield LayerAttention(layer, looks, segments, step)

    @named
    def loss(self, batch: Sequence[Example]) -> Losses:
        """See `Trainable.loss`."""
        require(self.card, "learn")
        draws = [example for example in batch if not isinstance(example.reply, str)]
        tells = [example for example in batch if isinstance(example.reply, str)]
        return Losses(
            draw=self.draw_loss(draws, self._inputs(draws, Goal.IMAGE), self._targets_of(draws)) if draws else None,
            tell=self._tell_loss(tells) if tells else None,
        )

    @torch.no_grad()
    def targets(self, pictures: Sequence[Image]) -> Tensor:
        """See `Trainable.targets`, and `picture_targets` for the shape.

        Raises:
            DataError: a picture is not square or cannot be read.
        """
        pixels = target_pixels(pictures, self.card.image_size)
        return torch.cat([self.picture_targets(part.to(self.device)) for part in pixels.split(_TOGETHER)])

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """See `Trainable.parameter_groups`; without groups that this network has nothing of."""
        names = [name for name, _ in self.network.named_parameters()]
        groups = {group: [name for name in names if name.startswith(starts)] for group, starts in self.GROUPS.items()}
        return {group: own for group, own in groups.items() if own}

    def token_rows(self, ids: Sequence[int] | Tensor) -> Tensor:
        """Input embeddings [length, width] of token ids."""
        return self.backbone.embed_tokens(torch.as_tensor(ids, dtype=torch.long).to(self.device))

    def _drawn_tokens(self, reply: ImageReply, at: int) -> Tensor:
        """Image tokens [tokens] of a picture that was drawn token by token."""
        if at != LAST:
            raise UsageError(
                f"{self.card.id} decodes token by token: it has states of the finished reply only (at=LAST)"
            )
        if reply.tokens is None:
            raise UsageError(f"the picture was not drawn by {self.card.id}: it has no image tokens")
        return torch.tensor(np.asarray(reply.tokens), dtype=torch.long, device=self.device)

    def _texts_behind(
        self, prompts: Sequence[Embedded], segments: Sequence[Segments], replies: Sequence[TextReply]
    ) -> list[tuple[Embedded, Segments]]:
        return [
            (
                self.text_behind(prompt, self.token_rows(reply.tokens)),
                text_reply_segments(own[-1].stop, reply, *self.text_decoder.ends),
            )
            for prompt, own, reply in zip(prompts, segments, replies, strict=True)
        ]

    def _tell_loss(self, examples: Sequence[Example]) -> Tensor:
        """Mean cross entropy per answer token with its end token, in nats."""
        prompts = self.prompts(self._inputs(examples, Goal.TEXT), together=True)
        return self.text_decoder.loss(prompts, [cast(str, example.reply) for example in examples])

    def _inputs(self, examples: Sequence[Example], goal: Goal) -> Any:
        return self.encode([example.prompt for example in examples], goal).inputs

    def _targets_of(self, examples: Sequence[Example]) -> Tensor:
        """Targets [examples, ...] on the model's device; pictures are encoded here, targets taken as they are."""
        replies = [cast("Image | Tensor", example.reply) for example in examples]
        pictures = [reply for reply in replies if isinstance(reply, Image)]
        encoded = iter(self.targets(pictures) if pictures else ())
        return torch.stack([next(encoded) if isinstance(reply, Image) else reply.to(self.device) for reply in replies])


def asked(drawing: DrawSettings, **given: object) -> DrawSettings:
    """Settings of drawing with what a caller gave in their place; None stands for nothing given.

    Raises:
        UsageError: they make no sense.
    """
    made = replace(drawing, **{name: value for name, value in given.items() if value is not None})
    made.check()
    return made
