"""The port: a second network follows a flow of latents, and hears the language model's final states of the prompt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import LlamaModel
from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.errors import UsageError
from unispect.core.prompts import Goal, Segment
from unispect.core.replies import ImageReply, ImageSampling, Reply
from unispect.models.base import Example
from unispect.models.capture import final_norm
from unispect.models.checks import check_replies, inputs_for, require
from unispect.models.decode import replay
from unispect.models.decode.flow import euler, guided, start_noise, times
from unispect.models.edits import Asked, Edits
from unispect.models.embedded import Embedded, edited
from unispect.models.losses import moments_and_noise
from unispect.models.port import Port, asked
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

    Time runs from 0, noise, to 1. A drawn picture has no states in the language model (`no_states` of the card); those
    of the network that drew it are in `decoder_states`.
    """

    INPUTS, GROUPS = Inputs, GROUPS
    network: Network
    processor: Processor
    drawing: Drawing

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
        # models/omnigen2/drawing.py draws pictures together.
        if edits is not None:
            edits.no_response("its language model only reads")
        drawing, found = asked(self.drawing, guidance=how.guidance, steps=how.steps), []
        for own, seed in zip(self._branches(self.prompts(inputs), edits), how.seeds, strict=True):
            *_, before, finished = self._path(*own, start_noise([seed], self.latent_shape)[0], drawing)
            (picture,) = pictures_of(self.network.image_tokenizer.decode(finished[None]))
            kept = replay.settings(drawing.guidance, drawing.steps, before)
            found.append(ImageReply(picture, seed, latents=finished.cpu().numpy(), replay=kept))
        return found

    @torch.no_grad()
    def decoder_states(
        self, encoded: Encoded, replies: Sequence[Reply], *, at: int = LAST, edits: Edits | None = None
    ) -> Iterator[LayerState]:
        """See `DrawsApart`: rows of the prompt and of the latents that step `at` looked at.

        Edits are of the language model. REPLACE where those of the second network are wanted: `stacks` and `inside` of
        models/omnigen2/model.py.
        """
        require(self.card, "probe_decoder")
        prompts, changes = self.prompts(inputs_for(encoded, Goal.IMAGE, Inputs)), self.checked(encoded, edits)
        check_replies(encoded, replies)
        drawn = [reply for reply in replies if isinstance(reply, ImageReply)]
        chosen = [replay.step_of(reply, at, self.latent_shape) for reply in drawn]

        def again(
            some: Sequence[int], noise: Tensor, guidance: float, steps: int
        ) -> Iterator[tuple[list[int], Iterator[Tensor]]]:
            for place, (sample, own) in enumerate(zip(some, noise, strict=True)):
                prompt = prompts[sample]
                path = self._path(prompt, self._without(prompt), own, Drawing(guidance, steps))
                yield [place], (latents[None] for latents in path)

        latents = replay.latents_at(again, start_noise, drawn, [step for step, _ in chosen], self.device)
        moments = [torch.tensor(step / steps) for step, steps in chosen]
        streams = [
            self.network.drawer.stream(self._said(prompt), own.to(self.dtype), moment)
            for prompt, own, moment in zip(edited(prompts, changes and changes.of()), latents, moments, strict=True)
        ]
        picture = self.processor.positions
        segments = tuple(
            (*own, Segment(own[-1].stop, own[-1].stop + picture, "image", "response")) for own in encoded.segments
        )
        for layer, rows in enumerate(zip(*streams, strict=True)):
            yield LayerState(layer, rows, segments, at)

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """Mean squared error of the velocity per latent number (rectified flow, arXiv 2209.03003)."""
        moments, noise = moments_and_noise([example.seed for example in examples], self.latent_shape, even=True)
        noise, share = noise.to(self.device), moments.to(self.device)[:, None, None, None]
        between = (share * finished + (1 - share) * noise).to(self.dtype)
        prompts = self._to_learn(examples, inputs)
        velocities = [
            self.network.velocity(self._said(prompt), own, moment)
            for prompt, own, moment in zip(prompts, between, moments, strict=True)
        ]
        return F.mse_loss(torch.stack(velocities), finished - noise)

    def picture_targets(self, pixels: Tensor) -> Tensor:
        return self.network.image_tokenizer.encode(pixels.to(self.dtype)).float()

    def _said(self, prompt: Embedded) -> Tensor:
        """The language model's final states [length, width] of a prompt."""
        *_, (last,) = self.layers([prompt])
        return final_norm(self.backbone)(last)

    def _path(self, prompt: Embedded, empty: Embedded, noise: Tensor, drawing: Drawing) -> Iterator[Tensor]:
        """The latents [channels, rows, columns] of one picture before every step and after the last."""
        said, nothing = self._said(prompt), self._said(empty)

        def field(latents: Tensor, time: float) -> Tensor:
            now = latents.to(self.dtype), torch.tensor(time)
            found = self.network.velocity(said, *now)
            if drawing.guidance == 1:
                return found
            return guided(found, self.network.velocity(nothing, *now), drawing.guidance)

        return euler(field, noise.to(self.device), times(drawing.steps))

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
