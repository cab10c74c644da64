"""OmniGen2 behind the seam of `unispect.models.base`.

Two networks. Texts are written by a stock Qwen2.5-VL; pictures are drawn by a transformer of its own, which hears the
final states of the prompt and, of given pictures, latents. No state of the language model belongs to a drawn picture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor

from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling, Reply, TextReply, TextSampling
from unispect.models.base import Example, Losses
from unispect.models.capture import stream_each
from unispect.models.checks import (
    check_replies,
    check_seeds,
    check_states,
    inputs_for,
    named,
    require,
    text_reply_segments,
)
from unispect.models.decode import positions as places
from unispect.models.decode import replay
from unispect.models.decode.flow import start_noise
from unispect.models.omnigen2 import inside, learning, pictures
from unispect.models.omnigen2.config import REFERENCES
from unispect.models.omnigen2.drawing import Drawing, Source, paths
from unispect.models.omnigen2.hearing import final_states
from unispect.models.omnigen2.keys import GROUPS
from unispect.models.omnigen2.network import OmniGen2Network
from unispect.models.omnigen2.processing import Inputs, Processor
from unispect.models.omnigen2.writing import Writing
from unispect.models.processing.pictures import posterior_noise, target_pixels
from unispect.models.settings import Settled
from unispect.models.voice import Voice, shared_rows


class OmniGen2(Settled):
    """An OmniGen2 model, published or tiny.

    Args:
        card: what is known about it; its revision should be that of the weights.
        network: the filled network; its dtype and device are the model's.
        processor: tokenizer, template and picture format.
        drawing: how pictures are drawn where the caller does not say otherwise, of other sizes too.
        writing: how texts are written.
    """

    SETTINGS = ("drawing", "writing")

    def __init__(
        self,
        card: ModelCard,
        network: OmniGen2Network,
        processor: Processor,
        drawing: Drawing,
        writing: Writing | None = None,
    ) -> None:
        self.card = card
        self.network = network
        self.processor = processor
        self.drawing = drawing
        self.writing = writing or Writing(processor.system)
        self.trunk = network.trunk
        self._settle()

    @property
    def voice(self) -> Voice:
        """What it writes with."""
        special = self.processor.special
        stops = (special.stop, special.draw) if self.writing.stop_to_draw else (special.stop,)
        processor = self.processor
        return Voice(self.trunk, self.network.text_logits, special.end, processor.decode, processor.answer_ids, stops)

    @property
    def device(self) -> torch.device:
        return self.trunk.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.trunk.embed_tokens.weight.dtype

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        """See `UnifiedModel.encode`.

        A prompt for a picture may hold up to five pictures to draw from. The language model sees them only in the form
        of the authors' chat (`drawing.chat`), which all prompts for a text have.
        """
        require(self.card, "write" if goal is Goal.TEXT else "draw")
        if any(prompt.images for prompt in prompts):
            require(self.card, "see" if goal is Goal.TEXT else "redraw")
        if goal is Goal.IMAGE and max((len(prompt.images) for prompt in prompts), default=0) > REFERENCES:
            raise UsageError(f"{self.card.id} draws from {REFERENCES} pictures at most; leave some out")
        inputs, segments = self.processor.encode(
            prompts,
            goal,
            system=self.writing.system if goal is Goal.TEXT else self.processor.system,
            chat=self.drawing.chat,
            given=self.drawing.given(self.network.config.cell),
        )
        longest, limit = max(map(len, inputs.ids)), self.trunk.config.max_position_embeddings
        if longest > limit:
            raise DataError(f"a prompt takes {longest} positions, {self.card.id} has {limit}; shorten it")
        return Encoded(goal, segments, replace(inputs, positions=self._positions(inputs)))

    @named
    @torch.inference_mode()
    def write(self, encoded: Encoded, how: TextSampling) -> list[TextReply]:
        """See `UnifiedModel.write`. Where the model asks for a picture, the reply ends: see `asks_to_draw`."""
        require(self.card, "write")
        inputs = inputs_for(encoded, Goal.TEXT, Inputs)
        rows, where = self.prompt_rows(inputs), inputs.positions
        return self.voice.write(rows, how, positions=where, penalty=self.writing.penalty, said=inputs.ids)

    def asks_to_draw(self, reply: TextReply) -> bool:
        """The text begins with the token by which the model asks for a picture instead."""
        return reply.tokens[:1] == (self.processor.special.draw,)

    def answer(self, prompts: Sequence[Prompt], text: TextSampling, picture: ImageSampling) -> list[Reply]:
        """Replies of the authors' chat: a text, or a picture of the same prompt where the text asks for one.

        Seeds are given for every prompt, in both settings.
        """
        check_seeds(picture.seeds, len(prompts))
        replies: list[Reply] = list(self.write(self.encode(prompts, Goal.TEXT), text))
        asked = [i for i, reply in enumerate(replies) if isinstance(reply, TextReply) and self.asks_to_draw(reply)]
        if asked:
            chat = self.with_settings(drawing=replace(self.drawing, chat=True))
            how = replace(picture, seeds=tuple(picture.seeds[i] for i in asked))
            drawn = chat.draw(chat.encode([prompts[i] for i in asked], Goal.IMAGE), how)
            for i, reply in zip(asked, drawn, strict=True):
                replies[i] = reply
        return replies

    @named
    @torch.inference_mode()
    def draw(self, encoded: Encoded, how: ImageSampling) -> list[ImageReply]:
        """See `UnifiedModel.draw`.

        The flow draws noise at its start alone, so `temperature` changes nothing. A reply holds the finished latents;
        its seed and settings repeat every step, and the latents that the last step looked at are kept.
        """
        require(self.card, "draw")
        inputs = inputs_for(encoded, Goal.IMAGE, Inputs)
        check_seeds(how.seeds, len(encoded))
        given = {"guidance": how.guidance, "steps": how.steps}
        drawing = replace(self.drawing, **{name: value for name, value in given.items() if value is not None})
        drawing.check()
        noise = [start_noise([seed], shape)[0] for seed, shape in zip(how.seeds, self.shapes(inputs), strict=True)]
        last, finished = self.draw_latents(self.sources(inputs, seeds=how.seeds), noise, drawing)
        sizes = [None if drawing.align and len(own) == 1 else (drawing.height, drawing.width) for own in inputs.given]
        more = {"image_guidance": drawing.image_guidance, "between": list(drawing.between)}
        return [
            ImageReply(
                pictures.picture(self.decoded(latents), size),
                seed,
                latents=latents.cpu().numpy(),
                replay={**replay.settings(drawing.guidance, drawing.steps, before), **more},
            )
            for latents, seed, size, before in zip(finished, how.seeds, sizes, last, strict=True)
        ]

    @named
    @torch.inference_mode()
    def score(self, encoded: Encoded, answers: Sequence[Sequence[str]]) -> list[Tensor]:
        """See `UnifiedModel.score`."""
        require(self.card, "score")
        inputs = inputs_for(encoded, Goal.TEXT, Inputs)
        return self.voice.score(self.prompt_rows(inputs), answers, positions=inputs.positions)

    @torch.no_grad()
    def states(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerState]:
        """See `UnifiedModel.states`. Pictures have no states here: what drew them is in `decoder_states`."""
        require(self.card, "probe")
        inputs = inputs_for(encoded, encoded.goal, Inputs)
        rows, segments = self.prompt_rows(inputs), encoded.segments
        if replies is not None:
            check_replies(encoded, replies)
            check_states(self.card, encoded.goal)
        if at != LAST:
            raise UsageError(f"{self.card.id} has states of finished texts only: there is no step {at} (use at=LAST)")
        texts = [reply for reply in replies or () if isinstance(reply, TextReply)]
        if texts:
            tokens = [torch.tensor(reply.tokens, dtype=torch.long, device=self.device) for reply in texts]
            rows = [torch.cat([own, self.trunk.embed_tokens(new)]) for own, new in zip(rows, tokens, strict=True)]
            ends = (self.processor.special.end, *self.voice.stops)
            segments = tuple(
                own + text_reply_segments(own[-1].stop, reply, *ends)
                for own, reply in zip(segments, texts, strict=True)
            )
        for layer, states in enumerate(stream_each(self.trunk, rows, positions=inputs.positions)):
            yield LayerState(layer, states, segments, 0 if replies is None else at)

    @torch.no_grad()
    def decoder_states(self, encoded: Encoded, replies: Sequence[Reply], *, at: int = LAST) -> Iterator[LayerState]:
        """See `DrawsApart`. Rows are those of the prompt, of given pictures ("prompt") and of the drawn one.

        They are those of the branch of guidance that has the prompt, with which step `at` computed its velocity; `LAST`
        is the last step. Other steps than the first and the last are drawn again from the seed.
        """
        require(self.card, "probe_decoder")
        return inside.decoder_states(self, encoded, replies, at)

    @named
    def loss(self, batch: Sequence[Example]) -> Losses:
        """See `Trainable.loss`."""
        require(self.card, "learn")
        return learning.losses(self, batch)

    @torch.no_grad()
    def targets(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Latents [pictures, channels, side, side], float32 on the model's device, of pictures to learn to draw.

        Raises:
            DataError: a picture is not square or cannot be read.
        """
        pixels = target_pixels(pictures, self.card.image_size)
        parts = [self.network.encoded(part.to(self.device, self.dtype)) for part in pixels.split(16)]
        return torch.cat(parts).float()

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """See `Trainable.parameter_groups`. There is no "text head" where it is tied."""
        names = [name for name, _ in self.network.named_parameters()]
        groups = {group: [name for name in names if name.startswith(starts)] for group, starts in GROUPS.items()}
        return {group: own for group, own in groups.items() if own}

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """Input embeddings [length, width] of every prompt; equal texts share one tensor.

        Args:
            inputs: from `encode`.
            together: run all pictures through the vision encoder at once. One by one, the default, their features do
                not depend on the batch in their last digits.
        """
        lengths = [len(ids) for ids in inputs.ids]
        ids = torch.cat(inputs.ids).to(self.device)
        rows = self.trunk.embed_tokens(ids)
        if inputs.grids is None:
            return shared_rows(inputs.ids, rows.split(lengths))
        grids = inputs.grids.to(self.device)
        pairs = zip(inputs.patches, grids.split(1), strict=True)
        if together:
            pairs = [(torch.cat(inputs.patches), grids)]
        seen = torch.cat([self.network.features(own.to(self.device, self.dtype), grid) for own, grid in pairs])
        rows = rows.masked_scatter((ids == self.processor.special.place)[:, None], seen)
        return list(rows.split(lengths))

    def sources(self, inputs: Inputs, *, seeds: Sequence[int] = (), together: bool = False) -> list[Source]:
        """What every picture of a batch is drawn from.

        Args:
            inputs: from `encode`.
            seeds: of the samples, for `drawing.sampled`.
            together: run all prompts at once; see `prompt_rows`.
        """
        rows = self.prompt_rows(inputs, together=together)
        prompts = final_states(self.trunk, rows, inputs.positions, together=together)
        bare = self.processor.bare_ids(self.drawing.negative, chat=inputs.chat).to(self.device)
        (empty,) = final_states(self.trunk, [self.trunk.embed_tokens(bare)])
        kept = [(ids != self.processor.special.place).to(self.device) for ids in inputs.ids]
        seeds = seeds or (0,) * len(rows)
        return [
            Source(states[mask], empty, self.reference_latents(given, seed))
            for states, mask, given, seed in zip(prompts, kept, inputs.given, seeds, strict=True)
        ]

    @torch.no_grad()  # the pixel autoencoder never learns here
    def reference_latents(self, given: Sequence[Tensor], seed: int = 0) -> tuple[Tensor, ...]:
        """Latents [channels, height, width], float32, of pictures to draw from [3, height, width]."""
        found = []
        for pixels in given:
            shape = self.latent_shape(pixels.shape[1:])
            noise = posterior_noise(pixels, shape, seed)[None] if self.drawing.sampled else None
            found.append(self.network.encoded(pixels[None].to(self.device, self.dtype), noise)[0].float())
        return tuple(found)

    @torch.inference_mode()
    def draw_latents(
        self, sources: Sequence[Source], noise: Sequence[Tensor], drawing: Drawing
    ) -> tuple[list[Tensor], list[Tensor]]:
        """What the last step looked at, and the finished latents, each [channels, height, width] in float32."""
        last, finished = list(noise), list(noise)
        for members, path in paths(self.network.transformer, sources, noise, drawing):
            before, after = deque(path, maxlen=2)
            for place, sample in enumerate(members):
                last[sample], finished[sample] = before[place], after[place]
        return last, finished

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [3, height, width], nominally in -1..1, of the finished latents of one picture."""
        return self.network.decoded(latents[None].to(self.device))[0]

    def latent_shape(self, pixels: Sequence[int]) -> tuple[int, int, int]:
        """Channels, rows and columns of the latents of a picture of this height and width."""
        config = self.network.config
        return config.transformer.channels, pixels[0] // config.stride, pixels[1] // config.stride

    def shapes(self, inputs: Inputs) -> list[tuple[int, int, int]]:
        """Shapes of the latents that are drawn for every prompt."""
        cell = self.network.config.cell
        return [self.latent_shape(self.drawing.pixels(given, cell)) for given in inputs.given]

    def _positions(self, inputs: Inputs) -> tuple[places.Positions, ...]:
        """Where tokens stand; prompts without pictures count up."""
        if inputs.grids is None:
            return (None,) * len(inputs.ids)
        grids = iter(inputs.grids.split(list(inputs.seen)))
        return tuple(
            None if not count else self.network.positions(ids, ids == self.processor.special.place, own)
            for ids, count, own in zip(inputs.ids, inputs.seen, grids, strict=True)
        )
