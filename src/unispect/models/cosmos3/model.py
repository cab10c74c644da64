"""Cosmos 3 behind the seam of `unispect.models.base`.

One backbone with two sets of weights: text and pictures that are seen pass through one, which is blind to the other;
positions of a picture being drawn pass through the other and hear the first. Layers, vision tower and pixel autoencoder
are stock classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from unispect.core.errors import UsageError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.attention import Looks, angles_of, at_positions, behind, sequence_looks
from unispect.models.base import Example
from unispect.models.capture import pad_right, single_rows, stream, stream_each
from unispect.models.cosmos3.drawing import THOUSANDTHS, DrawSettings, PromptedField, paths, positions_of
from unispect.models.cosmos3.keys import GROUPS
from unispect.models.cosmos3.network import Cosmos3Network
from unispect.models.cosmos3.processing import Inputs, Processor
from unispect.models.decode import replay
from unispect.models.decode.cache import KeyValueCache
from unispect.models.decode.flow import last_and_finished, start_noise
from unispect.models.decode.prefix import prefix_mask, slots
from unispect.models.edits import Asked, Own, RowEdits, bare
from unispect.models.embedded import Embedded, columns, embedded_rows
from unispect.models.losses import moments_and_noise
from unispect.models.port import Port, Segments, asked
from unispect.models.processing.pictures import pictures_of
from unispect.models.text_decoder import TextDecoder


@dataclass(frozen=True)
class Drawn:
    """A prompt with the picture behind it that a step looked at.

    Attributes:
        prompt: ready for the set `und`.
        rows: input embeddings [positions, width] of the picture, for the set `gen`.
        grid: its rows and columns of positions.
        edits: of the states of both.
    """

    prompt: Embedded
    rows: Tensor
    grid: tuple[int, int]
    edits: Own = ()

    def __len__(self) -> int:
        return len(self.prompt) + len(self.rows)


class Cosmos3(Port):
    """A Cosmos 3 model, published or tiny.

    Attributes:
        drawing: how pictures are drawn where the caller does not say otherwise, of other sizes too.
    """

    INPUTS, GROUPS = Inputs, GROUPS
    network: Cosmos3Network
    processor: Processor
    drawing: DrawSettings

    def language(self) -> tuple[Any, Callable[[Tensor], Tensor]]:
        """See `Port`."""
        return self.network.understanding, self.network.lm_head

    def speaking(self) -> TextDecoder:
        """See `Port`."""
        special = self.processor.special
        return replace(super().speaking(), stops=() if special.stop == special.end else (special.stop,))

    def tokenised(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[Segments, ...]]:
        """See `Port`. A prompt for a picture holds text only, and tells the picture's size."""
        return self.processor.encode(prompts, goal, wording=self.drawing.wording())

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """See `Port`; rows bring along what the vision tower adds in later layers (`backbone.Understanding`)."""
        seen = None
        if inputs.grids is not None:
            grids = inputs.grids.to(self.device)
            pairs = zip(inputs.patches, grids.split(1), strict=True)
            if together:
                pairs = [(torch.cat(inputs.patches), grids)]
            seen = torch.cat([self.network.features(own.to(self.device, self.dtype), grid) for own, grid in pairs])
        pictures = torch.cat(inputs.ids).to(self.device) == self.processor.special.image_pad
        return embedded_rows(self.backbone.embed_tokens, inputs.ids, pictures, seen)

    def prompts(self, inputs: Inputs, *, together: bool = False) -> list[Embedded]:
        """See `Port`."""
        rows = self.prompt_rows(inputs, together=together)
        return [Embedded(own, positions=where) for own, where in zip(rows, inputs.positions, strict=True)]

    def layers(self, sequences: Sequence[Embedded | Drawn]) -> Iterator[tuple[Tensor, ...]]:
        """See `Port`.

        At one layer, rows of text and of pictures that are seen have passed through one set of weights, those of a
        picture being drawn through the other. What the vision tower adds behind a layer is not in that layer's output,
        but in the next one's input.
        """
        width = self.network.config.text.hidden_size
        drawn = [own for own in sequences if isinstance(own, Drawn)]
        if not drawn:
            texts = columns(cast("Sequence[Embedded]", sequences))
            for states in stream_each(self.backbone, *texts):
                yield tuple(own[:, :width] for own in states)
            return

        def together(some: Sequence[int]) -> Iterator[Tensor]:
            for states in zip(*(self._layers_of(drawn[i]) for i in some), strict=True):
                yield pad_right(states)

        yield from single_rows(together, list(map(len, drawn)), self.device)

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        """See `Port`.

        The flow draws noise at its start alone, so `temperature` changes nothing. A reply holds the finished latents
        [channels, height, width]; its seed and settings repeat every step, and the latents that the last step looked at
        are kept. Positions of a prompt are edited in the weights that read, those of the picture behind it in the
        weights that draw, in every step; what the branch without the prompt says instead is template.
        """
        drawing = asked(self.drawing, guidance=how.guidance, steps=how.steps)
        noise, empty = start_noise(how.seeds, self.latent_shape), self.empty_row()
        others = [[bare(len(empty))] * len(inputs.ids)] if drawing.guidance != 1 else []
        changes = edits and edits.branches(*others)
        found = paths(self.network, self._narrow(self.prompt_rows(inputs)), empty, noise, drawing, changes)
        last, finished = last_and_finished(found, noise, self.device)
        return [
            ImageReply(
                picture,
                seed,
                latents=latents.cpu().numpy(),
                replay=replay.settings(drawing.guidance, drawing.steps, before),
            )
            for picture, seed, latents, before in zip(self.pictures(finished), how.seeds, finished, last, strict=True)
        ]

    def followed(
        self, prompts: Sequence[Embedded], replies: Sequence[ImageReply], at: int
    ) -> list[tuple[Any, Segments]]:
        """See `Port`.

        `at` chooses the step, 0 to steps - 1: the states are those with which that step computed its velocity, in the
        branch that has the prompt, from latents that were not yet finished, told of their time. `LAST` is the last of
        them: the model never looks at a finished picture that it drew. Steps other than the first and the last are
        drawn again from the seed.
        """
        steps = [self._step(reply, at) for reply in replies]
        rows, empty = self._narrow([own.rows for own in prompts]), self.empty_row()

        def again(some: Sequence[int], noise: Tensor, guidance: float, count: int):
            drawing = replace(self.drawing, guidance=guidance, steps=count)
            return paths(self.network, [rows[i] for i in some], empty, noise, drawing)

        looked_at = replay.latents_at(again, start_noise, replies, [step for step, _ in steps], self.device)
        found = []
        # One by one: what a picture's rows are must not depend on the batch.
        for prompt, latents, (step, count) in zip(prompts, looked_at, steps, strict=True):
            time = replace(self.drawing, steps=count).times()[step]
            own = self.network.rows(latents[None], torch.tensor([time], device=self.device))[0]
            grid = self.network.config.grid_of(latents.shape[1:])
            start = len(prompt)
            found.append((Drawn(prompt, own, grid), (Segment(start, start + len(own), "image", "response"),)))
        return found

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """Mean squared error of the velocity per latent number.

        Rectified flow (arXiv 2209.03003): x_t = (1 - t) x_0 + t noise, whose velocity is noise - x_0. Without its
        prompt, a picture stands behind what the branch without one says. The error reaches the weights that understand
        through the keys and values that they leave behind.
        """
        finished = finished.float()
        moments, noise = moments_and_noise([example.seed for example in examples], finished.shape[1:], even=True)
        moments, noise = moments.to(self.device), noise.to(self.device)
        share = moments[:, None, None, None]
        empty = self.empty_row()
        rows = self._narrow(self.prompt_rows(inputs))
        prompts = [empty if example.unconditional else own for example, own in zip(examples, rows, strict=True)]
        shape = (finished.shape[2], finished.shape[3])
        field = PromptedField(self.network, prompts, None, shape, 1.0, learning=True)
        velocity = field.branches((1 - share) * finished + share * noise, moments * THOUSANDTHS)
        return F.mse_loss(velocity, noise - finished)

    @torch.no_grad()  # the pixel autoencoder never learns here
    def picture_targets(self, pixels: Tensor) -> Tensor:
        """Latents [pictures, channels, side, side], float32."""
        return torch.cat([self.network.encoded(own.to(self.dtype)).float() for own in pixels.split(1)])

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the latents of a drawn picture."""
        config = self.network.config
        return (config.channels, *self.drawing.latents(config.stride))

    def empty_row(self) -> Tensor:
        """Input embeddings [length, width] of the branch without the prompt."""
        ids = self.processor.bare_ids(self.drawing.negative, self.drawing.wording(negated=True))
        return self._narrow([self.token_rows(ids)])[0]

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width] in -1..1 of finished latents, picture by picture."""
        return torch.cat([self.network.decoded(own.to(self.device, self.dtype)) for own in latents.split(1)])

    def pictures(self, latents: Tensor) -> list[Image.Image]:
        """RGB pictures of finished latents."""
        return pictures_of(self.decoded(latents))

    def _narrow(self, rows: Sequence[Tensor]) -> list[Tensor]:
        """Rows [length_i, width] of prompts without pictures, which bring nothing along."""
        width = self.network.config.text.hidden_size
        found: dict[int, Tensor] = {}
        return [found.setdefault(id(own), own[:, :width]) for own in rows]

    def _step(self, reply: ImageReply, at: int) -> tuple[int, int]:
        """The step `at` of a picture, counted from 0, and in how many it was drawn."""
        shape = self.latent_shape
        if reply.latents is None or np.asarray(reply.latents).shape != shape:
            raise UsageError(
                f"the picture was not drawn by {self.card.id} as it is set: it has no latents of that size"
            )
        return replay.step_of(reply, at, shape)

    def looks(self, sequence: Embedded | Drawn) -> Iterator[Looks]:
        """See `Port`; rows of a prompt never see the picture, which sees all of it and all of itself."""
        if isinstance(sequence, Embedded):
            yield from sequence_looks(self.backbone, sequence, lambda layer, hidden: layer.heads(hidden))
            return
        generation = cast(Any, self.network.generation)
        where = positions_of(self.network, sequence.grid, [len(sequence.prompt)], sequence.rows.device)
        angles = angles_of(generation, sequence.rows[None], where)
        prompt = sequence_looks(self.backbone, sequence.prompt, lambda layer, hidden: layer.heads(hidden))
        pictures = (own[len(sequence.prompt) :] for own in self._layers_of(sequence))
        for layer, own, rows in zip(generation.layers, prompt, pictures, strict=False):  # one state more than layers
            found = layer.heads(rows[None])
            yield behind(own, Looks(*at_positions(found, angles), found[2]))

    def _layers_of(self, own: Drawn) -> Iterator[Tensor]:
        """The states [length, width] of a prompt and its picture, layer by layer."""
        width, length, new = self.network.config.text.hidden_size, len(own.prompt), len(own.rows)
        room = slots(length)
        cache = KeyValueCache(room + new)
        padded = F.pad(own.prompt.rows, (0, 0, 0, room - length))[None]
        changes = RowEdits.of([own.edits], columns=[range(length)])
        read = stream(self.backbone, padded, cache=cache, edits=changes)
        seen = torch.tensor([length], device=padded.device)
        mask = prefix_mask(seen, room, torch.ones(new, new, dtype=torch.bool)).to(padded.dtype)
        where = positions_of(self.network, own.grid, [length], padded.device)
        generation = cast(Any, self.network.generation)
        changes = RowEdits.of([own.edits], [length])
        drawn = stream(generation, own.rows[None], positions=where, mask=mask, cache=cache, edits=changes)
        # In step: what is drawn hears the keys and values of the same layer, which the prompt leaves first.
        for states, picture in zip(read, drawn, strict=True):
            yield torch.cat([states[0, :length, :width], picture[0].to(states.device)])
