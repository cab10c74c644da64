"""Harmon behind the seam of `unispect.models.base`.

One encoder sees the pictures of prompts and the picture being drawn; the trunk reads its features, latents first and
learned registers (buffers) behind them, causally, like text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

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
from unispect.models.decode.masked import left_open
from unispect.models.decode.prefix import drawn_together
from unispect.models.harmon import learning
from unispect.models.harmon.drawing import Drawing, Draws, draw_latents, seeded_draws
from unispect.models.harmon.keys import GROUPS
from unispect.models.harmon.mar import Grid
from unispect.models.harmon.network import HarmonNetwork
from unispect.models.harmon.processing import Inputs, Processor
from unispect.models.harmon.vae import latents_to_pixels, picture_bytes, pixels_to_latents
from unispect.models.processing.pictures import target_pixels
from unispect.models.settings import Settled
from unispect.models.voice import Voice, shared_rows


class Harmon(Settled):
    """A Harmon model, published or tiny.

    Args:
        card: what is known about it; its revision should be that of the weights.
        network: the filled network; its dtype and device are the model's.
        processor: tokenizer, template and picture format.
        drawing: how pictures are drawn where the caller does not say otherwise.
    """

    SETTINGS = ("drawing",)

    def __init__(self, card: ModelCard, network: HarmonNetwork, processor: Processor, drawing: Drawing) -> None:
        self.card = card
        self.network = network
        self.processor = processor
        self.drawing = drawing
        self.trunk = network.llm
        self.voice = Voice(self.trunk, network.text_logits, processor.end, processor.decode, processor.answer_ids)
        self._settle()

    @property
    def device(self) -> torch.device:
        return self.trunk.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.trunk.embed_tokens.weight.dtype

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        """See `UnifiedModel.encode`. A prompt for a picture may begin with one picture, which is drawn anew."""
        require(self.card, "write" if goal is Goal.TEXT else "draw")
        if any(prompt.images for prompt in prompts):
            require(self.card, "see")
            if goal is Goal.IMAGE:
                self._check_redrawing(prompts)
        inputs, segments = self.processor.encode(prompts, goal)
        reply = self.drawing.places + self.network.mar.buffers_count if goal is Goal.IMAGE else 0
        longest, limit = max(map(len, inputs.ids)) + reply, int(self.trunk.config.max_position_embeddings)
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
        """See `UnifiedModel.draw`. Latents come as [rows, columns, channels]; with the order they repeat any step."""
        require(self.card, "draw")
        inputs = inputs_for(encoded, Goal.IMAGE, Inputs)
        check_seeds(how.seeds, len(encoded))
        given = {"guidance": how.guidance, "temperature": how.temperature, "iterations": how.steps}
        drawing = replace(self.drawing, **{name: value for name, value in given.items() if value is not None})
        drawing.check()
        latents, orders = self._drawn(inputs, drawing, how.seeds)
        settings = {
            "guidance": drawing.guidance,
            "schedule": drawing.schedule,
            "temperature": drawing.temperature,
            "iterations": drawing.iterations,
            "diffusion_steps": drawing.diffusion_steps,
            "paper": drawing.paper,
        }
        values = latents.float().cpu().unflatten(1, drawing.grid).numpy()
        pictures = self.pictures(latents, drawing.grid)
        return [
            ImageReply(picture, seed, latents=own, replay={**settings, "order": order.numpy()})
            for picture, seed, own, order in zip(pictures, how.seeds, values, orders, strict=True)
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

        With pictures, one pass over prompt, latents and buffers: all latents at `LAST`, at step i those that were known
        when iteration i began (in the first, none). Buffers are template. It is the branch of guidance that has the
        prompt, padded as in `draw` without `paper`. An end token is template.
        """
        require(self.card, "probe")
        rows = self.prompt_rows(inputs_for(encoded, encoded.goal, Inputs))
        segments = encoded.segments
        if replies is None and at != LAST:
            raise UsageError("only a drawn reply has steps: give replies, or leave at=LAST")
        if replies is not None:
            check_replies(encoded, replies)
            added = [self._reply_rows(reply, at) for reply in replies]
            rows = [torch.cat(pair) for pair in zip(rows, added, strict=True)]
            segments = tuple(
                own + self._reply_segments(own[-1].stop, reply, len(new))
                for own, reply, new in zip(segments, replies, added, strict=True)
            )
        step = 0 if replies is None else at
        for layer, states in enumerate(stream_each(self.trunk, rows)):
            yield LayerState(layer, states, segments, step)

    @named
    def loss(self, batch: Sequence[Example]) -> Losses:
        """See `Trainable.loss`."""
        require(self.card, "learn")
        return learning.losses(self, batch)

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """See `Trainable.parameter_groups`. There are no "image embeddings", and no "text head" where it is tied."""
        names = [name for name, _ in self.network.named_parameters()]
        groups = {group: [name for name in names if name.startswith(starts)] for group, starts in GROUPS.items()}
        return {group: own for group, own in groups.items() if own}

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """Input embeddings [length, width] of every prompt; equal texts share one tensor.

        Args:
            inputs: from `encode`.
            together: run all pictures through the encoder at once. One by one, the default, their features do not
                depend on the batch in their last digits.
        """
        lengths = [len(ids) for ids in inputs.ids]
        ids = torch.cat(inputs.ids).to(self.device)
        shown = ids == self.processor.placeholder
        rows = self.trunk.embed_tokens(ids.masked_fill(shown, 0))
        if inputs.pixels is not None:
            groups = [inputs.pixels] if together else inputs.pixels.split(1)
            features = torch.cat([self.features(pixels).flatten(0, 1) for pixels in groups])
            rows = rows.masked_scatter(shown[:, None], features)
            return list(rows.split(lengths))
        return shared_rows(inputs.ids, rows.split(lengths))

    def empty_row(self) -> Tensor:
        """Input embeddings [length, width] of the unconditional branch of guidance."""
        return self.trunk.embed_tokens(self.processor.empty_ids().to(self.device))

    def features(self, pixels: Tensor) -> Tensor:
        """What the trunk reads of pictures [pictures, 3, height, width]: [pictures, latents + buffers, width]."""
        stride = self.network.config.vae.stride
        with torch.no_grad():  # the pixel autoencoder never learns here
            latents = pixels_to_latents(self.network.vae, pixels.to(self.device, self.dtype))
        return self.latent_rows(latents, (pixels.shape[2] // stride, pixels.shape[3] // stride))

    def latent_rows(self, latents: Tensor, grid: Grid) -> Tensor:
        """What the trunk reads of whole pictures [pictures, places, channels]: [pictures, places + buffers, width]."""
        places = torch.arange(grid[0] * grid[1], device=self.device).expand(len(latents), -1)
        return self.network.seen(latents, places, grid)[1]

    @torch.inference_mode()
    def draw_latents(self, inputs: Inputs, drawing: Drawing, draws: Draws, *, pad: int | None = None) -> Tensor:
        """Latents [samples, places, channels]; see `drawing.draw_latents`. `pad` is the end token unless given."""
        return draw_latents(
            self.network, self.prompt_rows(inputs), self.empty_row(), drawing, draws, self._pad_row(pad)
        )

    def _pad_row(self, pad: int | None = None) -> Tensor:
        return self.trunk.embed_tokens.weight[self.processor.end if pad is None else pad]

    def _drawn(self, inputs: Inputs, drawing: Drawing, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Latents [samples, places, channels] and the orders they were filled in [samples, places]."""
        rows, empty, channels = self.prompt_rows(inputs), self.empty_row(), self.network.config.mar.channels
        latents = torch.empty(len(seeds), drawing.places, channels, dtype=self.dtype, device=self.device)
        orders = torch.empty(len(seeds), drawing.places, dtype=torch.long)
        brought = (1 + (drawing.guidance != 1)) * (drawing.places + self.network.mar.buffers_count)
        everyone = list(range(len(seeds)))  # the paper's padding is of all that are drawn at once
        for members in [everyone] if drawing.paper else drawn_together(list(map(len, rows)), brought, self.device):
            draws = seeded_draws([seeds[i] for i in members], drawing, channels)
            prompts = [rows[i] for i in members]
            latents[members] = draw_latents(self.network, prompts, empty, drawing, draws, self._pad_row())
            orders[members] = draws.orders
        return latents, orders

    @torch.inference_mode()
    def decoded(self, latents: Tensor, grid: Grid) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of latents [pictures, places, channels].

        Picture by picture, so that the company of a picture never changes its last digits.
        """
        return torch.cat([latents_to_pixels(self.network.vae, own, grid) for own in latents.split(1)])

    def pictures(self, latents: Tensor, grid: Grid) -> list[Image.Image]:
        """RGB pictures of latents [pictures, places, channels]."""
        return [Image.fromarray(own) for own in picture_bytes(self.decoded(latents, grid)).cpu().numpy()]

    @torch.no_grad()
    def targets(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Latents [pictures, places, channels] on the model's device of pictures to learn to draw.

        Raises:
            DataError: a picture is not square or cannot be read.
        """
        pixels = target_pixels(pictures, self.card.image_size).to(self.device, self.dtype)
        return torch.cat([pixels_to_latents(self.network.vae, part) for part in pixels.split(16)])

    def _check_redrawing(self, prompts: Sequence[Prompt]) -> None:
        if "redraw" not in self.card.capabilities:
            raise Unsupported(self.card.id, "draw", "from a prompt that holds a picture, which no one trained it to do")
        for prompt in prompts:
            if len(prompt.images) > 1 or (prompt.images and isinstance(prompt.parts[0], str)):
                raise Unsupported(self.card.id, "draw", "anything but one picture, given before the text, anew")

    def _reply_rows(self, reply: Reply, at: int) -> Tensor:
        if isinstance(reply, TextReply):
            if at != LAST:
                raise UsageError(f"{self.card.id} writes token by token: it has states of the finished text (at=LAST)")
            return self.trunk.embed_tokens(torch.tensor(reply.tokens, dtype=torch.long, device=self.device))
        if reply.latents is None:
            raise UsageError(f"the picture was not drawn by {self.card.id}: it has no latents")
        values = torch.tensor(np.asarray(reply.latents), device=self.device, dtype=self.dtype)
        rows, columns, channels = values.shape
        latents = values.view(1, rows * columns, channels)
        if at == LAST:
            return self.latent_rows(latents, (rows, columns))[0]
        known = self._known(reply, at, rows * columns)
        return self.network.seen(latents[:, known], known[None], (rows, columns))[1][0]

    def _known(self, reply: ImageReply, at: int, places: int) -> Tensor:
        """Places that were known when an iteration began, ascending."""
        order, iterations = reply.replay.get("order"), reply.replay.get("iterations")
        if not isinstance(order, np.ndarray) or not isinstance(iterations, int):
            raise UsageError("the reply does not say in which order it was drawn: only at=LAST is possible")
        if not 0 <= at < iterations:
            raise UsageError(f"the picture was drawn in steps 0 to {iterations - 1}; there is no step {at}")
        before = (places, *left_open(places, iterations))[at]
        return torch.tensor(np.sort(order[before:]), dtype=torch.long, device=self.device)

    def _reply_segments(self, start: int, reply: Reply, length: int) -> tuple[Segment, ...]:
        if isinstance(reply, TextReply):
            return text_reply_segments(start, reply, self.processor.end)
        stop = start + length
        seen = Segment(start, stop - self.network.mar.buffers_count, "image", "response")
        return tuple(part for part in (seen, Segment(seen.stop, stop, "image", "template")) if len(part))
