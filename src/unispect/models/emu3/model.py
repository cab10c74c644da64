"""Emu3 behind the seam of `unispect.models.base`.

The network is transformers' `Emu3ForConditionalGeneration`: one vocabulary, one table and one head for words and image
tokens. What that class leaves to its callers is done in this package: guidance, sampling, the grid of a picture,
template, preprocessing (docs/sources/emu3.md#stock-classes).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.emu3.modeling_emu3 import Emu3ForConditionalGeneration, Emu3TextModel

from unispect.core.errors import UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.base import Example
from unispect.models.decode.autoregressive import draw_tokens
from unispect.models.decode.chance import exponential_draws
from unispect.models.edits import Asked, bare
from unispect.models.embedded import Embedded, branch_rows, embedded_rows
from unispect.models.emu3.config import first_code, row_end
from unispect.models.emu3.drawing import DrawSettings
from unispect.models.emu3.keys import GROUPS
from unispect.models.emu3.network import decoded_codes, encode_codes
from unispect.models.emu3.processing import Inputs, Processor
from unispect.models.losses import token_loss
from unispect.models.port import Port, Segments, asked
from unispect.models.processing.pictures import pictures_of
from unispect.models.processing.template import Token, segments_of

_IGNORED = -100
"""What cross entropy counts as no target."""


class Emu3(Port):
    """An Emu3 model, published or tiny.

    Attributes:
        drawing: how pictures are drawn where the caller does not say otherwise, for other sizes too.
    """

    INPUTS, GROUPS = Inputs, GROUPS
    network: Emu3ForConditionalGeneration
    processor: Processor
    drawing: DrawSettings

    def language(self) -> tuple[Emu3TextModel, nn.Module]:
        """See `Port`."""
        return self.network.model.text_model, self.network.lm_head

    def tokenised(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[Segments, ...]]:
        """See `Port`. A prompt for a picture tells its rows and columns."""
        return self.processor.encode(prompts, goal, self.drawing.grid, self.drawing.positive)

    @property
    def drawn_positions(self) -> int:
        """See `Port`."""
        return self.drawing.steps

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """See `Port`. Pictures are seen one by one, whatever is asked for: they have sizes of their own."""
        seen = torch.cat([self.features(own[None])[0] for own in inputs.pixels]) if inputs.pixels else None
        pictures = torch.cat(inputs.ids).to(self.device) == self.processor.placeholder
        return embedded_rows(self.backbone.embed_tokens, inputs.ids, pictures, seen)

    def features(self, pixels: Tensor) -> Tensor:
        """See `Port`. Without row ends, which are tokens of the template."""
        return self.code_rows(self.codes(pixels).flatten(1))

    def code_rows(self, codes: Tensor) -> Tensor:
        """Input embeddings [..., width] of image codes [...]; the number of codes stands for the end of a row."""
        config = self.network.config
        ids = torch.where(codes == self._codes, row_end(config), codes + first_code(config))
        return self.backbone.embed_tokens(ids)

    def codes(self, pixels: Tensor) -> Tensor:
        """Image codes [pictures, rows, columns] of pictures [pictures, 3, height, width] in -1..1."""
        tokenizer = self.network.model.vqmodel
        with torch.no_grad():
            own = pixels.to(self.device, tokenizer.dtype).split(1)
            return torch.cat([encode_codes(tokenizer, picture) for picture in own])

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        """See `Port`. The reply's tokens, without row ends, and seed repeat every step.

        Row ends take positions too. What the unconditional branch of guidance reads (`drawing.negative`) is template.
        """
        drawing = asked(self.drawing, guidance=how.guidance, temperature=how.temperature)
        rows, columns = drawing.grid
        if how.steps not in (None, rows * columns):
            raise UsageError(f"{self.card.id} draws in exactly {rows * columns} steps, not {how.steps}")
        tokens = self.draw_codes(inputs, drawing, seeds=how.seeds, edits=edits)
        settings = {"guidance": drawing.guidance, "temperature": drawing.temperature, "top_k": drawing.top_k}
        return [
            ImageReply(picture, seed, tokens=codes, replay=settings)
            for picture, seed, codes in zip(self.pictures(tokens), how.seeds, tokens.cpu().numpy(), strict=True)
        ]

    def followed(
        self, prompts: Sequence[Embedded], replies: Sequence[ImageReply], at: int
    ) -> list[tuple[Embedded, Segments]]:
        """See `Port`. Row ends, which nobody chose, stand between the image tokens and are template."""
        found = []
        for prompt, reply in zip(prompts, replies, strict=True):
            codes = self._with_row_ends(self._drawn_tokens(reply, at)[None])[0]
            kinds = [Token(code, "image", "template" if code == self._codes else "response") for code in codes.tolist()]
            rows = torch.cat([prompt.rows, self.code_rows(codes)])
            found.append((Embedded(rows), segments_of(kinds, len(prompt))))
        return found

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """Mean cross entropy per image token of codes [examples, tokens] over the whole vocabulary, in nats.

        As in the authors' training, row ends are fed and are no targets, and the unconditional branch has no prompt.
        """
        empty = self.processor.instead("", self.drawing.grid)
        ids = [empty if example.unconditional else own for example, own in zip(examples, inputs.ids, strict=True)]
        fed = self._with_row_ends(finished)
        targets = torch.where(fed == self._codes, _IGNORED, fed + first_code(self.network.config))
        prompts = self.prompts(Inputs(tuple(ids)))
        return token_loss(self.backbone, prompts, self.code_rows(fed[:, :-1]), targets, self.network.lm_head)

    def picture_targets(self, pixels: Tensor) -> Tensor:
        """Image codes [pictures, tokens] in raster order, int64."""
        return self.codes(pixels).flatten(1)

    @torch.inference_mode()
    def draw_codes(
        self,
        inputs: Inputs,
        drawing: DrawSettings,
        *,
        seeds: Sequence[int] = (),
        draws: Iterable[Tensor] | None = None,
        edits: Asked | None = None,
    ) -> Tensor:
        """Image codes [samples, tokens] in raster order; `draws` stand in for those of the seeds."""
        start, choices = first_code(self.network.config), self._codes
        head = self.network.lm_head.weight[start : start + choices]
        rows, columns = drawing.grid
        if draws is None and drawing.temperature:
            draws = exponential_draws(seeds, rows * columns, choices)
        prompts, prompt_edits = branch_rows(self.prompt_rows(inputs), edits, "conditional")
        empty, empty_edits = None, []
        if drawing.guidance != 1:
            instead = self.processor.instead(drawing.negative, drawing.grid)
            rows, segments = self.prompt_rows(Inputs((instead,))) * len(prompts), [bare(len(instead))] * len(prompts)
            empty, empty_edits = branch_rows(rows, edits, "unconditional", segments)
        tokens = draw_tokens(
            self.backbone,
            prompts,
            empty,
            feed=self.code_rows,
            head=lambda states: F.linear(states, head),
            steps=drawing.steps,
            guidance=drawing.guidance,
            temperature=drawing.temperature,
            draws=draws,
            top_k=drawing.top_k,
            forced=dict.fromkeys(drawing.row_ends, choices),
            edits=None if edits is None else [*prompt_edits, *empty_edits],
        )
        return tokens[tokens != choices].view(len(tokens), -1)

    @torch.inference_mode()
    def decoded(self, codes: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of image codes [pictures, tokens].

        Picture by picture, so that states are batch-invariant.
        """
        tokenizer = self.network.model.vqmodel
        return torch.cat([decoded_codes(tokenizer, own.unflatten(1, self.drawing.grid)) for own in codes.split(1)])

    def pictures(self, codes: Tensor) -> list[Image.Image]:
        """RGB pictures of image codes [pictures, tokens]."""
        return pictures_of(self.decoded(codes))

    @property
    def _codes(self) -> int:
        """Image codes that there are; as a code, the end of a row."""
        return self.network.model.vqmodel.quantize.embedding.num_embeddings

    def _with_row_ends(self, codes: Tensor) -> Tensor:
        """Codes [pictures, tokens] with the end of every row but the last behind it [pictures, steps]."""
        grid = codes.unflatten(1, self.drawing.grid)
        return F.pad(grid, (0, 1), value=self._codes).flatten(1)[:, :-1]
