"""The port: a picture is drawn image token by image token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn
from transformers.models.llama.modeling_llama import LlamaModel
from unispect.core.cards import ModelCard
from unispect.core.errors import UsageError
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.base import Example
from unispect.models.decode.autoregressive import draw_tokens
from unispect.models.decode.chance import exponential_draws
from unispect.models.edits import Asked
from unispect.models.embedded import Embedded, edited
from unispect.models.losses import token_loss
from unispect.models.port import Port, asked
from unispect.models.processing.pictures import pictures_of
from unispect.models.processing.template import Inputs

from .keys import GROUPS
from .network import Network
from .processing import Processor


@dataclass(frozen=True)
class Drawing:
    """How pictures are drawn where the caller does not say otherwise."""

    guidance: float
    temperature: float

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """The published settings."""
        return cls(card.defaults["guidance"], card.defaults["temperature"])

    def check(self) -> None:
        """Raises `UsageError` when this cannot be drawn."""
        if self.temperature < 0:
            raise UsageError(f"the temperature cannot be below 0, as {self.temperature} is")


class SkeletalModel(Port):
    """A model of the family, published or tiny; what is not said here is `Port`'s."""

    INPUTS, GROUPS = Inputs, GROUPS
    network: Network
    processor: Processor
    drawing: Drawing

    @property
    def drawn_positions(self) -> int:
        return self.processor.positions

    def language(self) -> tuple[LlamaModel, nn.Module]:
        return self.network.backbone, self.network.text_head

    def features(self, pixels: Tensor) -> Tensor:
        return self.network.features(pixels.to(self.device, self.dtype))

    def code_rows(self, codes: Tensor) -> Tensor:
        return self.network.image_in(codes)

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        drawing, steps = asked(self.drawing, guidance=how.guidance, temperature=how.temperature), self.drawn_positions
        if how.steps not in (None, steps):
            raise UsageError(f"{self.card.id} draws in exactly {steps} steps, not {how.steps}")
        prompts, empty = zip(*self._branches(self.prompts(inputs), edits), strict=True)
        run = prompts if drawing.guidance == 1 else (*prompts, *empty)
        tokens = draw_tokens(
            self.backbone,
            [prompt.rows for prompt in prompts],
            None if drawing.guidance == 1 else [prompt.rows for prompt in empty],
            feed=self.code_rows,
            head=self.network.image_head,
            steps=steps,
            guidance=drawing.guidance,
            temperature=drawing.temperature,
            draws=exponential_draws(how.seeds, steps, self.network.config.codes) if drawing.temperature else None,
            edits=[prompt.edits for prompt in run],
        )
        pictures = pictures_of(self.network.image_tokenizer.decode(tokens))
        return [
            ImageReply(picture, seed, tokens=own, replay=vars(drawing))
            for picture, seed, own in zip(pictures, how.seeds, tokens.cpu().numpy(), strict=True)
        ]

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        prompts = self._to_learn(examples, inputs)
        return token_loss(self.backbone, prompts, self.code_rows(finished[:, :-1]), finished, self.network.image_head)

    def picture_targets(self, pixels: Tensor) -> Tensor:
        return self.network.image_tokenizer.encode(pixels)

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
