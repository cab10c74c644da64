"""Janus-Pro behind the seam of `unispect.models.base`.

The network is transformers' `JanusForConditionalGeneration`. What that class lacks or does differently is done in this
package: guidance and sampling, states while drawing, tokenising pictures, template, preprocessing
(docs/sources/janus-pro.md#stock-classes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers.models.janus.modeling_janus import JanusForConditionalGeneration

from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.errors import DataError, Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.core.replies import ImageReply, ImageSampling, Reply, TextReply, TextSampling
from unispect.models.base import Example, Losses
from unispect.models.capture import stream_each
from unispect.models.checks import (
    check_replies,
    check_seeds,
    inputs_for,
    named,
    require,
    text_reply_segments,
)
from unispect.models.decode.autoregressive import draw_tokens
from unispect.models.decode.chance import exponential_draws
from unispect.models.decode.finite import require_finite
from unispect.models.janus_pro import learning
from unispect.models.janus_pro.drawing import Drawing
from unispect.models.janus_pro.keys import GROUPS
from unispect.models.janus_pro.network import decoded_codes, encode_codes, trunk_of
from unispect.models.janus_pro.processing import Inputs, Processor
from unispect.models.processing.pictures import target_pixels
from unispect.models.settings import Settled
from unispect.models.voice import Voice, shared_rows

_TABLE_LIMIT = 2**22
"""Numbers in a table of all fed-back embeddings, up to which it is made once per call instead of row by row."""


class JanusPro(Settled):
    """A Janus-Pro model, published or tiny.

    Args:
        card: what is known about it; its revision should be that of the weights.
        network: the filled network; its dtype and device are the model's.
        processor: the checkpoint's tokenizer, template and picture format.
        drawing: how pictures are drawn where the caller does not say otherwise, for other sizes too.
    """

    SETTINGS = ("drawing",)

    def __init__(
        self, card: ModelCard, network: JanusForConditionalGeneration, processor: Processor, drawing: Drawing
    ) -> None:
        self.card = card
        self.network = network
        self.processor = processor
        self.drawing = drawing
        self.trunk = trunk_of(network)
        self.voice = Voice(self.trunk, network.lm_head, processor.special.eos, processor.decode, processor.answer_ids)
        self._settle()

    @property
    def device(self) -> torch.device:
        return self.network.lm_head.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.network.lm_head.weight.dtype

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        """See `UnifiedModel.encode`. A prompt for a picture holds text only."""
        require(self.card, "write" if goal is Goal.TEXT else "draw")
        if any(prompt.images for prompt in prompts):
            require(self.card, "see")
            if goal is Goal.IMAGE:
                raise Unsupported(
                    self.card.id, "draw", "from a prompt that holds a picture, which no one trained it to do"
                )
        inputs, segments = self.processor.encode(prompts, goal)
        longest, limit = max(map(len, inputs.ids)), self.trunk.config.max_position_embeddings
        if longest > limit:
            raise DataError(f"a prompt takes {longest} positions, {self.card.id} has {limit}; shorten it")
        return Encoded(goal, segments, inputs)

    @named
    @torch.inference_mode()
    def write(self, encoded: Encoded, how: TextSampling) -> list[TextReply]:
        """See `UnifiedModel.write`."""
        require(self.card, "write")
        inputs = inputs_for(encoded, Goal.TEXT, Inputs)
        return self.voice.write(self.prompt_rows(inputs), how)

    @named
    @torch.inference_mode()
    def draw(self, encoded: Encoded, how: ImageSampling) -> list[ImageReply]:
        """See `UnifiedModel.draw`. The reply's tokens and seed repeat every step."""
        require(self.card, "draw")
        inputs = inputs_for(encoded, Goal.IMAGE, Inputs)
        check_seeds(how.seeds, len(encoded))
        given = {"guidance": how.guidance, "temperature": how.temperature}
        drawing = replace(self.drawing, **{name: value for name, value in given.items() if value is not None})
        drawing.check()
        if how.steps not in (None, drawing.places):
            raise UsageError(f"{self.card.id} draws in exactly {drawing.places} steps, not {how.steps}")
        guidance, temperature = drawing.guidance, drawing.temperature
        tokens = self.draw_codes(inputs, guidance=guidance, temperature=temperature, seeds=how.seeds)
        settings = {"guidance": guidance, "temperature": temperature}
        return [
            ImageReply(picture, seed, tokens=codes, replay=settings)
            for picture, seed, codes in zip(self.pictures(tokens), how.seeds, tokens.cpu().numpy(), strict=True)
        ]

    @named
    @torch.inference_mode()
    def score(self, encoded: Encoded, answers: Sequence[Sequence[str]]) -> list[Tensor]:
        """See `UnifiedModel.score`."""
        require(self.card, "score")
        inputs = inputs_for(encoded, Goal.TEXT, Inputs)
        return self.voice.score(self.prompt_rows(inputs), answers)

    @torch.no_grad()
    def states(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerState]:
        """See `UnifiedModel.states`.

        One causal pass over prompt and reply gives the states of decoding itself; of the two branches of guidance it is
        the conditional one. An end token is template.
        """
        require(self.card, "probe")
        if at != LAST:
            raise UsageError(
                f"{self.card.id} decodes token by token: it has states of the finished reply only (at=LAST)"
            )
        segments = encoded.segments
        if replies is not None:
            check_replies(encoded, replies)
            segments = tuple(
                own + self._reply_segments(own[-1].stop, reply) for own, reply in zip(segments, replies, strict=True)
            )
        step = 0 if replies is None else LAST
        for layer, states in enumerate(stream_each(self.trunk, self._rows(encoded, replies))):
            yield LayerState(layer, states, segments, step)

    @named
    def loss(self, batch: Sequence[Example]) -> Losses:
        """See `Trainable.loss`."""
        require(self.card, "learn")
        return learning.losses(self, batch)

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """See `Trainable.parameter_groups`."""
        names = [name for name, _ in self.network.named_parameters()]
        return {group: [name for name in names if name.startswith(starts)] for group, starts in GROUPS.items()}

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """Input embeddings [length, width] of every prompt; equal texts share one tensor.

        Args:
            inputs: from `encode`.
            together: run all pictures through the vision encoder at once. One by one, the default, their features do
                not depend on the batch in their last digits.
        """
        lengths = [len(ids) for ids in inputs.ids]
        ids = torch.cat(inputs.ids).to(self.device)
        rows = self.trunk.embed_tokens(ids)
        if inputs.pixels is not None:
            groups = [inputs.pixels] if together else inputs.pixels.split(1)
            features = torch.cat([self.features(pixels).flatten(0, 1) for pixels in groups])
            rows = rows.masked_scatter((ids == self.processor.special.image)[:, None], features)
            return list(rows.split(lengths))
        return shared_rows(inputs.ids, rows.split(lengths))

    def empty_rows(self, inputs: Inputs) -> list[Tensor]:
        """Input embeddings of the unconditional branch of guidance."""
        return self.prompt_rows(Inputs(tuple(map(self.processor.emptied, inputs.ids)), None))

    def features(self, pixels: Tensor) -> Tensor:
        """What the trunk sees of pictures [pictures, 3, size, size]: [pictures, tokens, width]."""
        seen = self.network.model.vision_model(pixels.to(self.device, self.dtype)).last_hidden_state
        return self.network.model.aligner(seen)

    def code_rows(self, codes: Tensor) -> Tensor:
        """What is fed back for image tokens of any shape: embeddings [..., width]. Never the tokenizer's codebook."""
        return self.network.prepare_embeddings_for_image_generation(codes)

    @torch.inference_mode()
    def draw_codes(
        self,
        inputs: Inputs,
        *,
        guidance: float,
        temperature: float,
        seeds: Sequence[int] = (),
        draws: Sequence[Tensor] | Tensor | None = None,
    ) -> Tensor:
        """Image tokens [samples, tokens]; `draws` stand in for those of the seeds (see `draw_tokens`)."""
        steps, choices = self.drawing.places, self.network.model.generation_embeddings.num_embeddings
        feed = self.code_rows
        if choices * self.trunk.config.hidden_size <= _TABLE_LIMIT:
            feed = self.code_rows(torch.arange(choices, device=self.device)).__getitem__
        noise = exponential_draws(seeds, steps, choices) if draws is None and temperature else draws
        return draw_tokens(
            self.trunk,
            self.prompt_rows(inputs),
            None if guidance == 1 else self.empty_rows(inputs),
            feed=feed,
            head=self.network.model.generation_head,
            steps=steps,
            guidance=guidance,
            temperature=temperature,
            draws=noise,
        )

    @torch.inference_mode()
    def decoded(self, codes: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of image tokens [pictures, tokens].

        Picture by picture, so that the company of a picture never changes its last digits.
        """
        tokenizer, grid = self.network.model.vqmodel, self.drawing.grid
        return torch.cat([decoded_codes(tokenizer, own, grid) for own in codes.split(1)])

    def pictures(self, codes: Tensor) -> list[Image.Image]:
        """RGB pictures of image tokens [pictures, tokens]; values are cut off, not rounded, as upstream."""
        values = ((require_finite(self.decoded(codes).float(), "pixels") + 1) / 2 * 255).clamp(0, 255).to(torch.uint8)
        return [Image.fromarray(picture) for picture in values.permute(0, 2, 3, 1).cpu().numpy()]

    @torch.no_grad()
    def targets(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Image tokens [pictures, tokens], int64 on the model's device, of pictures to learn to draw.

        Raises:
            DataError: a picture is not square or cannot be read.
        """
        pixels = target_pixels(pictures, self.card.image_size)
        tokenizer = self.network.model.vqmodel
        return torch.cat([encode_codes(tokenizer, part.to(self.device, self.dtype)) for part in pixels.split(16)])

    def _rows(self, encoded: Encoded, replies: Sequence[Reply] | None) -> list[Tensor]:
        """Input embeddings of every prompt and the reply that follows it."""
        rows = self.prompt_rows(inputs_for(encoded, encoded.goal, Inputs))
        if replies is None:
            return rows
        return [torch.cat([row, self._reply_rows(reply)]) for row, reply in zip(rows, replies, strict=True)]

    def _reply_rows(self, reply: Reply) -> Tensor:
        if isinstance(reply, TextReply):
            return self.trunk.embed_tokens(torch.tensor(reply.tokens, dtype=torch.long, device=self.device))
        if reply.tokens is None:
            raise UsageError(f"the picture was not drawn by {self.card.id}: it has no image tokens")
        return self.code_rows(torch.tensor(np.asarray(reply.tokens), dtype=torch.long, device=self.device))

    def _reply_segments(self, start: int, reply: Reply) -> tuple[Segment, ...]:
        if isinstance(reply, ImageReply):
            assert reply.tokens is not None
            return (Segment(start, start + len(reply.tokens), "image", "response"),)
        return text_reply_segments(start, reply, self.processor.special.eos)
