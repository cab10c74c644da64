"""Show-o2 behind the seam of `unispect.models.base`.

Pictures in prompts and pictures being drawn are latents of a video autoencoder and come in the same way, with the time
in front; positions of one picture see each other. Backbone, vision blocks and pixel autoencoder are stock classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from transformers.models.qwen2.modeling_qwen2 import Qwen2Model

from unispect.core.encoded import LAST
from unispect.core.errors import UsageError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.base import Example
from unispect.models.decode import replay
from unispect.models.decode.flow import last_and_finished
from unispect.models.decode.mask import with_spans
from unispect.models.edits import Asked, Own, bare
from unispect.models.embedded import Embedded, embedded_rows
from unispect.models.losses import moments_and_noise
from unispect.models.port import Port, Segments, asked
from unispect.models.processing.pictures import pictures_of
from unispect.models.show_o2.drawing import SHIFTING, DrawSettings, moved, paths, rounded_noise
from unispect.models.show_o2.image_input import ImageInputSettings
from unispect.models.show_o2.keys import GROUPS
from unispect.models.show_o2.learning import velocities
from unispect.models.show_o2.network import ShowO2Network
from unispect.models.show_o2.processing import Inputs, Processor
from unispect.models.show_o2.vae import decoded, moments

_SHIFTING = "shifting"
"""In a reply's `replay`: how times were moved, where it was not as published."""


