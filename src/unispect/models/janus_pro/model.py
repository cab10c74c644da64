"""Janus-Pro behind the seam of `unispect.models.base`.

The network is transformers' `JanusForConditionalGeneration`. What that class lacks or does differently is done in this
package: guidance and sampling, states while drawing, tokenising pictures, template, preprocessing
(docs/sources/janus-pro.md#stock-classes).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor, nn
from transformers.models.janus.modeling_janus import JanusForConditionalGeneration
from transformers.models.llama.modeling_llama import LlamaModel

from unispect.core.errors import UsageError
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.base import Example
from unispect.models.decode.autoregressive import draw_tokens
from unispect.models.decode.chance import exponential_draws
from unispect.models.edits import Asked
from unispect.models.embedded import branch_rows
from unispect.models.janus_pro.drawing import DrawSettings
from unispect.models.janus_pro.keys import GROUPS
from unispect.models.janus_pro.network import backbone_of, decoded_codes, encode_codes, sees_codes
from unispect.models.janus_pro.processing import Inputs, Processor
from unispect.models.losses import token_loss
from unispect.models.port import Port, asked
from unispect.models.processing.pictures import pictures_of

_TABLE_LIMIT = 2**22
"""Numbers in a table of all fed-back embeddings, up to which it is made once per call instead of row by row."""


class JanusPro(Port):
    """A Janus-Pro model, published or tiny.

    Attributes:
        drawing: how pictures are drawn where the caller does not say otherwise, for other sizes too.
    """

    INPUTS, GROUPS = Inputs, GROUPS
    network: JanusForConditionalGeneration
    processor: Processor
    drawing: DrawSettings

    def language(self) -> tuple[LlamaModel, nn.Module]:
        """See `Port`."""
        return backbone_of(self.network), self.network.lm_head

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        """See `Port`. The reply's tokens and seed repeat every step."""
        drawing = asked(self.drawing, guidance=how.guidance, temperature=how.temperature)
        if how.steps not in (None, drawing.places):
            raise UsageError(f"{self.card.id} draws in exactly {drawing.places} steps, not {how.steps}")
        guidance, temperature = drawing.guidance, drawing.temperature
        tokens = self.draw_codes(inputs, guidance=guidance, temperature=temperature, seeds=how.seeds, edits=edits)
        settings = {"guidance": guidance, "temperature": temperature}
        return [
            ImageReply(picture, seed, tokens=codes, replay=settings)
            for picture, seed, codes in zip(self.pictures(tokens), how.seeds, tokens.cpu().numpy(), strict=True)
        ]

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """Mean cross entropy per image token of codes [examples, tokens], in nats."""
        ids = [
            self.processor.emptied(own) if example.unconditional else own
            for example, own in zip(examples, inputs.ids, strict=True)
        ]
        prompts = self.prompts(Inputs(tuple(ids), None))
        head = self.network.model.generation_head
        return token_loss(self.backbone, prompts, self.code_rows(finished[:, :-1]), finished, head)

    def picture_targets(self, pixels: Tensor) -> Tensor:
        """Image tokens [pictures, tokens], int64."""
        return encode_codes(self.network.model.vqmodel, pixels.to(self.dtype))

    def empty_rows(self, inputs: Inputs) -> list[Tensor]:
        """Input embeddings of the unconditional branch of guidance."""
        return self.prompt_rows(Inputs(tuple(map(self.processor.emptied, inputs.ids)), None))

    def features(self, pixels: Tensor) -> Tensor:
        """See `Port`."""
        if sees_codes(self.network.config):
            return self.code_rows(self.picture_targets(pixels.to(self.device)))
        seen = self.network.model.vision_model(pixels.to(self.device, self.dtype)).last_hidden_state
        return self.network.model.aligner(seen)

    def code_rows(self, codes: Tensor) -> Tensor:
        """What is fed back for image tokens of any shape: embeddings [..., width]. Never the tokenizer's codebook."""
        return self.network.prepare_embeddings_for_image_generation(codes)

    @torch.inference_mode()
    def draw_codes(
        self,
        inputs: Inputs,
        *,
        guidance: float,
        temperature: float,
        seeds: Sequence[int] = (),
        draws: Sequence[Tensor] | Tensor | None = None,
        edits: Asked | None = None,
    ) -> Tensor:
        """Image tokens [samples, tokens]; `draws` stand in for those of the seeds (see `draw_tokens`)."""
        steps, choices = self.drawing.places, self.network.model.generation_embeddings.num_embeddings
        feed = self.code_rows
        if choices * self.backbone.config.hidden_size <= _TABLE_LIMIT:
            feed = self.code_rows(torch.arange(choices, device=self.device)).__getitem__
        noise = exponential_draws(seeds, steps, choices) if draws is None and temperature else draws
        prompts, prompt_edits = branch_rows(self.prompt_rows(inputs), edits, "conditional")
        empty, empty_edits = (
            branch_rows(self.empty_rows(inputs), edits, "unconditional") if guidance != 1 else (None, ())
        )
        return draw_tokens(
            self.backbone,
            prompts,
            empty,
            feed=feed,
            head=self.network.model.generation_head,
            steps=steps,
            guidance=guidance,
            temperature=temperature,
            draws=noise,
            edits=None if edits is None else [*prompt_edits, *empty_edits],
        )

    @torch.inference_mode()
    def decoded(self, codes: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of image tokens [pictures, tokens].

        Picture by picture, so that states are batch-invariant.
        """
        tokenizer, grid = self.network.model.vqmodel, self.drawing.grid
        return torch.cat([decoded_codes(tokenizer, own, grid) for own in codes.split(1)])

    def pictures(self, codes: Tensor) -> list[Image.Image]:
        """RGB pictures of image tokens [pictures, tokens]; values are cut off, not rounded, as upstream."""
        return pictures_of(self.decoded(codes))
