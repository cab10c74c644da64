"""JanusFlow behind the seam of `unispect.models.base`.

Backbone, vision tower and pixel autoencoder are stock classes; the shallow U-ViT, the sampler and the template are this
package's (docs/sources/janus-flow.md#stock-classes).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import LlamaModel

from unispect.core.prompts import Segment
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.base import Example
from unispect.models.capture import pad_right, run_at
from unispect.models.decode import replay
from unispect.models.decode.flow import last_and_finished, start_noise
from unispect.models.edits import Asked, Own, bare
from unispect.models.embedded import Embedded, embedded_rows
from unispect.models.janus_flow.drawing import DrawSettings, paths
from unispect.models.janus_flow.keys import GROUPS
from unispect.models.janus_flow.network import JanusFlowNetwork
from unispect.models.port import Port, Segments, asked
from unispect.models.processing.dialogue import Dialogue, Inputs
from unispect.models.processing.pictures import pictures_of


class JanusFlow(Port):
    """A JanusFlow model, published or tiny.

    Attributes:
        drawing: how pictures are drawn where the caller does not say otherwise, for other sizes too.
    """

    INPUTS, GROUPS = Inputs, GROUPS
    network: JanusFlowNetwork
    processor: Dialogue
    drawing: DrawSettings

    def language(self) -> tuple[LlamaModel, nn.Module]:
        """See `Port`."""
        return self.network.backbone, self.network.language_model.lm_head

    @property
    def drawn_positions(self) -> int:
        """See `Port`: the time's and the picture's."""
        return 1 + self.drawing.places

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the latents of a picture that is drawn."""
        uvit, (rows, columns) = self.network.config.uvit, self.drawing.grid
        return uvit.latent_channels, rows * uvit.patch, columns * uvit.patch

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """See `Port`."""
        pictures, seen = torch.cat(inputs.ids).to(self.device) == self.processor.placeholder, None
        if inputs.pixels is not None:
            groups = [inputs.pixels] if together else inputs.pixels.split(1)
            features = torch.cat([self.network.features(pixels.to(self.device, self.dtype)) for pixels in groups])
            # A learned embedding stands in the place of the token before the first placeholder
            # (docs/sources/janus-flow.md#layout).
            seen = torch.cat([self.network.begin_of_picture.expand(len(features), 1, -1), features], dim=1)
            pictures = pictures | F.pad(pictures[1:], (0, 1))
        return embedded_rows(self.backbone.embed_tokens, inputs.ids, pictures, seen)

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        """See `Port`.

        The flow draws noise at its start alone, so `temperature` changes nothing. A reply holds the finished latents;
        its seed and settings repeat every step, and the latents that the last step looked at are kept. Behind a prompt
        stand the time's position and the picture's, in every step; the unconditional branch of guidance reads the
        prompt's first position alone, which is template.
        """
        drawing = asked(self.drawing, guidance=how.guidance, steps=how.steps)
        noise = start_noise(how.seeds, self.latent_shape)
        others = [[bare(1)] * len(inputs.ids)] if drawing.guidance != 1 else []
        how_to = {"guidance": drawing.guidance, "steps": drawing.steps}
        last, finished = self.draw_latents(inputs, noise, **how_to, edits=edits and edits.branches(*others))
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
    ) -> list[tuple[Embedded, Segments]]:
        """See `Port`. Behind a prompt stand the time's position, which is template, and the picture's.

        Step 0 to steps - 1 has the states with which it computed its velocity from latents that were not yet finished.
        `LAST` is the last of them (time 1 - 1/steps); the model never looks at the finished picture while it draws.
        Steps other than the first and the last are drawn again from the seed.
        """
        chosen = [replay.step_of(reply, at, self._shape_of(reply)) for reply in replies]

        def again(some: Sequence[int], noise: Tensor, guidance: float, steps: int):
            return paths(self.network, [prompts[i].rows for i in some], noise, guidance=guidance, steps=steps)

        latents = replay.latents_at(again, start_noise, replies, [step for step, _ in chosen], self.device)
        moments = torch.tensor([step / steps for step, steps in chosen], dtype=torch.float64)
        found = []
        # One by one, so that states are batch-invariant.
        for prompt, own, moment in zip(prompts, latents, moments.split(1), strict=True):
            rows = torch.cat([prompt.rows, self.picture_rows(own[None], moment)[0][0]])
            start = len(prompt)
            time = Segment(start, start + 1, "image", "template")
            found.append((Embedded(rows), (time, Segment(start + 1, len(rows), "image", "response"))))
        return found

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """Mean squared error of the velocity per latent number.

        Rectified flow (arXiv 2209.03003): z_t = t z_1 + (1 - t) noise, whose velocity is z_1 - noise.
        """
        finished = finished.float()
        moments, noise = moments_and_noise([example.seed for example in examples], finished.shape[1:])
        noise, share = noise.to(self.device), moments.float().to(self.device)[:, None, None, None]
        drawn, map_, time = self.picture_rows(share * finished + (1 - share) * noise, moments)
        prompts = self.prompt_rows(inputs)
        # Without its prompt, a picture sees the first token alone, as far away as ever.
        kept = [
            prompt[:1] if example.unconditional else prompt for example, prompt in zip(examples, prompts, strict=True)
        ]
        rows = pad_right([torch.cat(pair) for pair in zip(kept, drawn, strict=True)])
        shift = torch.tensor([len(prompt) - len(own) for prompt, own in zip(prompts, kept, strict=True)])
        places = torch.arange(rows.shape[1])
        positions = places + shift[:, None] * (places > 0)
        begins, count = torch.tensor([len(own) + 1 for own in kept])[:, None], drawn.shape[1] - 1
        wanted = ((places >= begins) & (places < begins + count)).to(self.device)
        seen = run_at(self.backbone, rows, wanted, positions=positions.to(self.device)).unflatten(0, (-1, count))
        return F.mse_loss(self.network.velocity(seen, map_, time).float(), finished - noise)

    def picture_targets(self, pixels: Tensor) -> Tensor:
        """Latents [pictures, channels, side, side], float32."""
        return self.network.encoded(pixels.to(self.dtype)).float()

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
    def draw_latents(
        self, inputs: Inputs, noise: Tensor, *, guidance: float, steps: int, edits: Sequence[Own] | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the last step looked at, and the finished latents, each as large as the noise, in float32."""
        found = paths(self.network, self.prompt_rows(inputs), noise, guidance=guidance, steps=steps, edits=edits)
        return last_and_finished(found, noise, self.device)

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of finished latents.

        Picture by picture, so that states are batch-invariant.
        """
        return torch.cat([self.network.decoded(own.to(self.device)) for own in latents.split(1)])

    def pictures(self, latents: Tensor) -> list[Image.Image]:
        """RGB pictures of finished latents."""
        return pictures_of(self.decoded(latents))

    def _shape_of(self, reply: ImageReply) -> tuple[int, ...]:
        """That of a reply's latents, of whatever size it was drawn; that of this model where it cannot be its own."""
        uvit, shape = self.network.config.uvit, np.shape(cast(np.ndarray, reply.replay.get(replay.LAST_INPUT, ())))
        own = len(shape) == 3 and shape[0] == uvit.latent_channels and not any(side % uvit.patch for side in shape[1:])
        return shape if own else self.latent_shape


def moments_and_noise(seeds: Sequence[int], shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """For every seed a time [seeds], evenly spread over 0..1 in float64, and normal noise [seeds, *shape]."""
    moments, noise = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed % 2**64)
        moments.append(torch.rand((), generator=generator, dtype=torch.float64))
        noise.append(torch.randn(*shape, generator=generator))
    return torch.stack(moments), torch.stack(noise)
