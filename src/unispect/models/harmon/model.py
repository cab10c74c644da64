"""Harmon behind the seam of `unispect.models.base`.

One encoder sees the pictures of prompts and the picture being drawn; the backbone reads its features, latents first and
learned registers (buffers) behind them, causally, like text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers.models.qwen2.modeling_qwen2 import Qwen2Model

from unispect.core.encoded import LAST
from unispect.core.errors import Unsupported, UsageError
from unispect.core.prompts import Prompt, Segment
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.base import Example
from unispect.models.decode.masked import left_open
from unispect.models.decode.prefix import drawn_together
from unispect.models.edits import Asked, bare, drawn_with
from unispect.models.embedded import Embedded, branch_rows
from unispect.models.harmon.drawing import Draws, DrawSettings, draw_latents, seeded_draws
from unispect.models.harmon.keys import GROUPS
from unispect.models.harmon.learning import draw_loss
from unispect.models.harmon.mar import Grid
from unispect.models.harmon.network import HarmonNetwork
from unispect.models.harmon.processing import Inputs, Processor
from unispect.models.harmon.vae import latents_to_pixels, picture_bytes, pixels_to_latents
from unispect.models.port import Port, Segments, asked


class Harmon(Port):
    """A Harmon model, published or tiny.

    Attributes:
        drawing: how pictures are drawn where the caller does not say otherwise.
    """

    INPUTS, GROUPS = Inputs, GROUPS
    network: HarmonNetwork
    processor: Processor
    drawing: DrawSettings

    def language(self) -> tuple[Qwen2Model, Callable[[Tensor], Tensor]]:
        """See `Port`."""
        return self.network.llm, self.network.text_logits

    @property
    def drawn_positions(self) -> int:
        """See `Port`: latents, and the buffers behind them."""
        return self.drawing.positions + self.network.mar.buffers_count

    def check_redrawing(self, prompts: Sequence[Prompt]) -> None:
        """See `Port`. A prompt for a picture may begin with one picture, which is drawn anew."""
        for prompt in prompts:
            if len(prompt.images) > 1 or (prompt.images and isinstance(prompt.parts[0], str)):
                raise Unsupported(self.card.id, "draw", "anything but one picture, given before the text, anew")

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        """See `Port`. Latents come as [rows, columns, channels]; with the order they repeat any step.

        Behind a prompt stand, in every iteration, the latents that are known by then, row by row, and the buffers. What
        the unconditional branch of guidance reads is template.
        """
        drawing = asked(self.drawing, guidance=how.guidance, temperature=how.temperature, iterations=how.steps)
        latents, orders = self._drawn(inputs, drawing, how.seeds, edits)
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

    def followed(
        self, prompts: Sequence[Embedded], replies: Sequence[ImageReply], at: int
    ) -> list[tuple[Embedded, Segments]]:
        """See `Port`. Behind a prompt stand latents and buffers, which are template.

        At `LAST` it is all latents, at step i those that were known when iteration i began (in the first, none). The
        prompt is padded as in `draw` without `paper`.
        """
        found = []
        for prompt, reply in zip(prompts, replies, strict=True):
            rows = torch.cat([prompt.rows, self._reply_rows(reply, at)])
            end = len(rows) - self.network.mar.buffers_count
            parts = (Segment(len(prompt), end, "image", "response"), Segment(end, len(rows), "image", "template"))
            found.append((Embedded(rows), tuple(part for part in parts if len(part))))
        return found

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """See `learning.draw_loss`."""
        empty = self.empty_row()
        rows = self.prompt_rows(inputs, together=True)
        prompts = [empty if example.unconditional else row for example, row in zip(examples, rows, strict=True)]
        return draw_loss(self.network, prompts, finished.to(self.dtype), [example.seed for example in examples])

    def picture_targets(self, pixels: Tensor) -> Tensor:
        """Latents [pictures, positions, channels]."""
        return pixels_to_latents(self.network.vae, pixels.to(self.dtype))

    def empty_row(self) -> Tensor:
        """Input embeddings [length, width] of the unconditional branch of guidance."""
        return self.token_rows(self.processor.empty_ids())

    def features(self, pixels: Tensor) -> Tensor:
        """What the backbone reads of pictures [pictures, 3, height, width]: [pictures, latents + buffers, width]."""
        stride = self.network.config.vae.stride
        with torch.no_grad():  # the pixel autoencoder never learns here
            latents = pixels_to_latents(self.network.vae, pixels.to(self.device, self.dtype))
        return self.latent_rows(latents, (pixels.shape[2] // stride, pixels.shape[3] // stride))

    def latent_rows(self, latents: Tensor, grid: Grid) -> Tensor:
        """What the backbone reads of whole pictures [pictures, positions, channels]: [pictures, positions + buffers,
        width].
        """
        positions = torch.arange(grid[0] * grid[1], device=self.device).expand(len(latents), -1)
        return self.network.seen(latents, positions, grid)[1]

    @torch.inference_mode()
    def draw_latents(self, inputs: Inputs, drawing: DrawSettings, draws: Draws, *, pad: int | None = None) -> Tensor:
        """Latents [samples, positions, channels]; see `drawing.draw_latents`. `pad` is the end token unless given."""
        prompts = self.prompt_rows(inputs)
        without = [self.empty_row()] * len(prompts)
        return draw_latents(self.network, prompts, without, drawing, draws, self._pad_row(pad))

    def _pad_row(self, pad: int | None = None) -> Tensor:
        return self.backbone.embed_tokens.weight[self.processor.end if pad is None else pad]

    def _drawn(
        self, inputs: Inputs, drawing: DrawSettings, seeds: Sequence[int], edits: Asked | None
    ) -> tuple[Tensor, Tensor]:
        """Latents [samples, positions, channels] and the orders they were filled in [samples, positions]."""
        rows, empty, channels = self.prompt_rows(inputs), self.empty_row(), self.network.config.mar.channels
        latents = torch.empty(len(seeds), drawing.positions, channels, dtype=self.dtype, device=self.device)
        orders = torch.empty(len(seeds), drawing.positions, dtype=torch.long)
        brought = (1 + (drawing.guidance != 1)) * (drawing.positions + self.network.mar.buffers_count)
        rows, own = branch_rows(rows, edits, "conditional")
        empties, others = [empty] * len(rows), []
        if drawing.guidance != 1:
            empties, others = branch_rows(empties, edits, "unconditional", [bare(len(empty))] * len(rows))
        changes = None if edits is None else [*own, *others]
        everyone = list(range(len(seeds)))  # the paper's padding is of all that are drawn at once
        for members in [everyone] if drawing.paper else drawn_together(list(map(len, rows)), brought, self.device):
            draws = seeded_draws([seeds[i] for i in members], drawing, channels)
            prompts, without = [rows[i] for i in members], [empties[i] for i in members]
            made = drawn_with(changes, len(rows), members, len(members))
            latents[members] = draw_latents(self.network, prompts, without, drawing, draws, self._pad_row(), made)
            orders[members] = draws.orders
        return latents, orders

    @torch.inference_mode()
    def decoded(self, latents: Tensor, grid: Grid) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of latents [pictures, positions, channels].

        Picture by picture, so that states are batch-invariant.
        """
        return torch.cat([latents_to_pixels(self.network.vae, own, grid) for own in latents.split(1)])

    def pictures(self, latents: Tensor, grid: Grid) -> list[Image.Image]:
        """RGB pictures of latents [pictures, positions, channels]."""
        return [Image.fromarray(own) for own in picture_bytes(self.decoded(latents, grid)).cpu().numpy()]

    def _reply_rows(self, reply: ImageReply, at: int) -> Tensor:
        if reply.latents is None:
            raise UsageError(f"the picture was not drawn by {self.card.id}: it has no latents")
        values = torch.tensor(np.asarray(reply.latents), device=self.device, dtype=self.dtype)
        rows, columns, channels = values.shape
        latents = values.view(1, rows * columns, channels)
        if at == LAST:
            return self.latent_rows(latents, (rows, columns))[0]
        known = self._known(reply, at, rows * columns)
        return self.network.seen(latents[:, known], known[None], (rows, columns))[1][0]

    def _known(self, reply: ImageReply, at: int, positions: int) -> Tensor:
        """Positions that were known when an iteration began, ascending."""
        order, iterations = reply.replay.get("order"), reply.replay.get("iterations")
        if not isinstance(order, np.ndarray) or not isinstance(iterations, int):
            raise UsageError("the reply does not say in which order it was drawn: only at=LAST is possible")
        if not 0 <= at < iterations:
            raise UsageError(f"the picture was drawn in steps 0 to {iterations - 1}; there is no step {at}")
        before = (positions, *left_open(positions, iterations))[at]
        return torch.tensor(np.sort(order[before:]), dtype=torch.long, device=self.device)
