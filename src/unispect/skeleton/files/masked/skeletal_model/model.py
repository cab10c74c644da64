"""The port: all open positions of a picture are guessed at every step, and the surest guesses stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import LlamaModel
from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST
from unispect.core.errors import UsageError
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.base import Example
from unispect.models.capture import final_norm, stream_each
from unispect.models.decode.confident import OPEN, canvas_at, open_share, seeded_draws, uncover
from unispect.models.decode.flow import guided
from unispect.models.decode.mask import with_spans
from unispect.models.edits import Asked
from unispect.models.embedded import Embedded, columns, edited
from unispect.models.port import Port, Segments, asked
from unispect.models.processing.pictures import pictures_of
from unispect.models.processing.template import Inputs, Token, segments_of

from .keys import GROUPS
from .network import Network
from .processing import Processor


@dataclass(frozen=True)
class Drawing:
    """How pictures are drawn where the caller does not say otherwise; the temperature is that of the order."""

    guidance: float
    temperature: float
    steps: int
    greedy: bool = False

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """The published settings."""
        return cls(card.defaults["guidance"], card.defaults["temperature"], int(card.defaults["steps"]))

    def check(self) -> None:
        """Raises `UsageError` when this cannot be drawn."""
        if self.temperature < 0 or self.steps < 1:
            raise UsageError("a picture is drawn in a step or more, at a temperature of 0 or above")


class SkeletalModel(Port):
    """A model of the family, published or tiny; what is not said here is `Port`'s.

    Behind its prompt stands the canvas: all positions of a picture, which see each other.
    """

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

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        # One picture after the other, so that a batch changes nothing. REPLACE where that is too slow:
        # models/show_o/drawing.py draws pictures together and keeps what it needs of their prompts.
        given = {"guidance": how.guidance, "temperature": how.temperature, "steps": how.steps}
        drawing = asked(self.drawing, **given, greedy=None if how.temperature is None else how.temperature == 0)
        branches = self._branches(self.prompts(inputs), edits)
        return [self._drawn(*own, seed, drawing) for own, seed in zip(branches, how.seeds, strict=True)]

    def _drawn(self, prompt: Embedded, empty: Embedded, seed: int, drawing: Drawing) -> ImageReply:
        positions, codes = self.processor.positions, self.network.config.codes

        def logits(tokens: Tensor) -> Tensor:
            found = self._logits([prompt], tokens).float()
            if drawing.guidance == 1:
                return found
            return guided(found, self._logits([empty], tokens).float(), drawing.guidance)

        drawn = uncover(
            torch.full((1, positions), OPEN, device=self.device),
            logits,
            steps=drawing.steps,
            draws=seeded_draws([seed], drawing.steps, positions, codes),
            temperature=drawing.temperature,
            greedy=drawing.greedy,
        )
        (picture,) = pictures_of(self.network.image_tokenizer.decode(drawn.tokens))
        replay = {**vars(drawing), **drawn.told(0)}
        return ImageReply(picture, seed, tokens=drawn.tokens[0].cpu().numpy(), replay=replay)

    def followed(
        self, prompts: Sequence[Embedded], replies: Sequence[ImageReply], at: int
    ) -> list[tuple[Embedded, Segments]]:
        """See `Port`: the finished canvas, or the one that step `at` began with."""
        found = []
        for prompt, reply in zip(prompts, replies, strict=True):
            if reply.tokens is None:
                raise UsageError(f"the picture was not drawn by {self.card.id}: it has no image tokens")
            tokens = torch.tensor(reply.tokens if at == LAST else canvas_at(reply, at), device=self.device)
            roles = [Token(0, "image", "filler" if token == OPEN else "response") for token in tokens.tolist()]
            found.append((self._with_canvas(prompt, tokens), segments_of(roles, len(prompt))))
        return found

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """Mean over examples of the mean cross entropy of their hidden tokens, in nats."""
        prompts = self._to_learn(examples, inputs)
        hidden = torch.stack([_hidden(example.seed, finished.shape[1]) for example in examples]).to(self.device)
        logits = self._logits(prompts, torch.where(hidden, OPEN, finished)).float()
        each = F.cross_entropy(logits.transpose(1, 2), finished, reduction="none")
        return ((each * hidden).sum(1) / hidden.sum(1)).mean()

    def picture_targets(self, pixels: Tensor) -> Tensor:
        return self.network.image_tokenizer.encode(pixels)

    def _logits(self, prompts: Sequence[Embedded], tokens: Tensor) -> Tensor:
        """Logits [samples, positions, codes] of canvases [samples, positions], -1 where they are open."""
        sequences = [self._with_canvas(prompt, own) for prompt, own in zip(prompts, tokens, strict=True)]
        *_, last = stream_each(self.backbone, *columns(sequences))
        states = [final_norm(self.backbone)(own[-tokens.shape[1] :]) for own in last]
        return torch.stack([self.network.image_head(own) for own in states])

    def _with_canvas(self, prompt: Embedded, tokens: Tensor) -> Embedded:
        rows = torch.cat([prompt.rows, self.network.canvas_rows(tokens)])
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


def _hidden(seed: int, positions: int) -> Tensor:
    """Which positions [positions] of an example are to be guessed, from its seed alone: as many as at an even time."""
    generator = torch.Generator().manual_seed(seed % 2**64)
    count = max(1, round(positions * float(open_share("cosine", torch.rand((), generator=generator)))))
    return torch.randperm(positions, generator=generator) < count
