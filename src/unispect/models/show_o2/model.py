"""Show-o2 behind the seam of `unispect.models.base`.

Pictures in prompts and pictures being drawn are latents of a video autoencoder and come in the same way, with the time
in front; positions of one picture see each other. Trunk, vision blocks and pixel autoencoder are stock classes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

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
    cuts,
    inputs_for,
    named,
    require,
    text_reply_segments,
)
from unispect.models.decode import replay
from unispect.models.decode.finite import require_finite
from unispect.models.decode.sight import Sight, with_spans
from unispect.models.processing.pictures import target_pixels
from unispect.models.settings import Settled
from unispect.models.show_o2 import learning
from unispect.models.show_o2.drawing import SHIFTING, Drawing, moved, paths, rounded_noise
from unispect.models.show_o2.keys import GROUPS
from unispect.models.show_o2.network import ShowO2Network
from unispect.models.show_o2.processing import Inputs, Processor
from unispect.models.show_o2.seeing import Seeing
from unispect.models.show_o2.vae import decoded, moments
from unispect.models.voice import Voice, shared_rows

_SHIFTING = "shifting"
"""In a reply's `replay`: how times were moved, where it was not as published."""


class ShowO2(Settled):
    """A Show-o2 model, published or tiny.

    Args:
        card: what is known about it; its revision should be that of the weights.
        network: the filled network; its dtype and device are the model's.
        processor: tokenizer, template and picture format.
        drawing: how pictures are drawn where the caller does not say otherwise, of other sizes too.
        seeing: how pictures in prompts are seen.
    """

    SETTINGS = ("drawing", "seeing")

    def __init__(
        self,
        card: ModelCard,
        network: ShowO2Network,
        processor: Processor,
        drawing: Drawing,
        seeing: Seeing | None = None,
    ) -> None:
        self.card = card
        self.network = network
        self.processor = processor
        self.drawing = drawing
        self.seeing = seeing or Seeing()
        self.trunk = network.llm
        end = processor.special.end
        self.voice = Voice(self.trunk, network.text_logits, end, processor.decode, processor.answer_ids)
        self._settle()

    @property
    def device(self) -> torch.device:
        return self.trunk.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.trunk.embed_tokens.weight.dtype

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the latents of a drawn picture."""
        config, (rows, columns) = self.network.config, self.drawing.grid
        return config.channels, rows * config.patch, columns * config.patch

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        """See `UnifiedModel.encode`. A prompt for a picture holds text only; time and picture follow it.

        What `drawing.paper` puts behind such a prompt stands only in states without a reply.
        """
        require(self.card, "write" if goal is Goal.TEXT else "draw")
        if any(prompt.images for prompt in prompts):
            require(self.card, "see")
            if goal is Goal.IMAGE:
                raise Unsupported(
                    self.card.id, "draw", "from a prompt that holds a picture, which no one trained it to do"
                )
        inputs, segments = self.processor.encode(prompts, goal, self._most_text)
        reply = 1 + self.drawing.places if goal is Goal.IMAGE else 0
        longest, limit = max(map(len, inputs.ids)) + reply, int(self.trunk.config.max_position_embeddings)
        if longest > limit:
            raise DataError(f"a prompt takes {longest} positions, {self.card.id} has {limit}; shorten it")
        if inputs.pixels is not None:
            side, channels = inputs.pixels.shape[2] // self.network.config.stride, self.network.config.channels
            inputs = replace(inputs, noise=self.seeing.noise(inputs.pixels, (channels, side, side)))
        return Encoded(goal, segments, inputs, cuts(prompts, lambda prompt: self.left_out(prompt, goal), inputs.ids))

    def left_out(self, prompt: Prompt, goal: Goal) -> int:
        """See `ReadsPart`: with `drawing.paper` alone."""
        most = self._most_text
        return 0 if most is None or goal is Goal.TEXT else self.processor.left_out(prompt, most)

    @property
    def _most_text(self) -> int | None:
        return self.drawing.most_text if self.drawing.paper else None

    @named
    @torch.inference_mode()
    def write(self, encoded: Encoded, how: TextSampling) -> list[TextReply]:
        """See `UnifiedModel.write`."""
        require(self.card, "write")
        inputs = inputs_for(encoded, Goal.TEXT, Inputs)
        return self.voice.write(self.prompt_rows(inputs), how, self.sights(inputs))

    @named
    @torch.inference_mode()
    def draw(self, encoded: Encoded, how: ImageSampling) -> list[ImageReply]:
        """See `UnifiedModel.draw`.

        The flow draws noise at its start alone, so `temperature` changes nothing. A reply holds the finished latents;
        its seed and settings repeat every step, and the latents that the last step looked at are kept.
        """
        require(self.card, "draw")
        inputs = inputs_for(encoded, Goal.IMAGE, Inputs)
        check_seeds(how.seeds, len(encoded))
        given = {"guidance": how.guidance, "steps": how.steps}
        drawing = replace(self.drawing, **{name: value for name, value in given.items() if value is not None})
        drawing.check()
        noise = rounded_noise(how.seeds, self.latent_shape)
        last, finished = self.draw_latents(inputs, noise, guidance=drawing.guidance, steps=drawing.steps)
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

    @named
    @torch.inference_mode()
    def score(self, encoded: Encoded, answers: Sequence[Sequence[str]]) -> list[Tensor]:
        """See `UnifiedModel.score`."""
        require(self.card, "score")
        inputs = inputs_for(encoded, Goal.TEXT, Inputs)
        return self.voice.score(self.prompt_rows(inputs), answers, self.sights(inputs))

    @torch.no_grad()
    def states(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerState]:
        """See `UnifiedModel.states`.

        Behind a prompt for a picture stand the time's position, which is template, and the picture's. At `LAST` it is
        the finished picture at time 1, as the model also sees pictures in prompts; `at` 0 to steps - 1 are the states
        with which that step computed its velocity. Of the two branches of guidance it is the conditional one. Steps
        other than the first and the last are drawn again from the seed.

        With `drawing.paper`, a prompt without a reply is followed by the slots that the authors put there: "filler".
        Text is written token by token and has states of the finished reply only.
        """
        require(self.card, "probe")
        inputs = inputs_for(encoded, encoded.goal, Inputs)
        rows, segments, sights = self.prompt_rows(inputs), encoded.segments, self.sights(inputs)
        if at != LAST and (replies is None or encoded.goal is Goal.TEXT):
            raise UsageError(
                f"{self.card.id} takes steps only while it draws: there is no step {at} here (use at=LAST)"
            )
        if replies is not None:
            check_replies(encoded, replies)
            added = self._reply_rows(rows, replies, at)
            if encoded.goal is Goal.IMAGE:
                ends = [(len(own), len(own) + len(new)) for own, new in zip(rows, added, strict=True)]
                sights = [with_spans(end[1], [end]) for end in ends]
            rows = [torch.cat(pair) for pair in zip(rows, added, strict=True)]
            segments = tuple(
                own + self._reply_segments(own[-1].stop, reply, len(new))
                for own, reply, new in zip(segments, replies, added, strict=True)
            )
        elif encoded.goal is Goal.IMAGE and self.drawing.paper:
            rows, sights, segments = self._with_filler(rows, segments)
        step = 0 if replies is None else at
        for layer, states in enumerate(stream_each(self.trunk, rows, sights)):
            yield LayerState(layer, states, segments, step)

    @named
    def loss(self, batch: Sequence[Example]) -> Losses:
        """See `Trainable.loss`."""
        require(self.card, "learn")
        return learning.losses(self, batch)

    @torch.no_grad()
    def targets(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Latents [pictures, channels, side, side], float32 on the model's device, of pictures to learn to draw.

        Raises:
            DataError: a picture is not square or cannot be read.
        """
        pixels = target_pixels(pictures, self.card.image_size)
        parts = [moments(self.network.vae, part.to(self.device, self.dtype))[0] for part in pixels.split(16)]
        return torch.cat(parts).float()

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """See `Trainable.parameter_groups`. There is no "text head" where it is tied."""
        names = [name for name, _ in self.network.named_parameters()]
        groups = {group: [name for name in names if name.startswith(starts)] for group, starts in GROUPS.items()}
        return {group: own for group, own in groups.items() if own}

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """Input embeddings [length, width] of every prompt; equal texts share one tensor.

        Args:
            inputs: from `encode`.
            together: run all pictures through what sees them at once. One by one, the default, their features do not
                depend on the batch in their last digits.
        """
        lengths = [len(ids) for ids in inputs.ids]
        ids = torch.cat(inputs.ids).to(self.device)
        rows = self.trunk.embed_tokens(ids)
        if inputs.pixels is not None:
            latents = self.seen_latents(inputs, together=together)
            groups = [latents] if together else latents.split(1)
            seen = torch.cat([self.picture_rows(own, own.new_ones(len(own)))[0].flatten(0, 1) for own in groups])
            rows = rows.masked_scatter((ids == self.processor.special.place)[:, None], seen)
            return list(rows.split(lengths))
        return shared_rows(inputs.ids, rows.split(lengths))

    def sights(self, inputs: Inputs) -> list[Sight]:
        """What the positions of every prompt see."""
        places = self.processor.picture_tokens
        return [self.seeing.sight(len(ids), own, places) for ids, own in zip(inputs.ids, inputs.pictures, strict=True)]

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
        return self.trunk.embed_tokens(self.processor.empty_ids().to(self.device))

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
    def draw_latents(self, inputs: Inputs, noise: Tensor, *, guidance: float, steps: int) -> tuple[Tensor, Tensor]:
        """What the last step looked at, and the finished latents, each [samples, channels, rows, columns], float32."""
        last, finished = torch.empty_like(noise, device=self.device), torch.empty_like(noise, device=self.device)
        prompts, empty = self.prompt_rows(inputs), self.empty_row()
        how = {"guidance": guidance, "steps": steps, "shifting": self.drawing.shifting}
        for members, path in paths(self.network, prompts, empty, noise, **how):
            last[members], finished[members] = deque(path, maxlen=2)
        return last, finished

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width] in -1..1 of finished latents.

        Picture by picture, so that the company of a picture never changes its last digits.
        """
        return torch.cat([decoded(self.network.vae, own.to(self.device, self.dtype)) for own in latents.split(1)])

    def pictures(self, latents: Tensor) -> list[Image.Image]:
        """RGB pictures of finished latents; values are cut off, not rounded, as in the authors' scripts."""
        values = (require_finite(self.decoded(latents).float(), "pixels") + 1) / 2 * 255
        return [Image.fromarray(own) for own in values.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()]

    def _reply_rows(self, prompts: Sequence[Tensor], replies: Sequence[Reply], at: int) -> Sequence[Tensor]:
        """Input embeddings of every reply."""
        if not isinstance(replies[0], ImageReply):
            texts = [torch.tensor(reply.tokens, dtype=torch.long, device=self.device) for reply in replies]
            return [self.trunk.embed_tokens(tokens) for tokens in texts]
        drawn = [cast(ImageReply, reply) for reply in replies]
        if at == LAST:
            latents, when = torch.stack([self._finished(reply) for reply in drawn]), [1.0] * len(drawn)
        else:
            steps = [replay.step_of(reply, at, self.latent_shape) for reply in drawn]
            when = [moved(count, _shifting(reply))[step] for reply, (step, count) in zip(drawn, steps, strict=True)]
            latents = self._latents_at(prompts, drawn, [step for step, _ in steps])
        # One by one: what a picture's rows are must not depend on the batch.
        pairs = zip(latents.split(1), torch.tensor(when).split(1), strict=True)
        return [self.picture_rows(own, moment)[0][0] for own, moment in pairs]

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

    def _with_filler(
        self, rows: Sequence[Tensor], segments: Sequence[tuple[Segment, ...]]
    ) -> tuple[list[Tensor], list[Sight], tuple[tuple[Segment, ...], ...]]:
        """Prompts with the authors' slots behind them, embedded as the tokens that they hold before drawing begins."""
        longer, sights, covered = [], [], []
        for own, parts in zip(rows, segments, strict=True):
            ids = self.processor.filler_ids(self.drawing.places, self.drawing.whole - len(own)).to(self.device)
            begin, length = len(own), len(own) + len(ids)
            end = begin + 1 + self.drawing.places
            longer.append(torch.cat([own, self.trunk.embed_tokens(ids)]))
            sights.append(with_spans(length, [(begin, end)]))
            added = (
                Segment(begin, end, "image", "filler"),
                Segment(end, end + 2, "text", "template"),
                Segment(end + 2, length, "text", "filler"),
            )
            covered.append((*parts, *(part for part in added if len(part) > 0)))
        return longer, sights, tuple(covered)

    def _reply_segments(self, start: int, reply: Reply, length: int) -> tuple[Segment, ...]:
        if isinstance(reply, TextReply):
            return text_reply_segments(start, reply, self.processor.special.end)
        return Segment(start, start + 1, "image", "template"), Segment(start + 1, start + length, "image", "response")


def _shifting(reply: ImageReply) -> float:
    return cast(float, reply.replay.get(_SHIFTING, SHIFTING))
