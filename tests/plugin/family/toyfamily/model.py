"""The toy behind the seam: what `Port` cannot know."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from transformers.models.llama.modeling_llama import LlamaModel

from unispect.core.errors import UsageError
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.base import Example
from unispect.models.decode.autoregressive import draw_tokens
from unispect.models.decode.chance import exponential_draws
from unispect.models.losses import token_loss
from unispect.models.port import Port, asked
from unispect.models.processing.pictures import pictures_of

from .network import COLOURS, GROUPS, ToyNetwork
from .processing import Inputs, Processor


@dataclass(frozen=True)
class Drawing:
    guidance: float
    temperature: float

    def check(self) -> None:
        if self.temperature < 0:
            raise UsageError(f"the temperature cannot be below 0, as {self.temperature} is")


class Toy(Port):
    INPUTS, GROUPS = Inputs, GROUPS
    network: ToyNetwork
    processor: Processor
    drawing: Drawing

    @property
    def drawn_positions(self) -> int:
        return self.processor.patches

    def language(self) -> tuple[LlamaModel, nn.Module]:
        return self.network.backbone, self.network.text_head

    def features(self, pixels: Tensor) -> Tensor:
        return self.code_rows(self.network.seen(pixels.to(self.device)))

    def drawn(self, inputs: Inputs, how: ImageSampling) -> list[ImageReply]:
        drawing, steps = asked(self.drawing, guidance=how.guidance, temperature=how.temperature), self.drawn_positions
        if how.steps not in (None, steps):
            raise UsageError(f"{self.card.id} draws in exactly {steps} steps, not {how.steps}")
        colours = draw_tokens(
            self.backbone,
            self.prompt_rows(inputs),
            None if drawing.guidance == 1 else self.prompt_rows(self._texts(inputs, [True] * len(inputs.ids))),
            feed=self.code_rows,
            head=self.network.image_head,
            steps=steps,
            guidance=drawing.guidance,
            temperature=drawing.temperature,
            draws=exponential_draws(how.seeds, steps, COLOURS) if drawing.temperature else None,
        )
        found = zip(pictures_of(self.network.painted(colours)), how.seeds, colours.cpu().numpy(), strict=True)
        return [ImageReply(picture, seed, tokens=own, replay=vars(drawing)) for picture, seed, own in found]

    def code_rows(self, codes: Tensor) -> Tensor:
        return self.network.colours(codes)

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        prompts = self.prompts(self._texts(inputs, [example.unconditional for example in examples]))
        return token_loss(self.backbone, prompts, self.code_rows(finished[:, :-1]), finished, self.network.image_head)

    def picture_targets(self, pixels: Tensor) -> Tensor:
        return self.network.seen(pixels)

    def _texts(self, inputs: Inputs, empty: Sequence[bool]) -> Inputs:
        """Prompts for pictures, some with what they say taken out."""
        ids = (self.processor.emptied(own) if out else own for own, out in zip(inputs.ids, empty, strict=True))
        return Inputs(tuple(ids), None)
