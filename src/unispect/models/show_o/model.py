"""Show-o behind the seam of `unispect.models.base`.

One table holds text and image tokens, and one trunk reads them: text causally, pictures in both directions. A picture
is drawn on a canvas of masks behind 129 places of text; what a prompt leaves unused of both is filler, and is run as
the authors run it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor

from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.errors import DataError, Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.core.replies import ImageReply, ImageSampling, Reply, TextReply, TextSampling
from unispect.models.base import Example, Losses
from unispect.models.capture import stream_each
from unispect.models.checks import check_replies, check_seeds, cuts, inputs_for, named, require, text_reply_segments
from unispect.models.decode.confident import OPEN, Uncovered, canvas_at, seeded_draws
from unispect.models.decode.finite import require_finite
from unispect.models.decode.sight import Sight, extended
from unispect.models.processing.pictures import target_pixels
from unispect.models.processing.template import Token, segments_of
from unispect.models.settings import Settled
from unispect.models.show_o import learning
from unispect.models.show_o.drawing import Drawing, draw_codes
from unispect.models.show_o.keys import GROUPS
from unispect.models.show_o.network import ShowONetwork
from unispect.models.show_o.processing import PICTURE, Inputs, Processor
from unispect.models.voice import Voice, shared_rows


class ShowO(Settled):
    """A Show-o model, published or tiny.

    Args:
        card: what is known about it; its revision should be that of the weights.
        network: the filled network; its dtype and device are the model's.
        processor: tokenizer, templates and picture format.
        drawing: how pictures are drawn where the caller does not say otherwise.
    """

    SETTINGS = ("drawing",)

    def __init__(self, card: ModelCard, network: ShowONetwork, processor: Processor, drawing: Drawing) -> None:
        self.card = card
        self.network = network
        self.processor = processor
        self.drawing = drawing
        self.trunk = network.trunk
        self.voice = Voice(self.trunk, network.showo.lm_head, processor.end, processor.decode, processor.answer_ids)
        self._settle()

    @property
    def device(self) -> torch.device:
        return self.trunk.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.trunk.embed_tokens.weight.dtype

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        """See `UnifiedModel.encode`. A prompt for a picture may hold one, whose transparent part is drawn."""
        require(self.card, "write" if goal is Goal.TEXT else "draw")
        if any(prompt.images for prompt in prompts):
            require(self.card, "see" if goal is Goal.TEXT else "redraw")
            if goal is Goal.IMAGE and any(len(prompt.images) > 1 for prompt in prompts):
                raise Unsupported(self.card.id, "draw", "from a prompt that holds several pictures: one is completed")
        inputs, segments = self.processor.encode(prompts, goal)
        longest, limit = max(map(len, inputs.ids)), int(self.trunk.config.max_position_embeddings)
        if longest > limit:
            raise DataError(f"a prompt takes {longest} positions, {self.card.id} has {limit}; shorten it")
        return Encoded(goal, segments, inputs, cuts(prompts, lambda prompt: self.left_out(prompt, goal), inputs.ids))

    def left_out(self, prompt: Prompt, goal: Goal) -> int:
        """See `ReadsPart`."""
        return self.processor.left_out(prompt, goal)

    @named
    @torch.inference_mode()
    def write(self, encoded: Encoded, how: TextSampling) -> list[TextReply]:
        """See `UnifiedModel.write`."""
        require(self.card, "write")
        inputs = inputs_for(encoded, Goal.TEXT, Inputs)
        return self.voice.write(self.prompt_rows(inputs), how, self._sights(inputs))

    @named
    @torch.inference_mode()
    def draw(self, encoded: Encoded, how: ImageSampling) -> list[ImageReply]:
        """See `UnifiedModel.draw`. With the step at which each token was found, the tokens repeat any step.

        As with the authors, the temperature is that of the order in which places are filled; at 0, which here means the
        most likely tokens, they have no such sampler (`Drawing.greedy`). Where a token was taken away again, as may
        happen at temperatures above 4.3, the reply holds the canvas of every step instead.
        """
        require(self.card, "draw")
        inputs = inputs_for(encoded, Goal.IMAGE, Inputs)
        check_seeds(how.seeds, len(encoded))
        given = {"guidance": how.guidance, "temperature": how.temperature, "steps": how.steps}
        drawing = replace(self.drawing, **{name: value for name, value in given.items() if value is not None})
        if how.temperature is not None:
            drawing = replace(drawing, greedy=how.temperature == 0)
        drawing.check()
        config = self.network.config
        drawn = self.draw_codes(inputs, drawing, seeded_draws(how.seeds, drawing.steps, config.places, config.codes))
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

    @named
    @torch.inference_mode()
    def score(self, encoded: Encoded, answers: Sequence[Sequence[str]]) -> list[Tensor]:
        """See `UnifiedModel.score`."""
        require(self.card, "score")
        inputs = inputs_for(encoded, Goal.TEXT, Inputs)
        return self.voice.score(self.prompt_rows(inputs), answers, self._sights(inputs))

    @torch.no_grad()
    def states(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerState]:
        """See `UnifiedModel.states`.

        Without replies, a prompt for a picture has the states of the whole input of the first step: text, unused places
        (filler), and a canvas of masks (filler) between its two ends. With pictures, the canvas stands there once more
        behind them: finished at `LAST`, or as it was when a step began. Both canvases see the text and themselves, at
        the same positions, in one pass. Of the two branches of guidance it is the one that has the prompt.
        """
        require(self.card, "probe")
        inputs = inputs_for(encoded, encoded.goal, Inputs)
        if replies is None and at != LAST:
            raise UsageError("only a drawn reply has steps: give replies, or leave at=LAST")
        if replies is not None:
            check_replies(encoded, replies)
        rows, sights, segments, positions = self.prompt_rows(inputs), self._sights(inputs), encoded.segments, None
        if encoded.goal is Goal.IMAGE:
            positions = torch.arange(len(rows[0]), device=self.device)
        if replies is not None:
            added = [self._reply_tokens(reply, at) for reply in replies]
            segments = tuple(
                own + self._reply_segments(own[-1].stop, reply, new)
                for own, reply, new in zip(segments, replies, added, strict=True)
            )
            new = [self._embedded([token.id for token in own]) for own in added]
            if positions is not None:
                sights = [self._twice(sight) for sight in sights]
                positions = torch.cat([positions, positions[self.network.config.text_places :]])
            rows = [torch.cat(pair) for pair in zip(rows, new, strict=True)]
        where = None if positions is None else [positions] * len(rows)
        step = 0 if replies is None else at
        for layer, states in enumerate(stream_each(self.trunk, rows, sights, where)):
            yield LayerState(layer, states, segments, step)

    @named
    def loss(self, batch: Sequence[Example]) -> Losses:
        """See `Trainable.loss`."""
        require(self.card, "learn")
        return learning.losses(self, batch)

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """See `Trainable.parameter_groups`. Text and image tokens share tables; not every model has a tower."""
        names = [name for name, _ in self.network.named_parameters()]
        groups = {group: [name for name in names if name.startswith(starts)] for group, starts in GROUPS.items()}
        return {group: own for group, own in groups.items() if own}

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """Input embeddings [length, width] of every prompt; equal texts share one tensor.

        Args:
            inputs: from `encode`.
            together: run all pictures through the vision encoder or the picture tokenizer at once. One by one, the
                default, what is seen of them does not depend on the batch in its last digits.
        """
        lengths = [len(ids) for ids in inputs.ids]
        ids = torch.cat(inputs.ids).to(self.device)
        shown = ids == PICTURE
        rows = self.trunk.embed_tokens(ids.masked_fill(shown, 0))
        if inputs.pixels is None or inputs.shown is None:
            return shared_rows(inputs.ids, rows.split(lengths))
        seen = self.seen(inputs, together=together)[inputs.shown.to(self.device)]
        return list(rows.masked_scatter(shown[:, None], seen).split(lengths))

    def seen(self, inputs: Inputs, *, together: bool = False) -> Tensor:
        """What the trunk reads of the pictures of prompts [pictures, places, width]."""
        assert inputs.pixels is not None
        pixels = inputs.pixels.to(self.device, self.dtype)
        parts = [pixels] if together else pixels.split(1)
        if inputs.goal is Goal.TEXT and self.network.clip is not None:
            return torch.cat([self.network.seen(part) for part in parts])
        return self.code_rows(self.codes(parts))

    @torch.no_grad()
    def codes(self, parts: Iterable[Tensor]) -> Tensor:
        """Image codes [pictures, places] of pictures, tokenised part by part."""
        return torch.cat([self.network.vq.codes(part) for part in parts])

    def code_rows(self, codes: Tensor) -> Tensor:
        """Input embeddings [..., width] of image codes [...]."""
        return self.trunk.embed_tokens(codes + self.network.config.first_code)

    @torch.inference_mode()
    def draw_codes(self, inputs: Inputs, drawing: Drawing, draws: Iterable[tuple[Tensor, Tensor]]) -> Uncovered:
        """Image codes; see `drawing.draw_codes`."""
        ids = [own.to(self.device) for own in inputs.ids]
        empty = self.processor.canvas_ids().to(self.device)
        return draw_codes(self.network, ids, empty, self.known(inputs), drawing, draws)

    @torch.inference_mode()
    def known(self, inputs: Inputs) -> Tensor:
        """Image codes [samples, places] that pictures in prompts give, -1 where the picture is to be drawn."""
        places = slice(self.network.config.text_places + 1, -1)
        given = torch.stack([own[places] for own in inputs.ids]).to(self.device) == PICTURE
        known = torch.full(given.shape, OPEN, dtype=torch.long, device=self.device)
        if inputs.pixels is None or inputs.shown is None:
            return known
        codes = self.codes(inputs.pixels.to(self.device, self.dtype).split(1))
        return known.masked_scatter(given, codes[inputs.shown.to(self.device)])

    @torch.inference_mode()
    def decoded(self, codes: Tensor, grid: tuple[int, int] | None = None) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of image codes [pictures, places].

        Picture by picture, so that the company of a picture never changes its last digits.

        Args:
            codes: in raster order.
            grid: rows and columns; default: those of a picture that the model draws.
        """
        side = self.network.config.side
        return torch.cat([self.network.vq.decode(own, grid or (side, side)) for own in codes.split(1)])

    def pictures(self, codes: Tensor, grid: tuple[int, int] | None = None) -> list[Image.Image]:
        """RGB pictures of image codes; values are cut off, not rounded, as upstream."""
        values = (((require_finite(self.decoded(codes, grid).float(), "pixels") + 1) / 2).clamp(0, 1) * 255).to(
            torch.uint8
        )
        return [Image.fromarray(picture) for picture in values.permute(0, 2, 3, 1).cpu().numpy()]

    @torch.no_grad()
    def targets(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Image codes [pictures, places], int64 on the model's device, of pictures to learn to draw.

        Raises:
            DataError: a picture is not square or cannot be read.
        """
        pixels = target_pixels(pictures, self.card.image_size).to(self.device, self.dtype)
        return self.codes(pixels.split(16))

    def _sights(self, inputs: Inputs) -> list[Sight]:
        """What positions look at; one tensor for prompts that share one."""
        return [None if sight is None else sight.to(self.device) for sight in inputs.sights]

    def _twice(self, sight: Sight) -> Sight:
        """The sight of a canvas that stands there once more behind itself: text and the second see no first."""
        assert sight is not None
        text, length = self.network.config.text_places, len(sight)
        whole = extended(sight, 2 * length - text, self.device)
        assert whole is not None
        whole[length:] = torch.cat([sight[text:, :text], torch.zeros_like(sight[text:, text:]), sight[text:, text:]], 1)
        return whole

    def _embedded(self, ids: Sequence[int]) -> Tensor:
        return self.trunk.embed_tokens(torch.tensor(ids, dtype=torch.long, device=self.device))

    def _reply_tokens(self, reply: Reply, at: int) -> list[Token]:
        """Tokens of a reply, with what they are; those of a picture between its two ends."""
        if isinstance(reply, TextReply):
            if at != LAST:
                raise UsageError(f"{self.card.id} writes token by token: it has states of the finished text (at=LAST)")
            return [Token(token, "text", "response") for token in reply.tokens]
        config = self.network.config
        if reply.tokens is None or len(reply.tokens) != config.places:
            raise UsageError(f"the picture was not drawn by {self.card.id}: it has no {config.places} image tokens")
        inside = [
            Token(config.mask, "image", "filler")
            if code == OPEN
            else Token(int(code) + config.first_code, "image", "response")
            for code in (reply.tokens if at == LAST else canvas_at(reply, at))
        ]
        start, end = (Token(config.special(name), "text", "template") for name in ("soi", "eoi"))
        return [start, *inside, end]

    def _reply_segments(self, start: int, reply: Reply, tokens: Sequence[Token]) -> tuple[Segment, ...]:
        if isinstance(reply, TextReply):
            return text_reply_segments(start, reply, self.processor.end)
        return segments_of(tokens, start)
