"""The port: a picture is drawn by following a flow of latents, whose velocity the backbone tells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import LlamaModel
from unispect.core.cards import ModelCard
from unispect.core.errors import UsageError
from unispect.core.prompts import Segment
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.base import Example
from unispect.models.capture import final_norm, stream_each
from unispect.models.decode import replay
from unispect.models.decode.flow import euler, guided, start_noise, times
from unispect.models.decode.mask import with_spans
from unispect.models.edits import Asked
from unispect.models.embedded import Embedded, columns, edited
from unispect.models.losses import moments_and_noise
from unispect.models.port import Port, Segments, asked
from unispect.models.processing.pictures import pictures_of
from unispect.models.processing.template import Inputs

from .autoencoder import CHANNELS
from .keys import GROUPS
from .network import Network
from .processing import Processor


@dataclass(frozen=True)
class Drawing:
    """How pictures are drawn where the caller does not say otherwise."""

    guidance: float
    steps: int

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """The published settings."""
        return cls(card.defaults["guidance"], int(card.defaults["steps"]))

    def check(self) -> None:
        """Raises `UsageError` when this cannot be drawn."""
        if self.steps < 1:
            raise UsageError(f"a picture is drawn in one step or more, not {self.steps}")


class SkeletalModel(Port):
    """A model of the family, published or tiny; what is not said here is `Port`'s.

    Time runs from 0, noise, to 1. Behind its prompt stand the latents of a picture, which see each other.
    """

    INPUTS, GROUPS = Inputs, GROUPS
    network: Network
    processor: Processor
    drawing: Drawing

    @property
    def drawn_positions(self) -> int:
        return self.processor.positions

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the latents of a picture."""
        return CHANNELS, self.network.config.side, self.network.config.side

    def language(self) -> tuple[LlamaModel, nn.Module]:
        return self.network.backbone, self.network.text_head

    def features(self, pixels: Tensor) -> Tensor:
        return self.network.features(pixels.to(self.device, self.dtype))

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        # One picture after the other, so that a batch changes nothing. REPLACE where that is too slow:
        # models/janus_flow/drawing.py draws pictures together and keeps what it needs of their prompts.
        drawing = asked(self.drawing, guidance=how.guidance, steps=how.steps)
        found = []
        for own, seed in zip(self._branches(self.prompts(inputs), edits), how.seeds, strict=True):
            noise = start_noise([seed], self.latent_shape)
            *_, before, finished = self._path(*own, noise, drawing)
            (picture,) = pictures_of(self.network.image_tokenizer.decode(finished))
            kept = replay.settings(drawing.guidance, drawing.steps, before[0])
            found.append(ImageReply(picture, seed, latents=finished[0].cpu().numpy(), replay=kept))
        return found

    def followed(
        self, prompts: Sequence[Embedded], replies: Sequence[ImageReply], at: int
    ) -> list[tuple[Embedded, Segments]]:
        """See `Port`: the latents that step `at` looked at, with which it computed its velocity."""
        chosen = [replay.step_of(reply, at, self.latent_shape) for reply in replies]

        def again(
            some: Sequence[int], noise: Tensor, guidance: float, steps: int
        ) -> Iterator[tuple[list[int], Iterator[Tensor]]]:
            for place, (sample, own) in enumerate(zip(some, noise.split(1), strict=True)):
                prompt = prompts[sample]
                yield [place], self._path(prompt, self._without(prompt), own, Drawing(guidance, steps))

        latents = replay.latents_at(again, start_noise, replies, [step for step, _ in chosen], self.device)
        found = []
        for prompt, own, (step, steps) in zip(prompts, latents, chosen, strict=True):
            sequence = self._with_latents(prompt, own, torch.tensor(step / steps))
            found.append((sequence, (Segment(len(prompt), len(sequence), "image", "response"),)))
        return found

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """Mean squared error of the velocity per latent number (rectified flow, arXiv 2209.03003)."""
        moments, noise = moments_and_noise([example.seed for example in examples], self.latent_shape, even=True)
        prompts = self._to_learn(examples, inputs)
        noise, share = noise.to(self.device), moments.to(self.device)[:, None, None, None]
        velocities = self._velocities(prompts, share * finished + (1 - share) * noise, moments)
        return F.mse_loss(velocities, finished - noise)

    def picture_targets(self, pixels: Tensor) -> Tensor:
        return self.network.image_tokenizer.encode(pixels.to(self.dtype)).float()

    def _path(self, prompt: Embedded, empty: Embedded, noise: Tensor, drawing: Drawing) -> Iterator[Tensor]:
        """The latents [1, channels, rows, columns] of one picture before every step and after the last."""

        def field(latents: Tensor, time: float) -> Tensor:
            moment = torch.tensor([time])
            found = self._velocities([prompt], latents, moment)
            if drawing.guidance == 1:
                return found
            return guided(found, self._velocities([empty], latents, moment), drawing.guidance)

        return euler(field, noise.to(self.device), times(drawing.steps))

    def _velocities(self, prompts: Sequence[Embedded], latents: Tensor, moments: Tensor) -> Tensor:
        """Velocities [samples, channels, rows, columns], float32, of latents behind prompts, each at its own time."""
        sequences = [self._with_latents(*own) for own in zip(prompts, latents, moments, strict=True)]
        *_, last = stream_each(self.backbone, *columns(sequences))
        states = [final_norm(self.backbone)(own[-self.processor.positions :]) for own in last]
        found = torch.stack([self.network.image_head(own).T for own in states])
        return found.unflatten(2, self.latent_shape[1:]).float()

    def _with_latents(self, prompt: Embedded, latents: Tensor, moment: Tensor) -> Embedded:
        """A prompt with latents [channels, rows, columns] at a time behind it."""
        drawn = self.network.image_in(latents[None].to(self.dtype), moment[None])[0]
        rows = torch.cat([prompt.rows, drawn])
        return Embedded(rows, with_spans(len(rows), [(len(prompt), len(rows))]), edits=prompt.edits)

    def _without(self, prompt: Embedded) -> Embedded:
        """A prompt for a picture with what it says taken out."""
        return Embedded(self.token_rows(self.processor.empty_ids(len(prompt))))

    def _branches(self, prompts: Sequence[Embedded], edits: Asked | None) -> list[tuple[Embedded, Embedded]]:
        """Every prompt, and what the unconditional branch of guidance reads in its place, with their edits."""
        empty = [self._without(prompt) for prompt in prompts]
        whole, without = edited(prompts, edits and edits.of()), edited(empty, edits and edits.of("unconditional"))
        return list(zip(whole, without, strict=True))

    def _to_learn(self, examples: Sequence[Example], inputs: Inputs) -> list[Embedded]:
        """Prompts of examples, some of them with what they say taken out."""
        pairs = zip(examples, self.prompts(inputs), strict=True)
        return [self._without(own) if example.unconditional else own for example, own in pairs]
