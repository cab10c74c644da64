"""JanusFlow behind the seam of `unispect.models.base`.

Trunk, vision tower and pixel autoencoder are stock classes; the shallow U-ViT, the sampler and the template are this
package's (docs/sources/janus-flow.md#stock-classes).
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
from torch.nn import functional as F

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
from unispect.models.decode import replay
from unispect.models.decode.finite import require_finite
from unispect.models.decode.flow import start_noise
from unispect.models.janus_flow import learning
from unispect.models.janus_flow.drawing import Drawing, paths
from unispect.models.janus_flow.keys import GROUPS
from unispect.models.janus_flow.network import JanusFlowNetwork
from unispect.models.processing.dialogue import Dialogue, Inputs
from unispect.models.processing.pictures import target_pixels
from unispect.models.settings import Settled
from unispect.models.voice import Voice, shared_rows


class JanusFlow(Settled):
    """A JanusFlow model, published or tiny.

    Args:
        card: what is known about it; its revision should be that of the weights.
        network: the filled network; its dtype and device are the model's.
        processor: the checkpoint's tokenizer, template and picture format.
        drawing: how pictures are drawn where the caller does not say otherwise, for other sizes too.
    """

    SETTINGS = ("drawing",)

    def __init__(self, card: ModelCard, network: JanusFlowNetwork, processor: Dialogue, drawing: Drawing) -> None:
        self.card = card
        self.network = network
        self.processor = processor
        self.drawing = drawing
        self.trunk = network.trunk
        self.voice = Voice(
            self.trunk, network.language_model.lm_head, processor.special.eos, processor.decode, processor.answer_ids
        )
        self._settle()

    @property
    def device(self) -> torch.device:
        return self.trunk.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.trunk.embed_tokens.weight.dtype

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the latents of a picture that is drawn."""
        uvit, (rows, columns) = self.network.config.uvit, self.drawing.grid
        return uvit.latent_channels, rows * uvit.patch, columns * uvit.patch

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        """See `UnifiedModel.encode`. A prompt for a picture holds text only; time and picture follow it."""
        require(self.card, "write" if goal is Goal.TEXT else "draw")
        if any(prompt.images for prompt in prompts):
            require(self.card, "see")
            if goal is Goal.IMAGE:
                raise Unsupported(
                    self.card.id, "draw", "from a prompt that holds a picture, which no one trained it to do"
                )
        inputs, segments = self.processor.encode(prompts, goal)
        reply = 1 + self.drawing.places if goal is Goal.IMAGE else 0
        longest, limit = max(map(len, inputs.ids)) + reply, self.trunk.config.max_position_embeddings
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
        noise = start_noise(how.seeds, self.latent_shape)
        last, finished = self.draw_latents(inputs, noise, guidance=drawing.guidance, steps=drawing.steps)
        return [
            ImageReply(
                picture,
                seed,
                latents=latents.cpu().numpy(),
                replay=replay.settings(drawing.guidance, drawing.steps, before),
            )
            for picture, seed, latents, before in zip(self.pictures(finished), how.seeds, finished, last, strict=True)
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

        Behind a prompt for a picture stand the time's position, which is template, and the picture's. Of a drawn
        picture, `at` chooses the step, 0 to steps - 1: the states are those with which that step computed its velocity
        from latents that were not yet finished. `LAST` is the last of them (time 1 - 1/steps); the model never looks at
        the finished picture while it draws. Of the two branches of guidance it is the conditional one. Steps other than
        the first and the last are drawn again from the seed.

        Text is written token by token and has states of the finished reply only.
        """
        require(self.card, "probe")
        inputs = inputs_for(encoded, encoded.goal, Inputs)
        rows, segments = self.prompt_rows(inputs), encoded.segments
        if at != LAST and (replies is None or encoded.goal is Goal.TEXT):
            raise UsageError(
                f"{self.card.id} takes steps only while it draws: there is no step {at} here (use at=LAST)"
            )
        if replies is not None:
            check_replies(encoded, replies)
            added = self._reply_rows(rows, replies, at)
            rows = [torch.cat(pair) for pair in zip(rows, added, strict=True)]
            segments = tuple(
                own + self._reply_segments(own[-1].stop, reply) for own, reply in zip(segments, replies, strict=True)
            )
        step = 0 if replies is None else at
        for layer, states in enumerate(stream_each(self.trunk, rows)):
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
        parts = [self.network.encoded(part.to(self.device, self.dtype)) for part in pixels.split(16)]
        return torch.cat(parts).float()

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
            seen = torch.cat([self.network.features(pixels.to(self.device, self.dtype)) for pixels in groups])
            begin = self.network.begin_of_picture.expand(len(seen), 1, -1)
            image = ids == self.processor.special.image
            # A learned embedding stands in the place of the token before the first placeholder
            # (docs/sources/janus-flow.md#layout).
            before = F.pad(image[1:], (0, 1))
            rows = rows.masked_scatter((image | before)[:, None], torch.cat([begin, seen], dim=1))
            return list(rows.split(lengths))
        return shared_rows(inputs.ids, rows.split(lengths))

    def picture_rows(self, latents: Tensor, moments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What follows prompts while pictures are drawn.

        Args:
            latents: [samples, channels, height, width].
            moments: the time of every sample in 0..1.

        Returns:
            Input rows [samples, 1 + positions, width], the time's in front; the flow encoder's map; the embedded times.
        """
        time = self.network.flow_encoder.time(moments.to(self.device))
        map_ = self.network.flow_encoder(latents.to(self.device, self.dtype), time)
        return torch.cat([time[:, None], self.network.rows(map_)], dim=1), map_, time

    @torch.inference_mode()
    def draw_latents(self, inputs: Inputs, noise: Tensor, *, guidance: float, steps: int) -> tuple[Tensor, Tensor]:
        """What the last step looked at, and the finished latents, each as large as the noise, in float32."""
        last, finished = torch.empty_like(noise, device=self.device), torch.empty_like(noise, device=self.device)
        prompts = self.prompt_rows(inputs)
        for members, path in paths(self.network, prompts, noise, guidance=guidance, steps=steps):
            last[members], finished[members] = deque(path, maxlen=2)
        return last, finished

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of finished latents.

        Picture by picture, so that the company of a picture never changes its last digits.
        """
        return torch.cat([self.network.decoded(own.to(self.device)) for own in latents.split(1)])

    def pictures(self, latents: Tensor) -> list[Image.Image]:
        """RGB pictures of finished latents; values are cut off, not rounded, as in the authors' demo."""
        values = (require_finite(self.decoded(latents).float(), "pixels").clamp(-1, 1) * 0.5 + 0.5) * 255
        return [Image.fromarray(own) for own in values.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()]

    def _reply_rows(self, prompts: Sequence[Tensor], replies: Sequence[Reply], at: int) -> Sequence[Tensor]:
        """Input embeddings of every reply."""
        if not isinstance(replies[0], ImageReply):
            texts = [torch.tensor(reply.tokens, dtype=torch.long, device=self.device) for reply in replies]
            return [self.trunk.embed_tokens(tokens) for tokens in texts]
        drawn = [cast(ImageReply, reply) for reply in replies]
        chosen = [replay.step_of(reply, at, self._shape_of(reply)) for reply in drawn]

        def again(some: Sequence[int], noise: Tensor, guidance: float, steps: int):
            return paths(self.network, [prompts[i] for i in some], noise, guidance=guidance, steps=steps)

        latents = replay.latents_at(again, start_noise, drawn, [step for step, _ in chosen], self.device)
        moments = torch.tensor([step / steps for step, steps in chosen], dtype=torch.float64)
        # One by one, so that a picture's company never changes its last digits.
        return [self.picture_rows(own[None], when)[0][0] for own, when in zip(latents, moments.split(1), strict=True)]

    def _shape_of(self, reply: ImageReply) -> tuple[int, ...]:
        """That of a reply's latents, of whatever size it was drawn; that of this model where it cannot be its own."""
        uvit, shape = self.network.config.uvit, np.shape(cast(np.ndarray, reply.replay.get(replay.LAST_INPUT, ())))
        own = len(shape) == 3 and shape[0] == uvit.latent_channels and not any(side % uvit.patch for side in shape[1:])
        return shape if own else self.latent_shape

    def _reply_segments(self, start: int, reply: Reply) -> tuple[Segment, ...]:
        if isinstance(reply, TextReply):
            return text_reply_segments(start, reply, self.processor.special.eos)
        _, height, width = self._shape_of(reply)
        stop = start + 1 + height * width // self.network.config.uvit.patch**2
        return Segment(start, start + 1, "image", "template"), Segment(start + 1, stop, "image", "response")