class ShowO2(Port):
    """A Show-o2 model, published or tiny.

    Attributes:
        drawing: how pictures are drawn where the caller does not say otherwise, of other sizes too.
        seeing: how pictures in prompts are seen.
    """

    SETTINGS = ("drawing", "seeing")
    INPUTS, GROUPS = Inputs, GROUPS
    network: ShowO2Network
    processor: Processor
    drawing: DrawSettings
    seeing: ImageInputSettings = ImageInputSettings()

    def language(self) -> tuple[Qwen2Model, Callable[[Tensor], Tensor]]:
        """See `Port`."""
        return self.network.llm, self.network.text_logits

    @property
    def drawn_positions(self) -> int:
        """See `Port`: the time's and the picture's."""
        return 1 + self.drawing.image_tokens

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the latents of a drawn picture."""
        config, (rows, columns) = self.network.config, self.drawing.grid
        return config.channels, rows * config.patch, columns * config.patch

    @property
    def _most_text(self) -> int | None:
        return self.drawing.most_text if self.drawing.paper else None

    def left_out(self, prompt: Prompt, goal: Goal) -> int:
        """See `ReadsPart`: with `drawing.paper` alone."""
        most = self._most_text
        return 0 if most is None or goal is Goal.TEXT else self.processor.left_out(prompt, most)

    def tokenised(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[Segments, ...]]:
        """See `Port`. A prompt for a picture holds text only; time and picture follow it.

        What `drawing.paper` puts behind such a prompt stands only in states without a reply.
        """
        inputs, segments = self.processor.encode(prompts, goal, self._most_text)
        if inputs.pixels is not None:
            side, channels = inputs.pixels.shape[2] // self.network.config.stride, self.network.config.channels
            inputs = replace(inputs, noise=self.seeing.noise(inputs.pixels, (channels, side, side)))
        return inputs, segments

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """See `Port`."""
        seen = None
        if inputs.pixels is not None:
            latents = self.seen_latents(inputs, together=together)
            groups = [latents] if together else latents.split(1)
            seen = torch.cat([self.picture_rows(own, own.new_ones(len(own)))[0].flatten(0, 1) for own in groups])
        pictures = torch.cat(inputs.ids).to(self.device) == self.processor.special.image_pad
        return embedded_rows(self.backbone.embed_tokens, inputs.ids, pictures, seen)

    def prompts(self, inputs: Inputs, *, together: bool = False) -> list[Embedded]:
        """See `Port`."""
        image_tokens = self.processor.picture_tokens
        rows = self.prompt_rows(inputs, together=together)
        return [
            Embedded(own, self.seeing.attention_mask(len(own), starts, image_tokens))
            for own, starts in zip(rows, inputs.pictures, strict=True)
        ]

    def alone(
        self, prompts: Sequence[Embedded], segments: Sequence[Segments]
    ) -> tuple[Sequence[Embedded], Sequence[Segments]]:
        """See `Port`. With `drawing.paper`, the slots that the authors put behind a prompt follow it: "filler".

        They are embedded as the tokens that they hold before drawing begins.
        """
        if not self.drawing.paper:
            return prompts, segments
        longer, covered = [], []
        for prompt, parts in zip(prompts, segments, strict=True):
            begin = len(prompt)
            ids = self.processor.filler_ids(self.drawing.image_tokens, self.drawing.whole - begin)
            length, end = begin + len(ids), begin + 1 + self.drawing.image_tokens
            rows = torch.cat([prompt.rows, self.token_rows(ids)])
            longer.append(Embedded(rows, with_spans(length, [(begin, end)])))
            added = (
                Segment(begin, end, "image", "filler"),
                Segment(end, end + 2, "text", "template"),
                Segment(end + 2, length, "text", "filler"),
            )
            covered.append((*parts, *(part for part in added if len(part) > 0)))
        return longer, covered

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        """See `Port`.

        The flow draws noise at its start alone, so `temperature` changes nothing. A reply holds the finished latents;
        its seed and settings repeat every step, and the latents that the last step looked at are kept. Behind a prompt
        stand the time's position and the picture's, in every step; what the unconditional branch of guidance reads is
        template. The flow head behind the backbone has no layers to edit.
        """
        drawing = asked(self.drawing, guidance=how.guidance, steps=how.steps)
        noise = rounded_noise(how.seeds, self.latent_shape)
        others = [[bare(len(self.processor.empty_ids()))] * len(inputs.ids)] if drawing.guidance != 1 else []
        how_to = {"guidance": drawing.guidance, "steps": drawing.steps}
        last, finished = self.draw_latents(inputs, noise, **how_to, edits=edits and edits.branches(*others))
        more = {} if drawing.shifting == SHIFTING else {_SHIFTING: drawing.shifting}
        return [
            ImageReply(
                picture,
                seed,
                latents=latents.cpu().numpy(),
                replay={**replay.settings(drawing.guidance, drawing.steps, before), **more},
            )
            for picture, seed, latents, before in zip(self.pictures(finished), how.seeds, finished, last, strict=True)
        ]

    def followed(
        self, prompts: Sequence[Embedded], replies: Sequence[ImageReply], at: int
    ) -> list[tuple[Embedded, Segments]]:
        """See `Port`. Behind a prompt stand the time's position, which is template, and the picture's.

        At `LAST` it is the finished picture at time 1, as the model also sees pictures in prompts; `at` 0 to steps - 1
        are the states with which that step computed its velocity. Steps other than the first and the last are drawn
        again from the seed.
        """
        if at == LAST:
            latents, when = torch.stack([self._finished(reply) for reply in replies]), [1.0] * len(replies)
        else:
            steps = [replay.step_of(reply, at, self.latent_shape) for reply in replies]
            when = [moved(count, _shifting(reply))[step] for reply, (step, count) in zip(replies, steps, strict=True)]
            latents = self._latents_at([own.rows for own in prompts], replies, [step for step, _ in steps])
        found = []
        # One by one: what a picture's rows are must not depend on the batch.
        for prompt, own, moment in zip(prompts, latents.split(1), torch.tensor(when).split(1), strict=True):
            rows = torch.cat([prompt.rows, self.picture_rows(own, moment)[0][0]])
            start, length = len(prompt), len(rows)
            parts = Segment(start, start + 1, "image", "template"), Segment(start + 1, length, "image", "response")
            found.append((Embedded(rows, with_spans(length, [(start, length)])), parts))
        return found

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """Mean squared error of the velocity per latent number.

        Rectified flow (arXiv 2209.03003): x_t = t x_1 + (1 - t) noise, whose velocity is x_1 - noise.
        """
        finished, even = finished.float(), self.network.config.even_times
        times, noise = moments_and_noise([example.seed for example in examples], finished.shape[1:], even=even)
        times, noise = times.to(self.device), noise.to(self.device)
        share = times[:, None, None, None]
        drawn, time = self.picture_rows(share * finished + (1 - share) * noise, times)
        rows, empty = self.prompt_rows(inputs), self.empty_row()
        prompts = [empty if example.unconditional else row for example, row in zip(examples, rows, strict=True)]
        velocity = velocities(self.network, prompts, drawn, time, (finished.shape[2], finished.shape[3]))
        return F.mse_loss(velocity.float(), finished - noise)

    def picture_targets(self, pixels: Tensor) -> Tensor:
        """Latents [pictures, channels, side, side], float32."""
        return moments(self.network.vae, pixels.to(self.dtype))[0].float()

    @torch.no_grad()  # the pixel autoencoder never learns here
    def seen_latents(self, inputs: Inputs, *, together: bool = False) -> Tensor:
        """Latents [pictures, channels, rows, columns] of the pictures in prompts; see `prompt_rows`."""
        assert inputs.pixels is not None
        groups = [inputs.pixels] if together else inputs.pixels.split(1)
        parts = [moments(self.network.vae, pixels.to(self.device, self.dtype)) for pixels in groups]
        mean, variance = (torch.cat(part) for part in zip(*parts, strict=True))
        # The authors add a spread that is not normalised to a mean that is (docs/sources/show-o2.md#pictures).
        return mean if inputs.noise is None else mean + (0.5 * variance).exp() * inputs.noise.to(mean)

    def empty_row(self) -> Tensor:
        """Input embeddings [length, width] of the unconditional branch of guidance."""
        return self.token_rows(self.processor.empty_ids())

    def picture_rows(self, latents: Tensor, moments: Tensor) -> tuple[Tensor, Tensor]:
        """What stands for pictures in a sequence.

        Args:
            latents: [samples, channels, rows, columns].
            moments: the time of every sample in 0..1, 1 being a finished picture.

        Returns:
            Input rows [samples, 1 + positions, width], the time's in front; the embedded times [samples, ...].
        """
        time = self.network.time(moments.to(self.device))
        drawn = self.network.rows(latents.to(self.device, self.dtype))
        return torch.cat([self.network.time_row(time)[:, None], drawn], dim=1), time

    @torch.inference_mode()
    def draw_latents(
        self, inputs: Inputs, noise: Tensor, *, guidance: float, steps: int, edits: Sequence[Own] | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the last step looked at, and the finished latents, each [samples, channels, rows, columns], float32."""
        prompts, empty = self.prompt_rows(inputs), self.empty_row()
        how = {"guidance": guidance, "steps": steps, "shifting": self.drawing.shifting}
        return last_and_finished(paths(self.network, prompts, empty, noise, **how, edits=edits), noise, self.device)

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width] in -1..1 of finished latents.

        Picture by picture, so that states are batch-invariant.
        """
        return torch.cat([decoded(self.network.vae, own.to(self.device, self.dtype)) for own in latents.split(1)])

    def pictures(self, latents: Tensor) -> list[Image.Image]:
        """RGB pictures of finished latents."""
        return pictures_of(self.decoded(latents))

    def _finished(self, reply: ImageReply) -> Tensor:
        if reply.latents is None or np.asarray(reply.latents).shape != self.latent_shape:
            raise UsageError(
                f"the picture was not drawn by {self.card.id} as it is set: it has no latents of that size"
            )
        return torch.tensor(np.asarray(reply.latents))

    def _latents_at(self, prompts: Sequence[Tensor], replies: Sequence[ImageReply], steps: Sequence[int]) -> Tensor:
        empty, found = self.empty_row(), torch.empty(len(replies), *self.latent_shape, device=self.device)
        for shifting in {_shifting(reply) for reply in replies}:
            alike = [i for i, reply in enumerate(replies) if _shifting(reply) == shifting]

            def again(
                some: Sequence[int],
                noise: Tensor,
                guidance: float,
                count: int,
                alike: Sequence[int] = alike,
                shifting: float = shifting,
            ):
                own, how = [prompts[alike[i]] for i in some], {"guidance": guidance, "steps": count}
                return paths(self.network, own, empty, noise, **how, shifting=shifting)

            own = [replies[i] for i in alike], [steps[i] for i in alike]
            found[alike] = torch.stack(replay.latents_at(again, rounded_noise, *own, self.device))
        return found


def _shifting(reply: ImageReply) -> float:
    return cast(float, reply.replay.get(_SHIFTING, SHIFTING))
