"""Show-o behind the seam of `unispect.models.base`.

One table holds text and image tokens, and one backbone reads them: text causally, pictures in both directions. A
picture is drawn on a canvas of masks behind 129 positions of text; what a prompt leaves unused of both is filler, and
is run as the authors run it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from PIL import Image
from torch import Tensor, nn
from transformers.models.phi.modeling_phi import PhiModel

from unispect.core.encoded import LAST
from unispect.core.errors import Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.base import Example
from unispect.models.decode.confident import OPEN, Uncovered, canvas_at, seeded_draws
from unispect.models.decode.mask import AttentionMask, extended
from unispect.models.edits import Asked
from unispect.models.embedded import Embedded, embedded_rows
from unispect.models.port import Port, Segments, asked
from unispect.models.processing.pictures import pictures_of
from unispect.models.processing.template import Token, segments_of
from unispect.models.show_o.drawing import DrawSettings, draw_codes
from unispect.models.show_o.keys import GROUPS
from unispect.models.show_o.learning import draw_loss, masked_positions
from unispect.models.show_o.network import ShowONetwork
from unispect.models.show_o.processing import PICTURE, Inputs, Processor


class ShowO(Port):
    """A Show-o model, published or tiny.

    A prompt for a picture is the whole input of the first step: text, unused positions (filler), and a canvas of masks
    (filler) between its two ends.

    Attributes:
        drawing: how pictures are drawn where the caller does not say otherwise.
    """

    INPUTS, GROUPS = Inputs, GROUPS
    network: ShowONetwork
    processor: Processor
    drawing: DrawSettings

    def language(self) -> tuple[PhiModel, nn.Module]:
        """See `Port`."""
        return self.network.backbone, self.network.showo.lm_head

    def check_redrawing(self, prompts: Sequence[Prompt]) -> None:
        """See `Port`. A prompt for a picture may hold one, whose transparent part is drawn."""
        if any(len(prompt.images) > 1 for prompt in prompts):
            raise Unsupported(self.card.id, "draw", "from a prompt that holds several pictures: one is completed")

    def left_out(self, prompt: Prompt, goal: Goal) -> int:
        """See `ReadsPart`."""
        return self.processor.left_out(prompt, goal)

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """See `Port`."""
        seen = None
        if inputs.pixels is not None and inputs.shown is not None:
            seen = self.seen(inputs, together=together)[inputs.shown.to(self.device)]
        pictures = torch.cat(inputs.ids).to(self.device) == PICTURE
        return embedded_rows(self.backbone.embed_tokens, inputs.ids, pictures, seen)

    def prompts(self, inputs: Inputs, *, together: bool = False) -> list[Embedded]:
        """See `Port`."""
        rows = self.prompt_rows(inputs, together=together)
        return [
            Embedded(own, None if attention_mask is None else attention_mask.to(self.device))
            for own, attention_mask in zip(rows, inputs.attention_masks, strict=True)
        ]

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        """See `Port`. With the step at which each token was found, the tokens repeat any step.

        As with the authors, the temperature is that of the order in which positions are filled; at 0, which here means
        the most likely tokens, they have no such sampler (`DrawSettings.greedy`). Where a token was taken away again,
        as may happen at temperatures above 4.3, the reply holds the canvas of every step instead.

        The canvas is part of the prompt, and so its positions are edited in every step; nothing stands behind it. The
        unconditional branch of guidance reads a prompt that says nothing, of as many positions. Filler in front of the
        text is run only as far as the longest prompt of a batch needs it, and nothing looks at it.
        """
        if edits is not None:
            edits.no_response("it draws on the canvas that its prompt ends with; name positions of that, or 'filler'")
        greedy = None if how.temperature is None else how.temperature == 0
        given = {"guidance": how.guidance, "temperature": how.temperature, "steps": how.steps, "greedy": greedy}
        drawing, config = asked(self.drawing, **given), self.network.config
        drawn = self.draw_codes(
            inputs, drawing, seeded_draws(how.seeds, drawing.steps, config.image_tokens, config.codes), edits
        )
        settings = {
            "guidance": drawing.guidance,
            "schedule": drawing.schedule,
            "temperature": drawing.temperature,
            "steps": drawing.steps,
            **({"greedy": True} if drawing.greedy else {}),
        }
        return [
            ImageReply(picture, seed, tokens=tokens.cpu().numpy(), replay={**settings, **drawn.told(sample)})
            for sample, (picture, seed, tokens) in enumerate(
                zip(self.pictures(drawn.tokens), how.seeds, drawn.tokens, strict=True)
            )
        ]

    def followed(
        self, prompts: Sequence[Embedded], replies: Sequence[ImageReply], at: int
    ) -> list[tuple[Embedded, Segments]]:
        """See `Port`. Behind a prompt, the canvas stands there once more.

        It is finished at `LAST`, or as it was when a step began. Both canvases see the text and themselves, at the same
        positions, in one pass.
        """
        found = []
        for prompt, reply in zip(prompts, replies, strict=True):
            tokens = self._canvas(reply, at)
            positions = torch.arange(len(prompt), device=self.device)
            positions = torch.cat([positions, positions[self.network.config.text_tokens :]])
            rows = torch.cat([prompt.rows, self.token_rows([token.id for token in tokens])])
            found.append(
                (Embedded(rows, self._twice(prompt.attention_mask), positions), segments_of(tokens, len(prompt)))
            )
        return found

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """See `learning.draw_loss`."""
        config = self.network.config
        # Of a picture to be completed, what is transparent is hidden.
        hidden = [
            own[config.picture] != PICTURE
            if example.prompt.images
            else masked_positions(example.seed, config.image_tokens, config.mask_all)
            for example, own in zip(examples, inputs.ids, strict=True)
        ]
        ids = [
            self.processor.canvas_ids() if example.unconditional else own
            for example, own in zip(examples, inputs.ids, strict=True)
        ]
        attention_masks = [self.processor.drawing_mask(own) for own in ids]
        return draw_loss(self.network, torch.stack(ids), torch.stack(attention_masks), finished, torch.stack(hidden))

    def picture_targets(self, pixels: Tensor) -> Tensor:
        """Image codes [pictures, image tokens], int64."""
        return self.network.vq.codes(pixels.to(self.dtype))

    def seen(self, inputs: Inputs, *, together: bool = False) -> Tensor:
        """What the backbone reads of the pictures of prompts [pictures, image tokens, width]."""
        assert inputs.pixels is not None
        pixels = inputs.pixels.to(self.device, self.dtype)
        parts = [pixels] if together else pixels.split(1)
        if inputs.goal is Goal.TEXT and self.network.clip is not None:
            return torch.cat([self.network.seen(part) for part in parts])
        return self.code_rows(self.codes(parts))

    @torch.no_grad()
    def codes(self, parts: Iterable[Tensor]) -> Tensor:
        """Image codes [pictures, image tokens] of pictures, tokenised part by part."""
        return torch.cat([self.network.vq.codes(part) for part in parts])

    def code_rows(self, codes: Tensor) -> Tensor:
        """Input embeddings [..., width] of image codes [...]."""
        return self.backbone.embed_tokens(codes + self.network.config.first_code)

    @torch.inference_mode()
    def draw_codes(
        self,
        inputs: Inputs,
        drawing: DrawSettings,
        draws: Iterable[tuple[Tensor, Tensor]],
        edits: Asked | None = None,
    ) -> Uncovered:
        """Image codes; see `drawing.draw_codes`."""
        ids = [own.to(self.device) for own in inputs.ids]
        empty = self.processor.canvas_ids().to(self.device)
        others = [[self.processor.canvas_segments()] * len(ids)] if drawing.guidance != 1 else []
        changes = edits and edits.branches(*others)
        return draw_codes(self.network, ids, empty, self.known(inputs), drawing, draws, changes)

    @torch.inference_mode()
    def known(self, inputs: Inputs) -> Tensor:
        """Image codes [samples, image tokens] that pictures in prompts give, -1 where the picture is to be drawn."""
        given = torch.stack([own[self.network.config.picture] for own in inputs.ids]).to(self.device) == PICTURE
        known = torch.full(given.shape, OPEN, dtype=torch.long, device=self.device)
        if inputs.pixels is None or inputs.shown is None:
            return known
        codes = self.codes(inputs.pixels.to(self.device, self.dtype).split(1))
        return known.masked_scatter(given, codes[inputs.shown.to(self.device)])

    @torch.inference_mode()
    def decoded(self, codes: Tensor, grid: tuple[int, int] | None = None) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of image codes [pictures, image tokens].

        Picture by picture, so that states are batch-invariant.

        Args:
            codes: in raster order.
            grid: rows and columns; default: those of a picture that the model draws.
        """
        side = self.network.config.side
        return torch.cat([self.network.vq.decode(own, grid or (side, side)) for own in codes.split(1)])

    def pictures(self, codes: Tensor, grid: tuple[int, int] | None = None) -> list[Image.Image]:
        """RGB pictures of image codes."""
        return pictures_of(self.decoded(codes, grid))

    def _twice(self, attention_mask: AttentionMask) -> AttentionMask:
        """The mask of a canvas that stands there once more behind itself: text and the second see no first."""
        assert attention_mask is not None
        text, length = self.network.config.text_tokens, len(attention_mask)
        whole = extended(attention_mask, 2 * length - text, self.device)
        assert whole is not None
        whole[length:] = torch.cat(
            [
                attention_mask[text:, :text],
                torch.zeros_like(attention_mask[text:, text:]),
                attention_mask[text:, text:],
            ],
            1,
        )
        return whole

    def _canvas(self, reply: ImageReply, at: int) -> list[Token]:
        """Tokens of a picture between its two ends, with what they are."""
        config = self.network.config
        if reply.tokens is None or len(reply.tokens) != config.image_tokens:
            raise UsageError(
                f"the picture was not drawn by {self.card.id}: it has no {config.image_tokens} image tokens"
            )
        inside = [
            Token(config.mask, "image", "filler")
            if code == OPEN
            else Token(int(code) + config.first_code, "image", "response")
            for code in (reply.tokens if at == LAST else canvas_at(reply, at))
        ]
        start, end = (Token(config.special(name), "text", "template") for name in ("soi", "eoi"))
        return [start, *inside, end]
