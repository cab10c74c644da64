"""Janus-Pro behind the seam of `unispect.models.base`.

The network is transformers' `JanusForConditionalGeneration`. What that class lacks or does differently is done in this
package: guidance and sampling, states while drawing, tokenising pictures, template, preprocessing
(docs/sources/janus-pro.md#stock-classes).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from transformers.models.janus.modeling_janus import JanusForConditionalGeneration

from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST
from unispect.core.errors import UsageError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.base import Example
from unispect.models.capture import pad_right, run
from unispect.models.decode.autoregressive import draw_tokens
from unispect.models.decode.chance import exponential_draws
from unispect.models.decode.finite import require_finite
from unispect.models.embedded import Embedded, embedded_rows
from unispect.models.janus_pro.drawing import DrawSettings
from unispect.models.janus_pro.keys import GROUPS
from unispect.models.janus_pro.network import backbone_of, decoded_codes, encode_codes
from unispect.models.janus_pro.processing import Inputs, Processor
from unispect.models.port import Port, Segments, asked
from unispect.models.text_decoder import TextDecoder

_TABLE_LIMIT = 2**22
"""Numbers in a table of all fed-back embeddings, up to which it is made once per call instead of row by row."""


class JanusPro(Port):
    """A Janus-Pro model, published or tiny.

    Args:
        card: what is known about it; its revision should be that of the weights.
        network: the filled network; its dtype and device are the model's.
        processor: the checkpoint's tokenizer, template and picture format.
        drawing: how pictures are drawn where the caller does not say otherwise, for other sizes too.
    """

    INPUTS, GROUPS = Inputs, GROUPS
    network: JanusForConditionalGeneration
    processor: Processor
    drawing: DrawSettings

    def __init__(
        self, card: ModelCard, network: JanusForConditionalGeneration, processor: Processor, drawing: DrawSettings
    ) -> None:
        end, backbone = processor.special.eos, backbone_of(network)
        text_decoder = TextDecoder(backbone, network.lm_head, end, processor.decode, processor.answer_ids)
        super().__init__(card, network, processor, text_decoder, drawing=drawing)

    def tokenised(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[Segments, ...]]:
        """See `Port`. A prompt for a picture holds text only."""
        return self.processor.encode(prompts, goal)

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """See `Port`."""
        seen = None
        if inputs.pixels is not None:
            groups = [inputs.pixels] if together else inputs.pixels.split(1)
            seen = torch.cat([self.features(pixels).flatten(0, 1) for pixels in groups])
        pictures = torch.cat(inputs.ids).to(self.device) == self.processor.special.image
        return embedded_rows(self.backbone.embed_tokens, inputs.ids, pictures, seen)

    def drawn(self, inputs: Inputs, how: ImageSampling) -> list[ImageReply]:
        """See `Port`. The reply's tokens and seed repeat every step."""
        drawing = asked(self.drawing, guidance=how.guidance, temperature=how.temperature)
        if how.steps not in (None, drawing.places):
            raise UsageError(f"{self.card.id} draws in exactly {drawing.places} steps, not {how.steps}")
        guidance, temperature = drawing.guidance, drawing.temperature
        tokens = self.draw_codes(inputs, guidance=guidance, temperature=temperature, seeds=how.seeds)
        settings = {"guidance": guidance, "temperature": temperature}
        return [
            ImageReply(picture, seed, tokens=codes, replay=settings)
            for picture, seed, codes in zip(self.pictures(tokens), how.seeds, tokens.cpu().numpy(), strict=True)
        ]

    def followed(
        self, prompts: Sequence[Embedded], replies: Sequence[ImageReply], at: int
    ) -> list[tuple[Embedded, Segments]]:
        """See `Port`."""
        if at != LAST:
            raise UsageError(
                f"{self.card.id} decodes token by token: it has states of the finished reply only (at=LAST)"
            )
        found = []
        for prompt, reply in zip(prompts, replies, strict=True):
            if reply.tokens is None:
                raise UsageError(f"the picture was not drawn by {self.card.id}: it has no image tokens")
            rows = self.code_rows(torch.tensor(np.asarray(reply.tokens), dtype=torch.long, device=self.device))
            segment = Segment(len(prompt), len(prompt) + len(rows), "image", "response")
            found.append((Embedded(torch.cat([prompt.rows, rows])), (segment,)))
        return found

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """Mean cross entropy per image token of codes [examples, tokens], in nats."""
        ids = [
            self.processor.emptied(own) if example.unconditional else own
            for example, own in zip(examples, inputs.ids, strict=True)
        ]
        # The last token is predicted, never fed.
        fed = self.code_rows(finished[:, :-1])
        prompts = self.prompt_rows(Inputs(tuple(ids), None))
        states = run(self.backbone, pad_right([torch.cat(pair) for pair in zip(prompts, fed, strict=True)]))
        count = finished.shape[1]
        predicting = [own[len(p) - 1 : len(p) - 1 + count] for own, p in zip(states, prompts, strict=True)]
        logits = self.network.model.generation_head(torch.cat(predicting))
        return F.cross_entropy(logits.float(), finished.flatten())

    def picture_targets(self, pixels: Tensor) -> Tensor:
        """Image tokens [pictures, tokens], int64."""
        return encode_codes(self.network.model.vqmodel, pixels.to(self.dtype))

    def empty_rows(self, inputs: Inputs) -> list[Tensor]:
        """Input embeddings of the unconditional branch of guidance."""
        return self.prompt_rows(Inputs(tuple(map(self.processor.emptied, inputs.ids)), None))

    def features(self, pixels: Tensor) -> Tensor:
        """What the backbone sees of pictures [pictures, 3, size, size]: [pictures, tokens, width]."""
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
    ) -> Tensor:
        """Image tokens [samples, tokens]; `draws` stand in for those of the seeds (see `draw_tokens`)."""
        steps, choices = self.drawing.places, self.network.model.generation_embeddings.num_embeddings
        feed = self.code_rows
        if choices * self.backbone.config.hidden_size <= _TABLE_LIMIT:
            feed = self.code_rows(torch.arange(choices, device=self.device)).__getitem__
        noise = exponential_draws(seeds, steps, choices) if draws is None and temperature else draws
        return draw_tokens(
            self.backbone,
            self.prompt_rows(inputs),
            None if guidance == 1 else self.empty_rows(inputs),
            feed=feed,
            head=self.network.model.generation_head,
            steps=steps,
            guidance=guidance,
            temperature=temperature,
            draws=noise,
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
        values = ((require_finite(self.decoded(codes).float(), "pixels") + 1) / 2 * 255).clamp(0, 255).to(torch.uint8)
        return [Image.fromarray(picture) for picture in values.permute(0, 2, 3, 1).cpu().numpy()]
